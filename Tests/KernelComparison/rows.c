// Kernels that work on rows: quantization of activations, norms, rotation, functions, conversions.
#include <math.h>
#include <string.h>

#include "comparison.h"

static const int32_t lengths[] = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 257};
enum { LENGTHS = sizeof lengths / sizeof *lengths };
static const float special[] = {0.0f, -0.0f, 1e-38f, 1e-45f, -87.33f, -87.34f, 88.4f, -1000, 65504, 65520, 1e-7f, 3e38f, INFINITY, -INFINITY, NAN};
enum { SPECIAL = sizeof special / sizeof *special };

static void functions(run *r, int32_t n, int is_special) {
  generator g = {(uint64_t)n};
  size_t count = (size_t)n;
  float *x = floats(&g, count, 20), *w = floats(&g, count, 1), *y = floats(&g, count, 1);
  for (size_t i = 0; is_special && i < count; i++) x[i] = special[i % SPECIAL];
  r->kernels->rms_norm(x, w, y, n, 1e-6f);
  record_floats(r, y, count, "norm of %d", n);
  r->kernels->swiglu(x, w, y, n);
  record_floats(r, y, count, "SwiGLU of %d", n);
  r->kernels->exponential(x, y, count);
  record_floats(r, y, count, "exponential of %d", n);
  if (n % 2 == 0) {
    memcpy(y, x, count * 4);
    r->kernels->rotate(y, w, w + n / 2, n);
    record_floats(r, y, count, "rotation of %d", n);
  }
  if (!is_special) {
    float *importance = floats(&g, count, 1);
    for (size_t i = 0; i < count; i++) importance[i] = fabsf(importance[i]);
    for (float scale = 0.125f; scale < 4; scale *= 3) {
      float error = r->kernels->rounding_error(x, importance, n, scale, -8, 7);
      record_floats(r, &error, 1, "rounding error of %d", n);
    }
    const float levels[] = {-127, -85, -53, -26, -2, 24, 54, 96};
    float error = quire_level_error(x, importance, n, 0.25f, levels, 8);
    record_floats(r, &error, 1, "level error of %d", n);
  }
  free_guarded();
}

static void conversions(run *r, int32_t n) {
  generator g = {(uint64_t)n};
  for (quire_element element = QUIRE_F32; element <= QUIRE_F16; element++) {
    size_t size = element == QUIRE_F32 ? 4 : 2;
    uint8_t *source = bytes(&g, (size_t)n * size, 256);
    float *y = floats(&g, (size_t)n, 1);
    r->kernels->widen(source, element, y, (size_t)n);
    record_floats(r, y, (size_t)n, "widening %d of element %d", n, element);
  }
  free_guarded();
}

static void quantization(run *r, int32_t rows, int32_t columns, int32_t group, int is_special) {
  generator g = {(uint64_t)(rows + columns)};
  size_t tiles = (size_t)((rows + QUIRE_TILE - 1) / QUIRE_TILE), padded = tiles * QUIRE_TILE, groups = (size_t)(columns / group);
  size_t stride = (size_t)columns + 5;
  float *x = floats(&g, (size_t)rows * stride, 4);
  for (int32_t i = 0; is_special && i < rows; i++) x[(size_t)i * stride + (size_t)(i * 7 % columns)] = special[i % SPECIAL];
  if (rows > 3) memset(x + 3 * stride, 0, (size_t)columns * 4);
  quire_activations a = {guarded(padded * (size_t)columns), guarded(padded * groups * 4), guarded(padded * groups * 4), rows, columns, group};
  r->kernels->quantize(x, stride, &a, 0, (int32_t)tiles, 0, (int32_t)groups);
  record(r, a.codes, padded * (size_t)columns, "codes of %d rows of %d, group %d", rows, columns, group);
  record(r, a.sums, padded * groups * 4, "code sums of %d rows of %d, group %d", rows, columns, group);
  record_floats(r, a.scales, padded * groups, "scales of %d rows of %d, group %d", rows, columns, group);
  free_guarded();
}

static void weight_rows(run *r, quire_layout layout, int has_zeros, int is_half) {
  const int32_t rows = 45, columns = 128, group = 64;
  generator g = {(uint64_t)layout};
  size_t panels = 2, groups = columns / group;
  quire_weights w = {bytes(&g, panels * columns / QUIRE_QUAD * (size_t)quire_quad_bytes(layout), 256),
                     scales(&g, panels * groups * QUIRE_PANEL, is_half), has_zeros ? bytes(&g, panels * groups * QUIRE_PANEL, 256) : NULL,
                     rows, columns, group, layout, is_half};
  float *y = floats(&g, (size_t)columns, 1);
  for (int32_t row = 0; row < rows; row++) {
    r->kernels->dequantize_row(&w, row, y);
    record_floats(r, y, (size_t)columns, "row %d of weights, layout %d", row, layout);
  }
  free_guarded();
}

void run_rows(run *r) {
  for (int i = 0; i < LENGTHS; i++) {
    functions(r, lengths[i], 0);
    functions(r, lengths[i], 1);
    conversions(r, lengths[i]);
  }
  static const int32_t shapes[][2] = {{256, 32}, {384, 128}, {12, 12}, {100, 100}, {64, 64}};
  // From eleven rows on AMX has an order of its own, which products compare.
  for (int s = 0; s < 5; s++)
    for (int32_t rows = 1; rows <= 10; rows++) {
      quantization(r, rows, shapes[s][0], shapes[s][1], 0);
      quantization(r, rows, shapes[s][0], shapes[s][1], 1);
    }
  for (quire_layout layout = QUIRE_INT8; layout <= QUIRE_NL3; layout++)
    for (int has_zeros = 0; has_zeros <= (layout <= QUIRE_INT4); has_zeros++)
      for (int is_half = 0; is_half <= (layout != QUIRE_NL3); is_half++) weight_rows(r, layout, has_zeros, is_half);
}
