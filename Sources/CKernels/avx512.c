// AVX-512 with VNNI. vpdpbusd takes the unsigned weights first and the signed activations as a broadcast operand; the
// zero point is undone by starting each sum at -zero * sum(x), a number per row and group.
//
// Limit: 64 multiply-adds a vpdpbusd, one a cycle on Zen 4. A 6-row tile over a group of 128 issues 384 of them against
// 64 weight loads and 12 x 3 float fix-ups, so up to 90% of the peak is reachable. One row is bound by reading weights.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 4
#define QUIRE_DENSE_CHANNELS 4
#define QUIRE_ATTENTION_ROWS 8
#define QUIRE_INT8_DOTS 1
#include "floats.inc"

INLINE __m512 bf16_scales(const uint16_t *p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}

// One panel's weights from group `first` on, as the tile reads them.
typedef struct {
  const uint8_t *codes;
  const uint16_t *scales;  // of the group `first`; of the channel when channel-wise
  int32_t zero;
  int channelwise;
  const uint8_t *ahead;  // a cache line of weights is fetched from here on every quad; null: nothing to fetch
} panel_source;

#define INT4_LOW(v) _mm512_and_si512(v, _mm512_set1_epi8(15))
#define INT4_HIGH(v) _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15))

// A tile of MR rows by 32 channels over groups first..<last; sums holds [MR][2] partial results, in and out. CHAINS
// independent sums a row hide the latency of vpdpbusd where there are few rows; integer sums may be split freely.
INLINE void tile(panel_source w, int packed, const quire_activations *a, int32_t tile_index, int32_t first, int32_t last,
                 __m512 sums[][2], int MR, int CHAINS) {
  int32_t groups = a->columns / a->group, quads = a->group / QUIRE_QUAD;
  const int8_t *x = a->codes + (size_t)tile_index * QUIRE_TILE * (size_t)a->columns + (size_t)first * (size_t)a->group * QUIRE_TILE;
  const float *row_scales = a->scales + (size_t)tile_index * QUIRE_TILE * (size_t)groups;
  const int32_t *row_sums = a->sums + (size_t)tile_index * QUIRE_TILE * (size_t)groups;
  const uint8_t *codes = w.codes;
  for (int32_t g = first; g < last; g++) {
    __m512i acc[QUIRE_TILE][4][2];
    for (int i = 0; i < MR; i++) {
      acc[i][0][0] = acc[i][0][1] = _mm512_set1_epi32(-w.zero * row_sums[g * QUIRE_TILE + i]);
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
        if (w.ahead) {
          _mm_prefetch((const char *)w.ahead, _MM_HINT_T0);
          w.ahead += 64;
        }
        for (int i = 0; i < MR; i++) {
          int32_t quad;
          memcpy(&quad, x + ((q + c) * QUIRE_TILE + i) * QUIRE_QUAD, 4);
          __m512i b = _mm512_set1_epi32(quad);
          acc[i][c][0] = _mm512_dpbusd_epi32(acc[i][c][0], w0, b);
          acc[i][c][1] = _mm512_dpbusd_epi32(acc[i][c][1], w1, b);
        }
      }
    }
    for (; q < quads; q++) {
      __m512i v = _mm512_loadu_si512(codes + q * (packed ? 64 : 128));
      __m512i w0 = packed ? INT4_LOW(v) : v, w1 = packed ? INT4_HIGH(v) : _mm512_loadu_si512(codes + q * 128 + 64);
      for (int i = 0; i < MR; i++) {
        int32_t quad;
        memcpy(&quad, x + (q * QUIRE_TILE + i) * QUIRE_QUAD, 4);
        acc[i][0][0] = _mm512_dpbusd_epi32(acc[i][0][0], w0, _mm512_set1_epi32(quad));
        acc[i][0][1] = _mm512_dpbusd_epi32(acc[i][0][1], w1, _mm512_set1_epi32(quad));
      }
    }
    __m512 s0 = _mm512_setzero_ps(), s1 = s0;
    if (!w.channelwise) {
      s0 = bf16_scales(w.scales + (g - first) * QUIRE_PANEL);
      s1 = bf16_scales(w.scales + (g - first) * QUIRE_PANEL + 16);
    }
    for (int i = 0; i < MR; i++) {
      for (int c = 1; c < CHAINS; c++) {
        acc[i][0][0] = _mm512_add_epi32(acc[i][0][0], acc[i][c][0]);
        acc[i][0][1] = _mm512_add_epi32(acc[i][0][1], acc[i][c][1]);
      }
      __m512 scale = _mm512_set1_ps(row_scales[g * QUIRE_TILE + i]);
      __m512 f0 = w.channelwise ? scale : _mm512_mul_ps(s0, scale), f1 = w.channelwise ? scale : _mm512_mul_ps(s1, scale);
      sums[i][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i][0][0]), f0, sums[i][0]);
      sums[i][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i][0][1]), f1, sums[i][1]);
    }
    codes += (size_t)quads * (packed ? 64 : 128);
    x += (size_t)a->group * QUIRE_TILE;
  }
}

