// AArch64 with dotprod. sdot adds four products of signed bytes to each of four 32-bit sums and takes its second operand from
// one lane of a register: a quad of four rows is one load, and no row is broadcast.
//
// Limit: 16 multiply-adds per sdot; Neoverse V1 and V2 and Apple's CPUs start four a cycle, Neoverse N1 and N2 two. A pass of 6
// rows by 16 channels holds its 24 sums in registers. Instructions of the vector pipes for a quad of 16 channels besides 24
// sdot, and their share that are sdot (loads, 6 for int8 and 4 for the others, have pipes of their own):
//   int8: 4 exclusive or                                  86%
//   int4: 2 and, 2 shifts                                 86%
//   nl4:  2 and, 2 shifts, 4 tbl                          75%
//   nl3:  4 and, 2 shifts, 4 tbl, and 1.5 for the fourth  68%
// smmla (neon_i8mm.c) has twice the multiply-adds. The figures are counts; no such CPU has been measured.
#include "tables.h"
#if defined(__aarch64__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 2
#define QUIRE_DENSE_CHANNELS 2
#define QUIRE_ATTENTION_ROWS 4
#define QUIRE_INT8_DOTS 128
#include <arm_neon.h>

#include "floats.inc"

#define QUIRE_I8MM 0
#include "neon_gemm.inc"

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  if (is_linear(w->layout)) linear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
  else nonlinear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
}

#define TABLE(gemm) \
  {quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential, rounding_error}
const quire_kernels quire_kernels_dotprod = TABLE(gemm);
const quire_kernels quire_kernels_i8mm = TABLE(quire_gemm_i8mm);

#pragma clang attribute pop
#endif
