// AVX2. vpmaddubsw adds two products of an unsigned and a signed byte in 16 bits, and saturates. All layouts avoid
// saturation: int4 codes (0...15) times activations (-127...127) give at most 3,810 per pair, so that eight pairs
// can be summed before they are widened; int8 weights are used as magnitude (0...128) with their sign moved to the
// activation, at most 32,512 per pair, and so are the levels of nl4 and nl3 (at most 127).
//
// Limit: 32 multiply-adds per vpmaddubsw, two of them per cycle on Zen 4, and for int4 one addition each. A pass of
// 6 rows by 16 channels holds its 12 sums in registers and unpacks the codes once for six rows. nl4 and nl3 take four
// instructions, like int8, for the two of int4 (vpsignb, vpmaddubsw, vpmaddwd, addition), so prompts have 0.6 to 0.7 of
// int4's speed. Unpacking a register of nl4 takes 2 or 3 instructions and its magnitude one; of nl3 3.5 on average.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 2
#define QUIRE_DENSE_CHANNELS 2
#define QUIRE_ATTENTION_ROWS 4
#define QUIRE_INT8_DOTS 256
#include "floats.inc"

// 8 scales: float16 where `half`, otherwise bf16.
INLINE __m256 wide_scales(const uint16_t *p, int half) {
  __m128i bits = _mm_loadu_si128((const __m128i *)p);
  if (half) return _mm256_cvtph_ps(bits);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

INLINE __m256i broadcast_quad(const int8_t *x) {
  int32_t quad;
  memcpy(&quad, x, 4);
  return _mm256_set1_epi32(quad);
}

enum { MOST_ROWS = QUIRE_TILE };
#include "gemm.inc"

// Registers of 8 channels in a panel: 0 and 1 are the low nibbles of int4 codes, 2 and 3 the high ones.
enum { VECTORS = QUIRE_PANEL / 8, NARROW_QUADS = 8 };

INLINE __m256i int4_codes(const uint8_t *quad, int v) {
  __m256i c = _mm256_loadu_si256((const __m256i *)(quad + v % 2 * 32));
  return _mm256_and_si256(v < 2 ? c : _mm256_srli_epi16(c, 4), _mm256_set1_epi8(15));
}

// The zero points of the channels of vector v, negated, in the low 16 bits of their lanes; 0 in the high ones.
INLINE __m256i negated_zeros(const uint8_t *p, quire_layout layout, int v) {
  __m128i bytes = _mm_loadl_epi64((const __m128i *)(p + (layout == QUIRE_INT4 ? v % 2 : v) * 8));
  if (layout == QUIRE_INT4) bytes = _mm_and_si128(v < 2 ? bytes : _mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
  return _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_cvtepu8_epi32(bytes));
}

// Starts the integer sums of vectors first..<first + V. `zero` is the zero point of the plain product, and `offset`
// what the codes are smaller by when they are multiplied.
INLINE void start(panel_source w, quire_layout layout, int general, int32_t g, const int32_t *row_sums, int32_t zero, int32_t offset,
                  int first, __m256i total[][VECTORS], int MR, int V) {
  for (int v = 0; v < V; v++) {
    __m256i zeros = general ? negated_zeros(w.zeros + (size_t)g * w.zero_step, layout, first + v) : _mm256_setzero_si256();
    for (int r = 0; r < MR; r++) {
      if (general) {
        total[r][v] = _mm256_madd_epi16(zeros, _mm256_set1_epi32(row_sums[r]));
        if (offset) total[r][v] = _mm256_add_epi32(total[r][v], _mm256_set1_epi32(offset * row_sums[r]));
      } else {
        total[r][v] = zero == offset ? _mm256_setzero_si256() : _mm256_set1_epi32((offset - zero) * row_sums[r]);
      }
    }
  }
}

// Adds one group times MR rows for vectors first..<first + V to total[r][v].
INLINE void group_int4(const uint8_t *codes, const int8_t *x, int32_t quads, int first, __m256i total[][VECTORS], int MR, int V) {
  for (int32_t q = 0; q < quads; q += NARROW_QUADS) {
    int32_t end = q + NARROW_QUADS < quads ? q + NARROW_QUADS : quads;
    __m256i narrow[QUIRE_TILE][VECTORS];
    for (int r = 0; r < MR; r++)
      for (int v = 0; v < V; v++) narrow[r][v] = _mm256_setzero_si256();
    for (int32_t j = q; j < end; j++) {
      __m256i w[VECTORS];
      for (int v = 0; v < V; v++) w[v] = int4_codes(codes + j * 64, first + v);
      for (int r = 0; r < MR; r++) {
        __m256i b = broadcast_quad(x + (j * QUIRE_TILE + r) * QUIRE_QUAD);
        for (int v = 0; v < V; v++) narrow[r][v] = _mm256_add_epi16(narrow[r][v], _mm256_maddubs_epi16(w[v], b));
      }
    }
    for (int r = 0; r < MR; r++)
      for (int v = 0; v < V; v++)
        total[r][v] = _mm256_add_epi32(total[r][v], _mm256_madd_epi16(narrow[r][v], _mm256_set1_epi16(1)));
  }
}

// Adds signed weights times one quad to a sum: the sign is moved to the activation.
INLINE __m256i add_signed(__m256i sum, __m256i weights, __m256i magnitude, __m256i x) {
  __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(x, weights));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// The same for int8, whose codes are multiplied after 128 has been subtracted.
INLINE void group_int8(const uint8_t *codes, const int8_t *x, int32_t quads, int first, __m256i total[][VECTORS], int MR, int V) {
  for (int32_t q = 0; q < quads; q++) {
    __m256i weights[VECTORS], magnitude[VECTORS];
    for (int v = 0; v < V; v++) {
      weights[v] = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(codes + q * 128 + (first + v) * 32)), _mm256_set1_epi8(-128));
      magnitude[v] = _mm256_abs_epi8(weights[v]);
    }
    for (int r = 0; r < MR; r++) {
      __m256i b = broadcast_quad(x + (q * QUIRE_TILE + r) * QUIRE_QUAD);
      for (int v = 0; v < V; v++) total[r][v] = add_signed(total[r][v], weights[v], magnitude[v], b);
    }
  }
}