// The finished sums of a tile's rows go to y.
INLINE void store_tile(__m512 sums[][2], int MR, const uint16_t *channel_scales, float *y, size_t stride, int accumulate, int32_t channels) {
  __mmask16 m0 = channels >= 16 ? 0xffff : (__mmask16)((1u << channels) - 1);
  __mmask16 m1 = channels >= 32 ? 0xffff : channels <= 16 ? 0 : (__mmask16)((1u << (channels - 16)) - 1);
  for (int i = 0; i < MR; i++) {
    float *out = y + (size_t)i * stride;
    __m512 r0 = sums[i][0], r1 = sums[i][1];
    if (channel_scales) {
      r0 = _mm512_mul_ps(r0, bf16_scales(channel_scales));
      r1 = _mm512_mul_ps(r1, bf16_scales(channel_scales + 16));
    }
    if (accumulate) {
      r0 = _mm512_add_ps(_mm512_maskz_loadu_ps(m0, out), r0);
      r1 = _mm512_add_ps(_mm512_maskz_loadu_ps(m1, out + 16), r1);
    }
    _mm512_mask_storeu_ps(out, m0, r0);
    _mm512_mask_storeu_ps(out + 16, m1, r1);
  }
}

// Up to one tile of rows: every weight byte is read once, int4 codes are split in registers.
INLINE void few_rows(panel_source w, int packed, const quire_activations *a, float *y, size_t stride, int accumulate, int32_t channels, int MR, int CHAINS) {
  __m512 sums[QUIRE_TILE][2];
  for (int i = 0; i < MR; i++) sums[i][0] = sums[i][1] = _mm512_setzero_ps();
  tile(w, packed, a, 0, 0, a->columns / a->group, sums, MR, CHAINS);
  store_tile(sums, MR, w.channelwise ? w.scales : 0, y, stride, accumulate, channels);
}

#define FEW(MR, CHAINS) \
  case MR: \
    if (packed) few_rows(w, 1, a, y, stride, accumulate, channels, MR, CHAINS); \
    else few_rows(w, 0, a, y, stride, accumulate, channels, MR, CHAINS); \
    break;

static void few(panel_source w, int packed, const quire_activations *a, float *y, size_t stride, int accumulate, int32_t channels) {
  switch (a->rows) { FEW(1, 4) FEW(2, 4) FEW(3, 2) FEW(4, 2) FEW(5, 1) FEW(6, 1) }
}

static void unpack(const uint8_t *source, uint8_t *destination, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) {
    __m512i v = _mm512_loadu_si512(source + i);
    _mm512_storeu_si512(destination + 2 * i, INT4_LOW(v));
    _mm512_storeu_si512(destination + 2 * i + 64, INT4_HIGH(v));
  }
}

// A tile of a strip: partial sums come from and go to `partial` between strips, to y after the last.
INLINE void strip_tile(panel_source s, const quire_activations *a, int32_t t, int32_t first, int32_t last, float *partial, float *y,
                       size_t stride, int accumulate, int32_t channels, int MR, int CHAINS) {
  __m512 sums[QUIRE_TILE][2];
  for (int i = 0; i < MR; i++) {
    sums[i][0] = first ? _mm512_load_ps(partial + i * 32) : _mm512_setzero_ps();
    sums[i][1] = first ? _mm512_load_ps(partial + i * 32 + 16) : _mm512_setzero_ps();
  }
  tile(s, 0, a, t, first, last, sums, MR, CHAINS);
  if (last == a->columns / a->group) return store_tile(sums, MR, s.channelwise ? s.scales : 0, y, stride, accumulate, channels);
  for (int i = 0; i < MR; i++) {
    _mm512_store_ps(partial + i * 32, sums[i][0]);
    _mm512_store_ps(partial + i * 32 + 16, sums[i][1]);
  }
}

