// Products of quantized and of dense matrices.
#include <string.h>

#include "comparison.h"

// What the outputs hold before, also outside of the rows and channels that are written.
static float *filled(size_t count) {
  float *y = guarded(count * sizeof *y);
  for (size_t i = 0; i < count; i++) y[i] = 0.25f * (float)(i % 61);
  return y;
}

// Quantized by the run's own kernels: with many rows, AMX stores the codes in another order.
static quire_activations quantized(run *r, const float *x, int32_t rows, int32_t columns, int32_t group) {
  size_t padded = (size_t)quire_padded_rows(rows), groups = (size_t)(columns / group);
  quire_activations a = {
    guarded(padded * (size_t)columns), guarded(padded * groups * 4), guarded(padded * groups * 4), rows, columns, group};
  r->kernels->quantize(x, (size_t)columns, &a, 0, (rows + QUIRE_TILE - 1) / QUIRE_TILE, 0, (int32_t)groups);
  return a;
}

// As many activations as one scale of a row may stand for: the group of the weights, or for channel-wise ones the largest of
// 128, 64, 32 that divides the width.
static int32_t activation_group(const quire_weights *w) {
  if (w->layout != QUIRE_INT8 || w->group != w->columns) return w->group;
  for (int32_t group = 128; group >= 32; group /= 2)
    if (w->columns % group == 0) return group;
  return w->columns;
}

typedef enum { RANDOM, LOWEST, HIGHEST } codes_are;

static const char *const layout_names[] = {"int8", "int4", "nl4", "nl3"};

static void product(run *r, generator *g, const quire_weights *w, int32_t rows, int accumulate, codes_are extreme) {
  size_t stride = (size_t)w->rows + 3;
  float *x = floats(g, (size_t)rows * (size_t)w->columns, 2);
  for (int32_t i = 0; extreme != RANDOM && i < rows * w->columns; i++) x[i] = i / w->columns % 2 ? -1 : 1;
  // A row of zeros, and a value much larger than the others of its group.
  if (rows > 4) memset(x + 2 * w->columns, 0, (size_t)w->columns * 4);
  x[w->columns / 2] = 300;
  quire_activations a = quantized(r, x, rows, w->columns, activation_group(w));
  float *y = filled((size_t)rows * stride);
  int32_t panels = (w->rows + QUIRE_PANEL - 1) / QUIRE_PANEL, middle = panels / 2;
  r->kernels->gemm(w, &a, y, stride, accumulate, 0, middle);
  r->kernels->gemm(w, &a, y, stride, accumulate, middle, panels);
  record_floats(r, y, (size_t)rows * stride, "product %s %dx%d, group %d%s%s, %d rows%s%s", layout_names[w->layout], w->rows, w->columns,
                w->group, w->zeros ? ", zero points" : "", w->has_half_scales ? ", float16 scales" : "", rows,
                accumulate ? ", added" : "", extreme ? ", extreme codes" : "");
}

static quire_weights weights(generator *g, quire_layout layout, int32_t rows, int32_t columns, int32_t group, int has_zeros, int is_half,
                             codes_are extreme) {
  size_t panels = (size_t)((rows + QUIRE_PANEL - 1) / QUIRE_PANEL), groups = (size_t)(columns / group);
  size_t code_bytes = panels * (size_t)(columns / QUIRE_QUAD) * (size_t)quire_quad_bytes(layout);
  size_t zero_bytes = panels * groups * (layout == QUIRE_INT4 ? QUIRE_PANEL / 2 : QUIRE_PANEL);
  quire_weights w = {bytes(g, code_bytes, 256), scales(g, panels * groups * QUIRE_PANEL, is_half),
                     has_zeros ? bytes(g, zero_bytes, 256) : NULL, rows, columns, group, layout, is_half};
  if (extreme != RANDOM) {
    memset((uint8_t *)w.codes, extreme == LOWEST ? 0 : 255, code_bytes);
    if (has_zeros) memset((uint8_t *)w.zeros, extreme == LOWEST ? 255 : 0, zero_bytes);
  }
  return w;
}

