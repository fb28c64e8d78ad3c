// The portable kernels: plain loops that define the results; every other table must equal them bit for bit.
#include "tables.h"

#define QUIRE_F16C 0
#define QUIRE_DENSE_ROWS 2
#define QUIRE_DENSE_CHANNELS 2
#define QUIRE_ATTENTION_ROWS 4
#define QUIRE_INT8_DOTS 0
#include "floats.inc"

// Adds the products of quad q of one row to a panel's 32 sums.
INLINE void add_quad(quire_layout layout, const uint8_t *codes, size_t q, const int8_t *x, int32_t *sums) {
  for (size_t c = 0; c < QUIRE_PANEL; c++)
    for (size_t i = 0; i < QUIRE_QUAD; i++) sums[c] += unsigned_weight(codes, layout, c, q * QUIRE_QUAD + i) * x[i];
}

INLINE void panel_row(const quire_weights *w, quire_layout layout, const quire_activations *a, int32_t panel, int32_t row, float *total) {
  int32_t groups = a->columns / a->group, tile = row / QUIRE_TILE, lane = row % QUIRE_TILE;
  int channelwise = w->layout == QUIRE_INT8 && w->group == w->columns;
  const uint8_t *codes = w->codes + (size_t)panel * (size_t)(w->columns / QUIRE_QUAD) * (size_t)quire_quad_bytes(w->layout);
  size_t quad = 0;
  const uint16_t *scales = w->scales + (size_t)panel * (size_t)(w->columns / w->group) * QUIRE_PANEL;
  const int8_t *x = a->codes + (size_t)tile * QUIRE_TILE * (size_t)a->columns + lane * QUIRE_QUAD;
  size_t side = (size_t)tile * QUIRE_TILE * (size_t)groups + (size_t)lane;
  for (int c = 0; c < QUIRE_PANEL; c++) total[c] = 0;
  for (int32_t g = 0; g < groups; g++) {
    int32_t sums[QUIRE_PANEL];
    size_t group = channelwise ? 0 : (size_t)g;
    for (int c = 0; c < QUIRE_PANEL; c++)
      sums[c] = -zero_point(w, (size_t)panel, group, (size_t)c) * a->sums[side + (size_t)g * QUIRE_TILE];
    for (int32_t q = 0; q < a->group / QUIRE_QUAD; q++, quad++, x += QUIRE_TILE * QUIRE_QUAD) add_quad(layout, codes, quad, x, sums);
    float scale = a->scales[side + (size_t)g * QUIRE_TILE];
    for (int c = 0; c < QUIRE_PANEL; c++) {
      float factor = channelwise ? scale : weight_scale(w, scales[g * QUIRE_PANEL + c]) * scale;
      total[c] = fmaf((float)sums[c], factor, total[c]);
    }
  }
  if (channelwise)
    for (int c = 0; c < QUIRE_PANEL; c++) total[c] *= weight_scale(w, scales[c]);
}

INLINE void gemm_of(const quire_weights *w, quire_layout layout, const quire_activations *a, float *y, size_t stride, int accumulate,
                    int32_t first_panel, int32_t last_panel) {
  for (int32_t panel = first_panel; panel < last_panel; panel++) {
    int32_t channels = w->rows - panel * QUIRE_PANEL < QUIRE_PANEL ? w->rows - panel * QUIRE_PANEL : QUIRE_PANEL;
    for (int32_t row = 0; row < a->rows; row++) {
      float total[QUIRE_PANEL];
      panel_row(w, layout, a, panel, row, total);
      float *out = y + (size_t)row * stride + (size_t)panel * QUIRE_PANEL;
      for (int32_t c = 0; c < channels; c++) out[c] = accumulate ? out[c] + total[c] : total[c];
    }
  }
}

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  switch (w->layout) {
    case QUIRE_INT8: gemm_of(w, QUIRE_INT8, a, y, stride, accumulate, first_panel, last_panel); break;
    case QUIRE_INT4: gemm_of(w, QUIRE_INT4, a, y, stride, accumulate, first_panel, last_panel); break;
    case QUIRE_NL4: gemm_of(w, QUIRE_NL4, a, y, stride, accumulate, first_panel, last_panel); break;
    case QUIRE_NL3: gemm_of(w, QUIRE_NL3, a, y, stride, accumulate, first_panel, last_panel); break;
  }
}

const quire_kernels quire_kernels_portable = {
  quantize, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential,
  rounding_error};
