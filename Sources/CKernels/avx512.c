// AVX-512 with VNNI. vpdpbusd takes the unsigned weights first and the signed activations as a broadcast operand;
// the zero point is compensated by starting each sum at -zero * sum(x) (gemm.inc).
//
// Limit: 64 multiply-adds per vpdpbusd, one per cycle on Zen 4. A 6-row tile over a group of 128 issues 384 of
// them, 64 weight loads and 12 x 3 float operations, so up to 90% of the peak is reachable. One row is limited by
// reading weights.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 4
#define QUIRE_DENSE_CHANNELS 4
#define QUIRE_ATTENTION_ROWS 8
#define QUIRE_INT8_DOTS 512
#include "floats.inc"

// 16 scales: float16 where `half`, otherwise bf16.
INLINE __m512 wide_scales(const uint16_t *p, int half) {
  __m256i bits = _mm256_loadu_si256((const __m256i *)p);
  if (half) return _mm512_cvtph_ps(bits);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

// The zero points of a panel's channels, negated, in the low 16 bits of their lanes; 0 in the high ones.
INLINE void negated_zeros(const uint8_t *p, int packed, __m512i zeros[2]) {
  __m128i low = _mm_loadu_si128((const __m128i *)p), high;
  if (packed) {
    high = _mm_and_si128(_mm_srli_epi16(low, 4), _mm_set1_epi8(15));
    low = _mm_and_si128(low, _mm_set1_epi8(15));
  } else {
    high = _mm_loadu_si128((const __m128i *)(p + 16));
  }
  zeros[0] = _mm512_sub_epi16(_mm512_setzero_si512(), _mm512_cvtepu8_epi32(low));
  zeros[1] = _mm512_sub_epi16(_mm512_setzero_si512(), _mm512_cvtepu8_epi32(high));
}

// The most rows of one pass: twenty sums, two registers of weights and the float operations fill the 32 registers.
enum { MOST_ROWS = 10 };
#include "gemm.inc"

#define INT4_LOW(v) _mm512_and_si512(v, _mm512_set1_epi8(15))
#define INT4_HIGH(v) _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15))

// The address of row i of a pass: rows 6...9 are the next tile's first.
#define ROW_CODES(i) ((i) < QUIRE_TILE ? x + (i) * QUIRE_QUAD : next + ((i) - QUIRE_TILE) * QUIRE_QUAD)
#define ROW_SIDE(i) ((i) < QUIRE_TILE ? (size_t)(i) : side + (size_t)(i) - QUIRE_TILE)

INLINE __m512i broadcast_quad(const int8_t *x) {
  int32_t quad;
  memcpy(&quad, x, 4);
  return _mm512_set1_epi32(quad);
}

// MR rows by 32 channels over all groups, added to sums: the rows of a tile and, from the seventh on, the first
// rows of the next one, so that up to ten rows read the weights once. CHAINS independent sums per row hide the
// latency of vpdpbusd where there are few rows; integer sums may be split freely. AHEAD: prefetch distance in bytes
// for a block that comes from memory.
INLINE void tile(panel_source w, int packed, int general, const quire_activations *a, int32_t tile_index, __m512 sums[][2], int MR, int CHAINS, int AHEAD) {
  int32_t groups = a->columns / a->group, quads = a->group / QUIRE_QUAD;
  const int8_t *x = a->codes + (size_t)tile_index * QUIRE_TILE * (size_t)a->columns, *next = x + (size_t)QUIRE_TILE * (size_t)a->columns;
  size_t side = (size_t)QUIRE_TILE * (size_t)groups;
  const float *row_scales = a->scales + (size_t)tile_index * side;
  const int32_t *row_sums = a->sums + (size_t)tile_index * side;
  const uint8_t *codes = w.codes;
  for (int32_t g = 0; g < groups; g++) {
    __m512i acc[MOST_ROWS][4][2], zeros[2];
    if (general) negated_zeros(w.zeros + (size_t)g * w.zero_step, packed, zeros);
    for (int i = 0; i < MR; i++) {
      if (general) {
        __m512i sum = _mm512_set1_epi32(row_sums[ROW_SIDE(i)]);
        acc[i][0][0] = _mm512_madd_epi16(zeros[0], sum);
        acc[i][0][1] = _mm512_madd_epi16(zeros[1], sum);
      } else {
        acc[i][0][0] = acc[i][0][1] = _mm512_set1_epi32(-w.zero * row_sums[ROW_SIDE(i)]);
      }
      for (int c = 1; c < CHAINS; c++) acc[i][c][0] = acc[i][c][1] = _mm512_setzero_si512();
    }
    int32_t q = 0;
    for (; q + CHAINS <= quads; q += CHAINS) {
      for (int c = 0; c < CHAINS; c++) {
        __m512i w0, w1;
        if (packed) {
          __m512i v = _mm512_loadu_si512(codes + (q + c) * 64);
          w0 = INT4_LOW(v);
          w1 = INT4_HIGH(v);
        } else {
          w0 = _mm512_loadu_si512(codes + (q + c) * 128);
          w1 = _mm512_loadu_si512(codes + (q + c) * 128 + 64);
        }
        if (AHEAD) {
          _mm_prefetch((const char *)codes + (q + c) * (packed ? 64 : 128) + AHEAD, _MM_HINT_T1);
          if (!packed) _mm_prefetch((const char *)codes + (q + c) * 128 + AHEAD + 64, _MM_HINT_T1);
        }
        for (int i = 0; i < MR; i++) {
          __m512i b = broadcast_quad(ROW_CODES(i) + (q + c) * QUIRE_TILE * QUIRE_QUAD);
          acc[i][c][0] = _mm512_dpbusd_epi32(acc[i][c][0], w0, b);
          acc[i][c][1] = _mm512_dpbusd_epi32(acc[i][c][1], w1, b);
        }
      }
    }
    for (; q < quads; q++) {
      __m512i v = _mm512_loadu_si512(codes + q * (packed ? 64 : 128));
      __m512i w0 = packed ? INT4_LOW(v) : v, w1 = packed ? INT4_HIGH(v) : _mm512_loadu_si512(codes + q * 128 + 64);
      for (int i = 0; i < MR; i++) {
        __m512i b = broadcast_quad(ROW_CODES(i) + q * QUIRE_TILE * QUIRE_QUAD);
        acc[i][0][0] = _mm512_dpbusd_epi32(acc[i][0][0], w0, b);
        acc[i][0][1] = _mm512_dpbusd_epi32(acc[i][0][1], w1, b);
      }
    }
    __m512 s0 = _mm512_setzero_ps(), s1 = s0;
    if (!w.channelwise) {
      s0 = wide_scales(w.scales + g * QUIRE_PANEL, general && w.half_scales);
      s1 = wide_scales(w.scales + g * QUIRE_PANEL + 16, general && w.half_scales);
    }
    for (int i = 0; i < MR; i++) {
      for (int c = 1; c < CHAINS; c++) {
        acc[i][0][0] = _mm512_add_epi32(acc[i][0][0], acc[i][c][0]);
        acc[i][0][1] = _mm512_add_epi32(acc[i][0][1], acc[i][c][1]);
      }
      __m512 scale = _mm512_set1_ps(row_scales[ROW_SIDE(i)]);
      __m512 f0 = w.channelwise ? scale : _mm512_mul_ps(s0, scale), f1 = w.channelwise ? scale : _mm512_mul_ps(s1, scale);
      sums[i][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i][0][0]), f0, sums[i][0]);
      sums[i][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i][0][1]), f1, sums[i][1]);
    }
    codes += (size_t)quads * (packed ? 64 : 128);
    x += (size_t)a->group * QUIRE_TILE;
    next += (size_t)a->group * QUIRE_TILE;
    row_sums += QUIRE_TILE;
    row_scales += QUIRE_TILE;
  }
}