#define STRIP(MR, CHAINS) \
  case MR: strip_tile(s, a, t, first, last, p, out, stride, accumulate, channels, MR, CHAINS); break;

// Many rows: strips of a panel (up to 16 KiB unpacked, so that they stay in L1) against all tiles, partial sums beside.
// While a strip is computed the next one is fetched: with 7 to 24 rows there is else more waiting than computing.
static void many(panel_source w, int packed, const quire_activations *a, float *y, size_t stride, int accumulate, int32_t channels, void *scratch) {
  int32_t groups = a->columns / a->group, tiles = (a->rows + QUIRE_TILE - 1) / QUIRE_TILE;
  int32_t strip = 512 / a->group < 1 ? 1 : 512 / a->group;
  size_t group_bytes = (size_t)a->group * QUIRE_PANEL / (packed ? 2 : 1);
  uint8_t *wide = scratch;
  float *partial = (float *)((char *)scratch + 65536);
  for (int32_t first = 0; first < groups; first += strip) {
    int32_t last = first + strip < groups ? first + strip : groups;
    size_t strip_bytes = (size_t)(last - first) * group_bytes;
    panel_source s = w;
    s.codes = w.codes + (size_t)first * group_bytes;
    if (!w.channelwise) s.scales = w.scales + first * QUIRE_PANEL;
    // The next strip, or the next panel's first one; behind the last panel it is some other memory, which a fetch may name.
    const uint8_t *next = s.codes + strip_bytes;
    if (packed) {
      unpack(s.codes, wide, strip_bytes);
      s.codes = wide;
    }
    // A tile fetches one 64-byte line a quad: an int4 strip is covered by one tile, an int8 strip by two.
    size_t tile_lines = (size_t)(last - first) * (size_t)(a->group / QUIRE_QUAD);
    for (int32_t t = 0; t < tiles; t++) {
      size_t fetched = (size_t)t * tile_lines * 64;
      s.ahead = fetched < strip_bytes ? next + fetched : 0;
      float *p = partial + (size_t)t * QUIRE_TILE * QUIRE_PANEL, *out = y + (size_t)t * QUIRE_TILE * stride;
      int32_t rows = a->rows - t * QUIRE_TILE;
      switch (rows < QUIRE_TILE ? rows : QUIRE_TILE) { STRIP(1, 4) STRIP(2, 4) STRIP(3, 2) STRIP(4, 2) STRIP(5, 1) STRIP(6, 1) }
    }
  }
}

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel, void *scratch) {
  int packed = w->bits == 4;
  size_t panel_bytes = (size_t)w->columns * QUIRE_PANEL / (packed ? 2 : 1), panel_scales = (size_t)(w->columns / w->group) * QUIRE_PANEL;
  // int4 groups are at most 128, so a strip fits the scratch; a longer one is only ever int8.
  for (int32_t panel = first_panel; panel < last_panel; panel++) {
    panel_source s = {w->codes + (size_t)panel * panel_bytes, w->scales + (size_t)panel * panel_scales,
                      packed ? QUIRE_ZERO_INT4 : QUIRE_ZERO_INT8, w->group == w->columns && !packed, 0};
    int32_t channels = w->rows - panel * QUIRE_PANEL < QUIRE_PANEL ? w->rows - panel * QUIRE_PANEL : QUIRE_PANEL;
    float *out = y + (size_t)panel * QUIRE_PANEL;
    if (a->rows <= QUIRE_TILE) few(s, packed, a, out, stride, accumulate, channels);
    else many(s, packed, a, out, stride, accumulate, channels, scratch);
  }
}

const quire_kernels quire_kernels_avx512 = {
  quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential};

#pragma clang attribute pop
#endif