static void products_of(run *r, quire_layout layout, int32_t rows, int32_t columns, int32_t group, int has_zeros, int is_half) {
  static const int32_t row_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 22, 28, 29, 31, 32, 33, 47, 130, 290};
  for (size_t i = 0; i < sizeof row_counts / sizeof *row_counts; i++) {
    int32_t tokens = row_counts[i];
    generator g = {(uint64_t)(columns + group * 3 + rows * 7 + tokens * 11 + layout * 13)};
    quire_weights w = weights(&g, layout, rows, columns, group, has_zeros, is_half, RANDOM);
    product(r, &g, &w, tokens, tokens % 2, RANDOM);
    free_guarded();
  }
  for (codes_are extreme = LOWEST; extreme <= HIGHEST; extreme++) {
    generator g = {1};
    quire_weights w = weights(&g, layout, rows, columns, group, has_zeros, is_half, extreme);
    product(r, &g, &w, 7, 1, extreme);
    product(r, &g, &w, 18, 0, extreme);
    free_guarded();
  }
}

static void dense_products(run *r) {
  for (quire_element element = QUIRE_F32; element <= QUIRE_F16; element++)
    for (int32_t columns = 3; columns < 200; columns += columns < 40 ? 13 : 71)
      for (int32_t tokens = 1; tokens <= 9; tokens += 2) {
        const int32_t rows = 11;
        generator g = {(uint64_t)(columns * 10 + tokens)};
        size_t count = (size_t)(rows * columns);
        const void *w = element == QUIRE_F32 ? (void *)floats(&g, count, 1) : (void *)scales(&g, count, element == QUIRE_F16);
        const float *x = floats(&g, (size_t)(tokens * columns), 2);
        float *y = filled((size_t)(tokens * (rows + 2)));
        r->kernels->dense(w, element, columns, x, (size_t)columns, tokens, y, (size_t)rows + 2, tokens % 4 == 1, 0, 6);
        r->kernels->dense(w, element, columns, x, (size_t)columns, tokens, y, (size_t)rows + 2, tokens % 4 == 1, 6, rows);
        record_floats(r, y, (size_t)(tokens * (rows + 2)), "dense product, element %d, %d columns, %d rows", element, columns, tokens);
        free_guarded();
      }
}

// Larger than the blocks in which AMX works: 512 rows, four panels and 512 inputs.
static void large_products(run *r) {
  enum { TOKENS = 530, CHANNELS = 290, COLUMNS = 640 };
  for (quire_layout layout = QUIRE_INT8; layout <= QUIRE_NL3; layout++) {
    generator g = {(uint64_t)layout};
    quire_weights w = weights(&g, layout, CHANNELS, COLUMNS, layout == QUIRE_INT8 ? COLUMNS : layout == QUIRE_INT4 ? 128 : 64, 0, 0, RANDOM);
    product(r, &g, &w, TOKENS, layout % 2, RANDOM);
    free_guarded();
  }
}

void run_products(run *r) {
  static const int32_t groups[] = {32, 64, 128};
  for (quire_layout layout = QUIRE_INT8; layout <= QUIRE_NL3; layout++) {
    for (int i = 0; i < 3; i++)
      for (int has_zeros = 0; has_zeros <= (layout <= QUIRE_INT4); has_zeros++)
        for (int is_half = 0; is_half <= (layout != QUIRE_NL3); is_half++)
          products_of(r, layout, 32 * i + 1 + i * 15, groups[i] * (3 - i), groups[i], has_zeros, is_half);
  }
  // Without groups, and widths that no group divides.
  static const int32_t widths[] = {4, 12, 36, 64, 100, 256};
  for (int i = 0; i < 6; i++)
    for (int general = 0; general < 4; general++) products_of(r, QUIRE_INT8, 33, widths[i], widths[i], general & 1, general >> 1);
  large_products(r);
  dense_products(r);
}
