// The kernel tables, one a file.
#pragma once
#include "CKernels.h"

extern const quire_kernels quire_kernels_portable;
#if defined(__x86_64__)
extern const quire_kernels quire_kernels_avx2;
extern const quire_kernels quire_kernels_avx_vnni;
extern const quire_kernels quire_kernels_avx512;
extern const quire_kernels quire_kernels_avx512_vbmi;
extern const quire_kernels quire_kernels_amx;
// 1 on CPUs of AMD from Zen 5 on.
int quire_cpu_is_zen5_or_later(void);
// Multiply-adds of bytes in tiles alone, for limits.c.
uint64_t quire_amx_multiply(uint64_t rounds);
// nl4 and nl3 with AVX-512 VNNI, without and with VBMI.
void quire_nonlinear_gemm_vnni(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                               int32_t first_panel, int32_t last_panel);
void quire_nonlinear_gemm_vbmi(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                               int32_t first_panel, int32_t last_panel);
#elif defined(__aarch64__)
extern const quire_kernels quire_kernels_dotprod;
extern const quire_kernels quire_kernels_i8mm;
// All layouts with i8mm.
void quire_gemm_i8mm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate, int32_t first_panel,
                     int32_t last_panel);
#endif