// Writes the finished sums of a tile's rows to y.
INLINE void store_tile(__m512 sums[][2], int MR, const uint16_t *channel_scales, int half, float *y, size_t stride, int accumulate, int32_t channels) {
  __mmask16 m0 = channels >= 16 ? 0xffff : (__mmask16)((1u << channels) - 1);
  __mmask16 m1 = channels >= 32 ? 0xffff : channels <= 16 ? 0 : (__mmask16)((1u << (channels - 16)) - 1);
  for (int i = 0; i < MR; i++) {
    float *out = y + (size_t)i * stride;
    __m512 r0 = sums[i][0], r1 = sums[i][1];
    if (channel_scales) {
      r0 = _mm512_mul_ps(r0, wide_scales(channel_scales, half));
      r1 = _mm512_mul_ps(r1, wide_scales(channel_scales + 16, half));
    }
    if (accumulate) {
      r0 = _mm512_add_ps(_mm512_maskz_loadu_ps(m0, out), r0);
      r1 = _mm512_add_ps(_mm512_maskz_loadu_ps(m1, out + 16), r1);
    }
    _mm512_mask_storeu_ps(out, m0, r0);
    _mm512_mask_storeu_ps(out + 16, m1, r1);
  }
}

// One pass of rows against one panel, y at the pass's first row and the panel's first channel.
INLINE void panel_tile(panel_source w, int packed, int general, const quire_activations *a, int32_t t, float *y, size_t stride, int accumulate,
                       int32_t channels, int MR, int CHAINS, int AHEAD) {
  __m512 sums[MOST_ROWS][2];
  for (int i = 0; i < MR; i++) sums[i][0] = sums[i][1] = _mm512_setzero_ps();
  tile(w, packed, general, a, t, sums, MR, CHAINS, AHEAD);
  store_tile(sums, MR, w.channelwise ? w.scales : 0, general && w.half_scales, y, stride, accumulate, channels);
}

// Prefetch distance for the lines of a pass that reads from memory, into L2. Prefetching into L1 is limited by its
// few miss buffers; half or twice the distance is slower (tried 2026-11).
enum { PREFETCH_AHEAD = 8192 };
// Passes limited by memory are faster with the hardware prefetcher alone: int4 below 3 rows, int8 below 6.
#define AHEAD(packed, rows, cold) ((cold) && (rows) >= ((packed) ? 3 : 6) ? PREFETCH_AHEAD : 0)

#define PANEL_TILE(MR, CHAINS) \
  case MR: panel_tile(w, packed, general, a, t, y, stride, accumulate, channels, MR, CHAINS, AHEAD(packed, MR, cold)); break;

INLINE void panel_rows(panel_source w, int packed, int general, int cold, const quire_activations *a, int32_t t, int32_t rows, float *y,
                       size_t stride, int accumulate, int32_t channels) {
  switch (rows) {
    PANEL_TILE(1, 4) PANEL_TILE(2, 4) PANEL_TILE(3, 2) PANEL_TILE(4, 2) PANEL_TILE(5, 1)
    PANEL_TILE(6, 1) PANEL_TILE(7, 1) PANEL_TILE(8, 1) PANEL_TILE(9, 1) PANEL_TILE(10, 1)
  }
}

const quire_kernels quire_kernels_avx512 = {
  quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential,
  rounding_error};

#pragma clang attribute pop
#endif
