// nl4 and nl3 with AVX-512 VNNI and VBMI. vpermb looks up 64 bytes in a table of 64 by the low six bits of each index and
// ignores the rest: a table that repeats its levels needs no mask.
//
// Bytes and instructions for a quad of 32 channels, 128 weights, besides two vpdpbusd per row, and bytes per weight with
// the scale:
//   int4 g128: 64 bytes, 3 instructions (and; shift, and)                        0.516
//   nl4 g128:  64 bytes, 3 instructions (vpermb; shift, vpermb)                  0.516
//   nl3 g64:   48 bytes, 3.25 instructions (13 for four quads: 8 vpermb and the   0.406
//              fourth's indices, 3 shifts and 2 vpternlog)
// Limits: one row is limited by reading, so nl4 has int4's speed and nl3 g64 at most 1.27 times int4 g128's. A pass of six
// rows issues 15, 15 and 15.25 instructions for a quad, of which Intel's CPUs issue two a cycle: at most 1 and 0.98 times
// int4's speed. That is with int4's loop unrolled by four quads, as the loop of these is; the loop of one quad takes 15 to 20%
// longer there (Emerald Rapids, 128 rows, 2026-11).
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#include "vectors.inc"
#include "avx512_vbmi_levels.inc"

#include "avx512_gemm.inc"

NONLINEAR_GEMM

void quire_nonlinear_gemm_vbmi(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                               int32_t first_panel, int32_t last_panel) {
  nonlinear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
}

#pragma clang attribute pop
#endif
