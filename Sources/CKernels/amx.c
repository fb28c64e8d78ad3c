// AMX with int8: tdpbssd multiplies 16 rows by 16 channels over 64 inputs. Fewer rows, and groups other than 32, 64 and 128,
// go through AVX-512 with VBMI, which every CPU with AMX has. Integer sums are exact, so the bits are the same.
//
// Operands. The activations are the first one, 16 rows of 64 bytes. With enough rows for this kernel they are therefore stored
// row by row within a tile of 16 rows and a group: [M/16][groups][16][group], scales and sums [M/16][groups][16]; what the last
// tile lacks is never written, and its products are not used. quantize and gemm decide that by the same numbers. The weights are
// the second operand, 16 quads of 16 channels: unpacked to signed bytes, which all rows of a part use, or with int8 and up to 128
// rows the unsigned codes as they are stored.
//
// Limit: 16,384 multiply-adds per tdpbssd, one in 16 cycles. 32 rows by a panel over a group of 128 take eight of them, 128
// cycles or 45 ns at 2.85 GHz. For their floats they need 64 times a conversion, a product and a multiply-add of 16 lanes, 96
// cycles of two ports, and for both together 288 loads, 144 cycles. Measured on a virtual machine (Emerald Rapids, 2026-11), with
// everything in L1 but without unpacking: 88 ns; with the activations in L2: 110; the whole product: 190 to 200 with 64 to 512
// rows of int8 or int4, which is 23% of the peak and 2.2 to 2.4 times AVX-512. While others use the core, which is most of the
// time on that machine, reads from L2 take several times as long: 240 to 290 ns, and 330 to 350 without the prefetches into L1.
//
// The weights of a group stay in the tiles for up to eight row tiles. Two row tiles by two halves of a panel for each load of
// weights, without prefetches into L1, took 1.15 to 1.2 times as long with 512 rows and 1.1 to 1.6 times with 48 to 128.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#ifdef QUIRE_AMX_EMULATION
#include "amx_emulation.h"
#define TILE_FEATURES ""
#else
#define TILE_FEATURES ",amx-tile,amx-int8"
#define QUIRE_AMX_KERNELS quire_kernels_amx
#endif

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx2,fma,f16c" TILE_FEATURES))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 4
#define QUIRE_DENSE_CHANNELS 4
#define QUIRE_ATTENTION_ROWS 8
#define QUIRE_INT8_DOTS 512
#include "floats.inc"
// Both operands of a tile product are signed.
#define LEVEL_BYTE(x) (x)
#include "avx512_vbmi_levels.inc"
#include "avx512_gemm.inc"

// One pass of AVX-512 takes up to ten rows, and that is as fast: both read weights from memory. Eleven need two.
enum { LEAST_ROWS = MOST_ROWS + 1, STEP_MAX = 64 };

// Whether tiles multiply, by the number of rows and their group; otherwise AVX-512 does.
INLINE int uses_tiles(const quire_activations *a) {
  return a->rows >= LEAST_ROWS && (a->group == 32 || a->group == 64 || a->group == 128);
}

#include "amx_tiles.inc"

static void quantize_rows(const float *x, size_t stride, const quire_activations *a, int32_t first_tile, int32_t last_tile,
                          int32_t first_group, int32_t last_group) {
  if (!uses_tiles(a)) return quantize(x, stride, a, first_tile, last_tile, first_group, last_group);
  size_t groups = (size_t)(a->columns / a->group), group = (size_t)a->group;
  int32_t end = last_tile * QUIRE_TILE < a->rows ? last_tile * QUIRE_TILE : a->rows;
  for (int32_t row = first_tile * QUIRE_TILE; row < end; row++) {
    size_t tile = (size_t)(row / TILE_ROWS) * groups, in_tile = (size_t)(row % TILE_ROWS);
    for (size_t g = (size_t)first_group; g < (size_t)last_group; g++) {
      size_t side = (tile + g) * TILE_ROWS + in_tile;
      quantize_group(x + (size_t)row * stride + g * group, a->group, a->codes + side * group, QUIRE_QUAD, a->scales + side, a->sums + side);
    }
  }
}

#define TILES(name, layout, general, channelwise, corrects) \
  static __attribute__((noinline)) void name(const quire_weights *w, const quire_activations *a, float *y, size_t stride, \
                                             int accumulate, int32_t first_panel, int32_t last_panel) { \
    if (a->group == 128) tiles_of(layout, general, (scaling){channelwise, corrects, 0}, 128, w, a, y, stride, accumulate, first_panel, last_panel); \
    else if (a->group == 64) tiles_of(layout, general, (scaling){channelwise, corrects, 0}, 64, w, a, y, stride, accumulate, first_panel, last_panel); \
    else tiles_of(layout, general, (scaling){channelwise, corrects, 0}, 32, w, a, y, stride, accumulate, first_panel, last_panel); \
  }
TILES(int8_tiles, QUIRE_INT8, 0, 0, 0)
TILES(channelwise_int8_tiles, QUIRE_INT8, 0, 1, 0)
TILES(general_int8_tiles, QUIRE_INT8, 1, 0, 1)
TILES(general_channelwise_int8_tiles, QUIRE_INT8, 1, 1, 1)
TILES(int4_tiles, QUIRE_INT4, 0, 0, 0)
TILES(general_int4_tiles, QUIRE_INT4, 1, 0, 0)
TILES(nl4_tiles, QUIRE_NL4, 0, 0, 0)
TILES(half_nl4_tiles, QUIRE_NL4, 1, 0, 0)
TILES(nl3_tiles, QUIRE_NL3, 0, 0, 0)

typedef void (*product)(const quire_weights *, const quire_activations *, float *, size_t, int, int32_t, int32_t);

static product tiles_for(const quire_weights *w) {
  int general = w->zeros || w->has_half_scales, channelwise = w->group == w->columns;
  switch (w->layout) {
    case QUIRE_INT8:
      if (channelwise) return general ? general_channelwise_int8_tiles : channelwise_int8_tiles;
      return general ? general_int8_tiles : int8_tiles;
    case QUIRE_INT4: return general ? general_int4_tiles : int4_tiles;
    case QUIRE_NL4: return general ? half_nl4_tiles : nl4_tiles;
    case QUIRE_NL3: return nl3_tiles;
  }
  __builtin_unreachable();
}

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  product multiply = uses_tiles(a) ? tiles_for(w) : quire_kernels_avx512_vbmi.gemm;
  multiply(w, a, y, stride, accumulate, first_panel, last_panel);
}

const quire_kernels QUIRE_AMX_KERNELS = {
  quantize_rows, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential, rounding_error};

#ifndef QUIRE_AMX_EMULATION
uint64_t quire_amx_multiply(uint64_t rounds) {
  enum { PRODUCTS = 12 };
  static const uint8_t bytes[TILE_ROWS * 64] __attribute__((aligned(64)));
  configure(STEP_MAX);
  _tile_loadd(4, bytes, 64);
  _tile_loadd(6, bytes, 64);
  for (uint64_t r = 0; r < rounds; r++)
    for (int k = 0; k < PRODUCTS; k += 4) {
      _tile_dpbssd(0, 4, 6);
      _tile_dpbssd(1, 4, 6);
      _tile_dpbssd(2, 4, 6);
      _tile_dpbssd(3, 4, 6);
    }
  _tile_release();
  return rounds * PRODUCTS * TILE_ROWS * 16 * STEP_MAX;
}
#endif

#pragma clang attribute pop
#endif
