// AVX2. Two products of a weight code (0...255) and an activation (-127...127) can exceed what vpmaddubsw's 16-bit sums hold,
// so int8 codes are widened to 16 bits and multiplied by vpmaddwd, exactly; int4 codes (0...15) cannot exceed it (two
// products reach 3,810 at most) and take the shorter road.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 2
#define QUIRE_DENSE_CHANNELS 2
#define QUIRE_ATTENTION_ROWS 4
#define QUIRE_INT8_DOTS 0
#include "floats.inc"

INLINE __m256 bf16_scales(const uint16_t *p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}

INLINE __m256i broadcast_quad(const int8_t *x) {
  int32_t quad;
  memcpy(&quad, x, 4);
  return _mm256_set1_epi32(quad);
}

// int4: one group of one panel times MR rows; acc[r][v] holds channels 8v..<8v+8. Products of 4 quads are summed in
// 16 bits (at most 4 x 3,810) before they are widened.
INLINE void group_int4(const uint8_t *codes, const int8_t *x, int32_t quads, int32_t zero, const int32_t *row_sums, __m256i acc[][4], int MR) {
  const __m256i mask = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  for (int r = 0; r < MR; r++)
    for (int v = 0; v < 4; v++) acc[r][v] = _mm256_set1_epi32(-zero * row_sums[r]);
  for (int32_t q = 0; q < quads; q += 4) {
    int32_t end = q + 4 < quads ? q + 4 : quads;
    __m256i narrow[2][4];
    for (int r = 0; r < MR; r++)
      for (int v = 0; v < 4; v++) narrow[r][v] = _mm256_setzero_si256();
    for (int32_t j = q; j < end; j++) {
      __m256i c0 = _mm256_loadu_si256((const __m256i *)(codes + j * 64)), c1 = _mm256_loadu_si256((const __m256i *)(codes + j * 64 + 32));
      __m256i w[4] = {_mm256_and_si256(c0, mask), _mm256_and_si256(c1, mask),
                      _mm256_and_si256(_mm256_srli_epi16(c0, 4), mask), _mm256_and_si256(_mm256_srli_epi16(c1, 4), mask)};
      for (int r = 0; r < MR; r++) {
        __m256i b = broadcast_quad(x + (j * QUIRE_TILE + r) * QUIRE_QUAD);
        for (int v = 0; v < 4; v++) narrow[r][v] = _mm256_add_epi16(narrow[r][v], _mm256_maddubs_epi16(w[v], b));
      }
    }
    for (int r = 0; r < MR; r++)
      for (int v = 0; v < 4; v++) acc[r][v] = _mm256_add_epi32(acc[r][v], _mm256_madd_epi16(narrow[r][v], ones));
  }
}

// int8: vpmaddwd leaves a quad's two halves in neighbouring lanes; they are added once, at the group's end.
INLINE void group_int8(const uint8_t *codes, const int8_t *x, int32_t quads, int32_t zero, const int32_t *row_sums, __m256i acc[][4], int MR) {
  for (int half = 0; half < 2; half++) {
    __m256i pairs[2][4];  // 16 channels of this half, 4 channels a register
    for (int r = 0; r < MR; r++)
      for (int v = 0; v < 4; v++) pairs[r][v] = _mm256_setzero_si256();
    for (int32_t q = 0; q < quads; q++) {
      for (int v = 0; v < 4; v++) {
        __m256i w = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(codes + q * 128 + half * 64 + v * 16)));
        for (int r = 0; r < MR; r++) {
          int32_t quad;
          memcpy(&quad, x + (q * QUIRE_TILE + r) * QUIRE_QUAD, 4);
          pairs[r][v] = _mm256_add_epi32(pairs[r][v], _mm256_madd_epi16(w, _mm256_cvtepi8_epi16(_mm_set1_epi32(quad))));
        }
      }
    }
    for (int r = 0; r < MR; r++) {
      __m256i start = _mm256_set1_epi32(-zero * row_sums[r]);
      for (int v = 0; v < 2; v++) {
        // hadd works within 128-bit lanes: [0 1 | 4 5], [2 3 | 6 7] -> put the channels in order.
        __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(pairs[r][2 * v], pairs[r][2 * v + 1]), 0xd8);
        acc[r][half * 2 + v] = _mm256_add_epi32(start, sum);
      }
    }
  }
}

INLINE void panel_rows(const quire_weights *w, const quire_activations *a, int32_t panel, int32_t row, float *y, size_t stride,
                       int accumulate, int MR) {
  int32_t groups = a->columns / a->group, quads = a->group / QUIRE_QUAD, index = row / QUIRE_TILE, lane = row % QUIRE_TILE;
  int packed = w->bits == 4, channelwise = w->group == w->columns && !packed;
  size_t quad_bytes = packed ? 64 : 128;
  const uint8_t *codes = w->codes + (size_t)panel * (size_t)(w->columns / QUIRE_QUAD) * quad_bytes;
  const uint16_t *scales = w->scales + (size_t)panel * (size_t)(w->columns / w->group) * QUIRE_PANEL;
  const int8_t *x = a->codes + (size_t)index * QUIRE_TILE * (size_t)a->columns + lane * QUIRE_QUAD;
  size_t side = (size_t)index * QUIRE_TILE * (size_t)groups + (size_t)lane;
  float sums[2][QUIRE_PANEL] __attribute__((aligned(32)));
  memset(sums, 0, sizeof sums);
  for (int32_t g = 0; g < groups; g++) {
    __m256i acc[2][4];
    const int32_t *row_sums = a->sums + side + (size_t)g * QUIRE_TILE;
    if (packed) group_int4(codes, x, quads, QUIRE_ZERO_INT4, row_sums, acc, MR);
    else group_int8(codes, x, quads, QUIRE_ZERO_INT8, row_sums, acc, MR);
    for (int r = 0; r < MR; r++) {
      __m256 scale = _mm256_set1_ps(a->scales[side + (size_t)g * QUIRE_TILE + (size_t)r]);
      for (int v = 0; v < 4; v++) {
        __m256 factor = channelwise ? scale : _mm256_mul_ps(bf16_scales(scales + g * QUIRE_PANEL + v * 8), scale);
        _mm256_store_ps(sums[r] + v * 8, _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc[r][v]), factor, _mm256_load_ps(sums[r] + v * 8)));
      }
    }
    codes += (size_t)quads * quad_bytes;
    x += (size_t)a->group * QUIRE_TILE;
  }
  int32_t channels = w->rows - panel * QUIRE_PANEL < QUIRE_PANEL ? w->rows - panel * QUIRE_PANEL : QUIRE_PANEL;
  for (int r = 0; r < MR; r++) {
    float *out = y + (size_t)(row + r) * stride + (size_t)panel * QUIRE_PANEL;
    for (int32_t c = 0; c < channels; c++) {
      float total = channelwise ? sums[r][c] * bits_float((uint32_t)scales[c] << 16) : sums[r][c];
      out[c] = accumulate ? out[c] + total : total;
    }
  }
}

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  for (int32_t panel = first_panel; panel < last_panel; panel++) {
    int32_t row = 0;
    // Rows in pairs: a tile has an even number of them, so that a pair never straddles two tiles.
    for (; row + 2 <= a->rows; row += 2) panel_rows(w, a, panel, row, y, stride, accumulate, 2);
    if (row < a->rows) panel_rows(w, a, panel, row, y, stride, accumulate, 1);
  }
}

const quire_kernels quire_kernels_avx2 = {
  quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential};

#pragma clang attribute pop
#endif
