// The kernel tables, one a file.
#pragma once
#include "CKernels.h"

extern const quire_kernels quire_kernels_portable;
#if defined(__x86_64__)
extern const quire_kernels quire_kernels_avx2;
extern const quire_kernels quire_kernels_avx512;
// nl4 and nl3 with AVX-512 VBMI.
void quire_nonlinear_gemm_avx512(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                                 int32_t first_panel, int32_t last_panel);
#endif
