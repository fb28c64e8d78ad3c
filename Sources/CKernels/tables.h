// The kernel tables, one a file.
#pragma once
#include "CKernels.h"

extern const quire_kernels quire_kernels_portable;
#if defined(__x86_64__)
extern const quire_kernels quire_kernels_avx2;
extern const quire_kernels quire_kernels_avx512;
#endif
