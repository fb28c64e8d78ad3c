// A check of one table against another, small enough for the start of a program: one product of each layout, of several blocks
// of rows, with groups of both kinds.
#include <string.h>

#include "tables.h"

enum { ROWS = 35, COLUMNS = 256, CHANNELS = QUIRE_PANEL, PADDED = 48, LEAST_GROUP = 32 };

_Static_assert(PADDED % QUIRE_TILE == 0 && PADDED % QUIRE_WIDE_TILE == 0 && PADDED >= ROWS, "whole tiles of either order");

static void multiply(const quire_kernels *kernels, const quire_weights *w, const float *x, float *y) {
  int8_t codes[PADDED * COLUMNS];
  float scales[PADDED * COLUMNS / LEAST_GROUP];
  int32_t sums[PADDED * COLUMNS / LEAST_GROUP];
  quire_activations a = {codes, scales, sums, ROWS, COLUMNS, w->group};
  kernels->quantize(x, COLUMNS, &a, 0, (ROWS + QUIRE_TILE - 1) / QUIRE_TILE, 0, COLUMNS / w->group);
  kernels->gemm(w, &a, y, CHANNELS, 0, 0, 1);
}

int quire_kernels_agree(const quire_kernels *one, const quire_kernels *other) {
  uint8_t codes[CHANNELS * COLUMNS];
  uint16_t scales[CHANNELS * COLUMNS / LEAST_GROUP];
  float x[ROWS * COLUMNS], first[ROWS * CHANNELS], second[ROWS * CHANNELS];
  uint32_t state = 1;
  for (size_t i = 0; i < sizeof codes; i++) codes[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
  for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = (float)((int32_t)(state = state * 1664525 + 1013904223) >> 8);
  for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) scales[i] = (uint16_t)(0x3c00 + (i & 127));
  for (quire_layout layout = QUIRE_INT8; layout <= QUIRE_NL3; layout++)
    for (int32_t group = LEAST_GROUP; group <= 4 * LEAST_GROUP; group *= 2) {
      quire_weights w = {codes, scales, NULL, CHANNELS, COLUMNS, group, layout, 0};
      multiply(one, &w, x, first);
      multiply(other, &w, x, second);
      if (memcmp(first, second, sizeof first) != 0) return 0;
    }
  return 1;
}
