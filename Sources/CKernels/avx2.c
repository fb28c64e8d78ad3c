// AVX2. vpmaddubsw adds two products of an unsigned and a signed byte in 16 bits, and saturates. All layouts avoid
// saturation: int4 codes (0...15) times activations (-127...127) give at most 3,810 per pair, so that eight pairs
// can be summed before they are widened; int8 weights are used as magnitude (0...128) with their sign moved to the
// activation, at most 32,512 per pair, and so are the levels of nl4 and nl3 (at most 127).
//
// Limit: 32 multiply-adds per vpmaddubsw, two of them per cycle on Zen 4, and for int4 one addition each. A pass of
// 6 rows by 16 channels holds its 12 sums in registers and unpacks the codes once for six rows. nl4 and nl3 take four
// instructions, like int8, for the two of int4 (vpsignb, vpmaddubsw, vpmaddwd, addition), so prompts have 0.6 to 0.7 of
// int4's speed. Unpacking a register of nl4 takes 2 or 3 instructions and its magnitude one; of nl3 3.5 on average.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 2
#define QUIRE_DENSE_CHANNELS 2
#define QUIRE_ATTENTION_ROWS 4
#define QUIRE_INT8_DOTS 256
#define QUIRE_VNNI 0
#include "floats.inc"

#include "avx2_gemm.inc"

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  if (is_linear(w->layout)) linear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
  else nonlinear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
}

const quire_kernels quire_kernels_avx2 = {
  quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential,
  rounding_error};

#pragma clang attribute pop
#endif
