// AArch64 with i8mm. smmla multiplies two rows of eight bytes by two and adds to four sums; usmmla takes unsigned bytes first.
//
// Limit: 32 multiply-adds per instruction, as many instructions a cycle as sdot on Neoverse V1, V2 and N2. Instructions of the
// vector pipes for two quads of 16 channels and 6 rows besides 24 smmla, with the gain over sdot (neon.c) that they leave:
//   int8: 3 zips of rows, 8 of codes                                       1.60
//   int4: 3 and 4 zips, 4 and, 4 shifts                                    1.44
//   nl4:  the same and 8 tbl                                               1.36
//   nl3:  3 and 4 zips, 8 and, 4 shifts, 8 tbl, and 3 for the fourth       1.31
// So no layout of its own is worth it: zips are the only price of the common one. The figures are counts; no such CPU has been
// measured.
#include "tables.h"
#if defined(__aarch64__)
// The order of instructions is that for a wide CPU; the one for any CPU needs more registers than there are.
#pragma clang attribute push(__attribute__((target("dotprod,i8mm,tune=neoverse-v1"))), apply_to = function)

#define QUIRE_F16C 1
#include "vectors.inc"

#define QUIRE_I8MM 1
#include "neon_gemm.inc"

void quire_gemm_i8mm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                     int32_t first_panel, int32_t last_panel) {
  if (is_linear(w->layout)) linear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
  else nonlinear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
}

#pragma clang attribute pop
#endif
