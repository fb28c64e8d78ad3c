// nl4 and nl3 with AVX-512 VNNI but without VBMI: Cascade Lake and Cooper Lake. vpshufb looks up 16 levels by the low four bits
// of each index, so that both halves of a quad need a mask and one a shift: 5 instructions a quad for nl4 and 6.25 for nl3,
// where vpermb (avx512_vbmi.c) takes 3 and 3.25. On a CPU that runs both, prompts have 0.93 of its speed and six times that of
// AVX2 (Emerald Rapids, 2026-11); a row alone is limited by reading.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#include "vectors.inc"
#include "avx512_levels.inc"

static const uint8_t nl4_table[64] __attribute__((aligned(64))) = {
  QUIRE_NL4_LEVELS(LEVEL_BYTE), QUIRE_NL4_LEVELS(LEVEL_BYTE), QUIRE_NL4_LEVELS(LEVEL_BYTE), QUIRE_NL4_LEVELS(LEVEL_BYTE)};
static const uint8_t nl3_table[64] __attribute__((aligned(64))) = {
  QUIRE_NL3_LEVELS(LEVEL_BYTE), QUIRE_NL3_LEVELS(LEVEL_BYTE), QUIRE_NL3_LEVELS(LEVEL_BYTE), QUIRE_NL3_LEVELS(LEVEL_BYTE),
  QUIRE_NL3_LEVELS(LEVEL_BYTE), QUIRE_NL3_LEVELS(LEVEL_BYTE), QUIRE_NL3_LEVELS(LEVEL_BYTE), QUIRE_NL3_LEVELS(LEVEL_BYTE)};

INLINE void load_levels(const uint8_t *run, int j, quire_layout layout, __m512i weights[2]) {
  const __m512i mask = _mm512_set1_epi8(layout == QUIRE_NL4 ? 15 : 7);
  const __m512i table = _mm512_load_si512(layout == QUIRE_NL4 ? nl4_table : nl3_table);
  __m512i v = layout == QUIRE_NL4 || j < 3 ? _mm512_loadu_si512(run + j * 64) : fourth_pairs(run);
  weights[0] = _mm512_shuffle_epi8(table, _mm512_and_si512(v, mask));
  weights[1] = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(v, layout == QUIRE_NL4 ? 4 : 3), mask));
}

#define LOAD_LEVELS load_levels
#include "avx512_gemm.inc"

NONLINEAR_GEMM

void quire_nonlinear_gemm_vnni(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                               int32_t first_panel, int32_t last_panel) {
  nonlinear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
}

#pragma clang attribute pop
#endif
