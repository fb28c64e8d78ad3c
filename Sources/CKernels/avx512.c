// AVX-512 with VNNI. vpdpbusd takes the unsigned weights first and the signed activations as a broadcast operand;
// the zero point is compensated by starting each sum at -zero * sum(x) (gemm.inc).
//
// Limit: 64 multiply-adds per vpdpbusd, one per cycle on Zen 4. A 6-row tile over a group of 128 issues 384 of
// them, 64 weight loads and 12 x 3 float operations, so up to 90% of the peak is reachable. One row is limited by
// reading weights.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 4
#define QUIRE_DENSE_CHANNELS 4
#define QUIRE_ATTENTION_ROWS 8
#define QUIRE_INT8_DOTS 512
#include "floats.inc"

#include "avx512_gemm.inc"

static __attribute__((noinline)) void integer_gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride,
                                                   int accumulate, int32_t first_panel, int32_t last_panel) {
  linear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
}

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  if (is_linear(w->layout)) integer_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
  else quire_nonlinear_gemm_vnni(w, a, y, stride, accumulate, first_panel, last_panel);
}

static void gemm_vbmi(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                      int32_t first_panel, int32_t last_panel) {
  if (is_linear(w->layout)) integer_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
  else quire_nonlinear_gemm_vbmi(w, a, y, stride, accumulate, first_panel, last_panel);
}

#define TABLE(gemm) \
  {quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential, rounding_error}
const quire_kernels quire_kernels_avx512 = TABLE(gemm);
const quire_kernels quire_kernels_avx512_vbmi = TABLE(gemm_vbmi);

#pragma clang attribute pop
#endif