INLINE __m256i load_row(const uint8_t *run, int row, int v) {
  return _mm256_loadu_si256((const __m256i *)(run + row * 64 + v % 2 * 32));
}

// The signed levels of the channels of vector v at quad j of a run of four quads.
INLINE __m256i levels(const uint8_t *run, int j, quire_layout layout, int v) {
  if (layout == QUIRE_NL4) {
    __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)quire_nl4_levels));
    return _mm256_shuffle_epi8(table, int4_codes(run + j * 64, v));
  }
  __m256i pairs;
  int64_t entries;
  memcpy(&entries, quire_nl3_levels, sizeof entries);
  if (j < 3) {
    pairs = load_row(run, j, v);
  } else {
    __m256i a = _mm256_and_si256(_mm256_srli_epi16(load_row(run, 0, v), 6), _mm256_set1_epi8(3));
    __m256i b = _mm256_and_si256(_mm256_srli_epi16(load_row(run, 1, v), 4), _mm256_set1_epi8(12));
    __m256i c = _mm256_and_si256(_mm256_srli_epi16(load_row(run, 2, v), 2), _mm256_set1_epi8(48));
    pairs = _mm256_or_si256(_mm256_or_si256(a, b), c);
  }
  return _mm256_shuffle_epi8(_mm256_set1_epi64x(entries), _mm256_and_si256(v < 2 ? pairs : _mm256_srli_epi16(pairs, 3), _mm256_set1_epi8(7)));
}

// The same for nl4 and nl3.
INLINE void group_levels(const uint8_t *codes, const int8_t *x, int32_t quads, quire_layout layout, int first,
                         __m256i total[][VECTORS], int MR, int V) {
  for (int32_t q = 0; q < quads; q += 4) {
    const uint8_t *run = codes + q * quire_quad_bytes(layout);
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
      __m256i weights[VECTORS], magnitude[VECTORS];
      for (int v = 0; v < V; v++) {
        weights[v] = levels(run, j, layout, first + v);
        magnitude[v] = _mm256_abs_epi8(weights[v]);
      }
      for (int r = 0; r < MR; r++) {
        __m256i b = broadcast_quad(x + ((q + j) * QUIRE_TILE + r) * QUIRE_QUAD);
        for (int v = 0; v < V; v++) total[r][v] = add_signed(total[r][v], weights[v], magnitude[v], b);
      }
    }
  }
}

