// The bytes of a weight block, of a packed activation tile and of a KV-cache block; these layouts are defined only
// here.
//
// Weights. Output channels in panels of 32, inputs in quads of 4, unsigned codes: [N/32][K/4][32][4].
//   int8: code = q + 128, one byte each, 128 bytes a quad.
//   int4: code = q + 8; byte j of the 64-byte quad holds channel j/4 in its low nibble and channel 16 + j/4
//         in its high nibble, both for quad position j%4.
//   nl4: the layout of int4; the code is an index of the table of levels.h.
//   nl3: the same with codes of three bits, four quads in 192 bytes. Let p = low code | high code << 3, the pair of codes
//         of the channels j/4 and 16 + j/4 as in int4. Byte 64*i + j has the pair of quad i (i < 3) in its bits 0...5,
//         and bits 2*i and 2*i + 1 of the pair of quad 3 in its bits 6 and 7. The inputs are a multiple of 32.
//         Why not a plane of two bits and one of one: vpermb looks up 64 bytes by six bits of each index and ignores
//         the other two. So one load gives the levels of both halves of a quad with two tables, without a mask or a
//         shift: 13 instructions for four quads, where planes take 17 and int4 takes 12. It is also the shorter with
//         vpshufb, 28 against 45.
// Scales: bf16 or float16, [N/32][groups][32]; channel-wise weights have one group.
// A last panel with fewer than 32 channels is padded: code = zero point, scale = 0; nl4 and nl3, in which no level is 0,
// have the code 8 or 4.
// Asymmetric weights have a zero point per channel and group, the unsigned code of weight 0; a weight is
// (code - zero) * scale. int8: a byte, [N/32][groups][32]. int4: two in a byte, [N/32][groups][16], byte j with channel
// j in its low nibble and channel 16 + j in its high one; the padding's zero points are 128 and 8.
//
// Activations. Rows in tiles of 6: codes [M/6][K/4][6][4], scales and code sums [M/6][groups][6]. A tile's rows are
// interleaved because rows at a stride of 4096 bytes would map to the same L1 set. Missing rows of the last tile
// are zero. With many rows the kernels of AMX have an order of their own, in tiles of 16 rows, which they alone write and read
// (amx.c).
//
// KV cache. Blocks of 32 positions per KV head: keys transposed [headSize][32], values [32][headSize]. Transposed
// keys give the scores of 32 positions with vertical multiply-adds only, in an order that does not depend on the
// batch.
//   int8 blocks: keys like a weight panel whose channels are positions, code = q + 128: [headSize/4][32][4]; values with
//   four positions together: [32/4][headSize][4], signed; then 32 float scales, one a position (per head and token).
#pragma once
#include <stdint.h>

enum {
  QUIRE_PANEL = 32,      // output channels in a panel
  QUIRE_QUAD = 4,        // inputs in a quad
  QUIRE_TILE = 6,        // activation rows in a tile
  QUIRE_WIDE_TILE = 16,  // the same in the order of AMX
  QUIRE_KV_BLOCK = 32,   // positions in a KV-cache block
  QUIRE_HEAD_MAX = 512,  // dimensions of a head in an int8 cache at most
  QUIRE_ZERO_INT8 = 128, // unsigned code of weight 0
  QUIRE_ZERO_INT4 = 8,
  QUIRE_LEVEL_OFFSET = 128, // added to levels so that they are unsigned bytes
  QUIRE_GROUP_MAX = 256, // inputs in a group of activations whose code sum fits 16 bits
};

_Static_assert(QUIRE_PANEL == 32, "the vector kernels hold a panel in two 16-lane registers");
_Static_assert(QUIRE_QUAD == 4, "vpdpbusd sums four products");
// How the codes of weights are stored.
typedef enum { QUIRE_INT8 = 0, QUIRE_INT4 = 1, QUIRE_NL4 = 2, QUIRE_NL3 = 3 } quire_layout;

// Bytes of a quad of a panel; of nl3, whose four quads are stored together, a quarter of those.
static inline int32_t quire_quad_bytes(quire_layout layout) { return layout == QUIRE_INT8 ? 128 : layout == QUIRE_NL3 ? 48 : 64; }

// The rows that the memory of `rows` quantized activations must hold: whole tiles of either order.
static inline int32_t quire_padded_rows(int32_t rows) {
  int32_t narrow = (rows + QUIRE_TILE - 1) / QUIRE_TILE * QUIRE_TILE, wide = (rows + QUIRE_WIDE_TILE - 1) / QUIRE_WIDE_TILE * QUIRE_WIDE_TILE;
  return narrow > wide ? narrow : wide;
}

// Bytes of an int8 block of keys, or of values, of one head.
static inline int64_t quire_int8_block_bytes(int32_t head_size) { return (int64_t)QUIRE_KV_BLOCK * head_size + QUIRE_KV_BLOCK * 4; }

_Static_assert(QUIRE_KV_BLOCK == 32, "the attention kernel holds a block's scores in two 16-lane registers");
