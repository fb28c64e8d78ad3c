// AVX-VNNI: vpdpbusd with 256-bit registers, which Intel's client CPUs have from Alder Lake on (without AVX-512), and AMD's from
// Zen 5 on beside AVX-512.
//
// Limit: 32 multiply-adds per vpdpbusd, two a cycle on Alder Lake and Zen 5. A pass of 6 rows by 16 channels holds its 12 sums
// in registers; a quad of it takes 12 vpdpbusd, 8 loads and besides, of the same pipes, none for int8, 2 or 4 instructions for
// int4, 2 more for nl4 and 9 on average for nl3. Of the peak, passes of 48 rows reached 85% with int8, 90% with int4 and nl4 and
// 77% with nl3; of AVX2's speed 2.4, 1.6, 2.8 and 2.7 times (one thread, Zen 5, 2026-11).
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 2
#define QUIRE_DENSE_CHANNELS 2
#define QUIRE_ATTENTION_ROWS 4
#define QUIRE_INT8_DOTS 256
#define QUIRE_VNNI 1
#include "floats.inc"

#include "avx2_gemm.inc"

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  if (is_linear(w->layout)) linear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
  else nonlinear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
}

const quire_kernels quire_kernels_avx_vnni = {
  quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential,
  rounding_error};

#pragma clang attribute pop
#endif