// MR rows against one panel, V vectors of channels at a time.
INLINE void panel_pass(panel_source w, quire_layout layout, int general, const quire_activations *a, int32_t t, float *y, size_t stride, int accumulate,
                       int32_t channels, int ahead, int MR, int V) {
  int32_t groups = a->columns / a->group, quads = a->group / QUIRE_QUAD;
  size_t bytes = (size_t)(quads * quire_quad_bytes(layout)), side = (size_t)t * QUIRE_TILE * (size_t)groups;
  const int8_t *x = a->codes + (size_t)t * QUIRE_TILE * (size_t)a->columns;
  float sums[QUIRE_TILE][QUIRE_PANEL] __attribute__((aligned(32)));
  memset(sums, 0, sizeof sums[0] * (size_t)MR);
  for (int32_t g = 0; g < groups; g++) {
    const uint8_t *codes = w.codes + (size_t)g * bytes;
    for (size_t i = 0; ahead && i < bytes; i += 64) _mm_prefetch((const char *)codes + i + PREFETCH_AHEAD, _MM_HINT_T1);
    const float *row_scales = a->scales + side + (size_t)g * QUIRE_TILE;
    for (int first = 0; first < VECTORS; first += V) {
      __m256i total[QUIRE_TILE][VECTORS];
      start(w, layout, general, g, a->sums + side + (size_t)g * QUIRE_TILE, zero_of(layout),
            layout == QUIRE_INT4 ? 0 : zero_of(layout), first, total, MR, V);
      if (layout == QUIRE_INT4) group_int4(codes, x, quads, first, total, MR, V);
      else if (layout == QUIRE_INT8) group_int8(codes, x, quads, first, total, MR, V);
      else group_levels(codes, x, quads, layout, first, total, MR, V);
      for (int v = 0; v < V; v++) {
        __m256 scale = w.channelwise ? _mm256_setzero_ps()
                                     : wide_scales(w.scales + g * QUIRE_PANEL + (first + v) * 8, general && w.half_scales);
        for (int r = 0; r < MR; r++) {
          __m256 row_scale = _mm256_set1_ps(row_scales[r]), factor = w.channelwise ? row_scale : _mm256_mul_ps(scale, row_scale);
          float *sum = sums[r] + (first + v) * 8;
          _mm256_store_ps(sum, _mm256_fmadd_ps(_mm256_cvtepi32_ps(total[r][v]), factor, _mm256_load_ps(sum)));
        }
      }
    }
    x += (size_t)a->group * QUIRE_TILE;
  }
  float channel_scales[QUIRE_PANEL] __attribute__((aligned(32)));
  for (int v = 0; w.channelwise && v < VECTORS; v++)
    _mm256_store_ps(channel_scales + v * 8, wide_scales(w.scales + v * 8, general && w.half_scales));
  for (int r = 0; r < MR; r++) {
    float *out = y + (size_t)r * stride;
    for (int32_t c = 0; c < channels; c++) {
      float value = w.channelwise ? sums[r][c] * channel_scales[c] : sums[r][c];
      out[c] = accumulate ? out[c] + value : value;
    }
  }
}

#define PASS(MR, V4, V8) \
  case MR: \
    if (layout == QUIRE_INT4) panel_pass(w, QUIRE_INT4, general, a, t, y, stride, accumulate, channels, ahead, MR, V4); \
    else panel_pass(w, layout, general, a, t, y, stride, accumulate, channels, ahead, MR, V8); \
    break;

INLINE void panel_rows(panel_source w, quire_layout layout, int general, int cold, const quire_activations *a, int32_t t, int32_t rows, float *y,
                       size_t stride, int accumulate, int32_t channels) {
  // No gain on Zen 4; on Emerald Rapids one row of int4 takes 0.75 of the time and one of int8 0.8, four rows as much (2026-11).
  int ahead = cold && prefetches_few_rows();
  switch (rows) { PASS(1, 4, 4) PASS(2, 4, 4) PASS(3, 2, 2) PASS(4, 2, 2) PASS(5, 2, 2) PASS(6, 2, 1) }
}

NONLINEAR_GEMM

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  if (is_linear(w->layout)) linear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
  else nonlinear_gemm(w, a, y, stride, accumulate, first_panel, last_panel);
}

const quire_kernels quire_kernels_avx2 = {
  quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential,
  rounding_error};

#pragma clang attribute pop
#endif
