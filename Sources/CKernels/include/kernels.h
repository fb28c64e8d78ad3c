// The kernels of one instruction set as a table of functions, and the choice of a table at run time.
//
// Every table computes the same bits: reductions run over 16 lanes in a fixed order whatever the register width, and
// multiply-adds are fused everywhere. So an answer depends neither on the batch, nor on the thread count, nor on
// the CPU. All pointers are to memory of the caller; nothing here allocates.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "blocks.h"

// AVX512 means VNNI too. VBMI, which the first CPUs with VNNI lack, makes nl4 and nl3 faster and changes nothing else.
// DOTPROD and I8MM are extensions of AArch64, of which I8MM includes the other here.
typedef enum {
  QUIRE_ISA_PORTABLE = 0,
  QUIRE_ISA_AVX2 = 1,
  QUIRE_ISA_AVX512 = 2,
  QUIRE_ISA_AVX512_VBMI = 3,
  QUIRE_ISA_DOTPROD = 4,
  QUIRE_ISA_I8MM = 5,
  QUIRE_ISA_AVX_VNNI = 6,
  QUIRE_ISA_AMX = 7,
} quire_isa;
typedef enum { QUIRE_F32 = 0, QUIRE_BF16 = 1, QUIRE_F16 = 2, QUIRE_I8 = 3 } quire_element;

// Quantized weights in the layout of blocks.h.
typedef struct {
  const uint8_t *codes;
  const uint16_t *scales;  // bf16, or float16 where has_half_scales
  const uint8_t *zeros;    // zero points; NULL for symmetric weights, whose zero point is 128 or 8, and for nl4 and nl3
  int32_t rows;            // output channels
  int32_t columns;         // inputs
  int32_t group;           // inputs that share a scale; == columns for channel-wise scales
  quire_layout layout;     // nl4 and nl3 have no zero points and groups of a multiple of 32, nl3 bf16 scales
  int32_t has_half_scales;
} quire_weights;

// Quantized activations in the layout of blocks.h: memory of quire_padded_rows(rows) rows.
typedef struct {
  int8_t *codes;
  float *scales;
  int32_t *sums;    // sum of a group's codes
  int32_t rows;     // tokens
  int32_t columns;  // inputs
  int32_t group;    // inputs that share a scale; equals the weights' group unless those are channel-wise.
                    // At most QUIRE_GROUP_MAX for weights with zero points or float16 scales.
} quire_activations;

// One query vector and the row it produces.
typedef struct {
  const float *query;  // [headSize]
  float *output;       // [headSize]
  int32_t visible;     // keys 0..<visible are attended
} quire_attention_row;

// The keys and values of one KV head of one sequence.
typedef struct {
  const void *keys;         // block b of this head begins at keys + blocks[b] * block_stride
  const void *values;
  const int32_t *blocks;    // block ids in position order
  int64_t block_stride;     // bytes
  int32_t head_size;        // QUIRE_I8: a multiple of 16, at most QUIRE_HEAD_MAX
  quire_element element;    // QUIRE_F32, QUIRE_F16 or QUIRE_I8
  float scale;              // multiplies the scores
} quire_attention_context;

typedef struct {
  // Activations for groups of tiles, both first..<last: q = round(x * 127 / max|x|) per row and group. x: [rows][columns],
  // `stride` floats a row.
  void (*quantize)(const float *x, size_t stride, const quire_activations *a, int32_t first_tile, int32_t last_tile,
                   int32_t first_group, int32_t last_group);
  // y[m][n] (+)= sum_k x[m][k] w[n][k] for panels first..<last. y: `stride` floats a row.
  void (*gemm)(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
               int32_t first_panel, int32_t last_panel);
  // The same from float activations x [m][k] and row-major weights of `element` type, for output channels first..<last.
  void (*dense)(const void *w, quire_element element, int32_t columns, const float *x, size_t x_stride, int32_t rows,
                float *y, size_t y_stride, int accumulate, int32_t first, int32_t last);
  // y = x / sqrt(mean(x^2) + epsilon) * weight, one row of n. y may be x.
  void (*rms_norm)(const float *x, const float *weight, float *y, int32_t n, float epsilon);
  // Rotates the pairs (i, i + n/2) of one head by (cosine[i], sine[i]), in place. cosine, sine: [n/2].
  void (*rotate)(float *x, const float *cosine, const float *sine, int32_t n);
  // y = silu(gate) * up, n values. y may be gate or up.
  void (*swiglu)(const float *gate, const float *up, float *y, int32_t n);
  // Attention of `count` rows over one KV head, online softmax by cache blocks.
  void (*attention)(const quire_attention_context *context, const quire_attention_row *rows, int32_t count);
  // Stores key and value (head_size floats each) at position `slot` of the block that begins at the two pointers.
  void (*store_kv)(const float *key, const float *value, void *key_block, void *value_block, int32_t slot,
                   int32_t head_size, quire_element element);
  // One row of weights as floats.
  void (*widen)(const void *source, quire_element element, float *destination, size_t n);
  void (*dequantize_row)(const quire_weights *w, int32_t row, float *destination);
  // exp of n values as the kernels compute it (flushed to 0 below -87).
  void (*exponential)(const float *x, float *y, size_t n);
  // sum of importance * (w - q * scale)^2 over n weights, q the nearest of the codes lowest...highest (ties to even).
  // scale > 0, quotients below 2^22 in magnitude.
  float (*rounding_error)(const float *weights, const float *importances, int32_t n, float scale, float lowest,
                          float highest);
} quire_kernels;

// 1 when this CPU and system can run the table.
int quire_isa_supported(quire_isa isa);
const quire_kernels *quire_kernels_for(quire_isa isa);

// 1 when two tables give the same bits for small products of every layout.
int quire_kernels_agree(const quire_kernels *one, const quire_kernels *other);
