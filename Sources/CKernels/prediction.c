#include "prediction.h"

#include <string.h>

#include "blocks.h"

void quire_expand_codes(const uint8_t *codes, int32_t bits, const float *zeros, int32_t quads, float *values) {
  for (int32_t quad = 0; quad < quads; quad++) {
    float *out = values + quad * QUIRE_PANEL * QUIRE_QUAD;
    if (bits == 8) {
      for (int i = 0; i < QUIRE_PANEL * QUIRE_QUAD; i++) out[i] = (float)codes[i] - zeros[i / QUIRE_QUAD];
      codes += QUIRE_PANEL * QUIRE_QUAD;
    } else {
      const int half = QUIRE_PANEL * QUIRE_QUAD / 2;
      for (int i = 0; i < half; i++) out[i] = (float)(codes[i] & 15) - zeros[i / QUIRE_QUAD];
      for (int i = 0; i < half; i++) out[half + i] = (float)(codes[i] >> 4) - zeros[16 + i / QUIRE_QUAD];
      codes += half;
    }
  }
}

// Between -2^22 and 2^22 the sum has no bits below 1, so that the addition rounds to an integer, ties to even.
static inline int32_t rounded(float x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23
  float sum = x + shift;
  int32_t bits;
  memcpy(&bits, &sum, sizeof bits);
  return bits - 0x4B400000;
}

void quire_predict_codes(
    const float *values, const float *columns, const float *ratios, const int32_t *zeros, int32_t bits, int32_t quads,
    uint8_t *predicted) {
  static const float ones[QUIRE_QUAD] = {1, 1, 1, 1};
  const int32_t most = bits == 8 ? 255 : 15;
  uint8_t row[QUIRE_PANEL * QUIRE_QUAD];
  for (int32_t quad = 0; quad < quads; quad++) {
    const float *factors = columns ? columns + quad * QUIRE_QUAD : ones;
    for (int channel = 0; channel < QUIRE_PANEL; channel++) {
      const float low = (float)-zeros[channel], high = (float)(most - zeros[channel]), ratio = ratios[channel];
      for (int k = 0; k < QUIRE_QUAD; k++) {
        float x = values[channel * QUIRE_QUAD + k] * factors[k];
        x = x * ratio;
        x = x > low ? x : low;  // also when x is no number
        x = x < high ? x : high;
        row[channel * QUIRE_QUAD + k] = (uint8_t)(rounded(x) + zeros[channel]);
      }
    }
    values += QUIRE_PANEL * QUIRE_QUAD;
    if (bits == 8) {
      memcpy(predicted, row, sizeof row);
      predicted += sizeof row;
    } else {
      const int half = QUIRE_PANEL * QUIRE_QUAD / 2;
      for (int i = 0; i < half; i++) predicted[i] = (uint8_t)(row[i] | row[half + i] << 4);
      predicted += half;
    }
  }
}

void quire_subtract_codes(uint8_t *codes, const uint8_t *predicted, int32_t bits, int64_t bytes) {
  if (bits == 8) {
    for (int64_t i = 0; i < bytes; i++) codes[i] = (uint8_t)(codes[i] - predicted[i] + 128);
    return;
  }
  for (int64_t i = 0; i < bytes; i++) {
    int low = (codes[i] & 15) - (predicted[i] & 15) + 8, high = (codes[i] >> 4) - (predicted[i] >> 4) + 8;
    codes[i] = (uint8_t)((low & 15) | (high & 15) << 4);
  }
}

void quire_add_codes(uint8_t *differences, const uint8_t *predicted, int32_t bits, int64_t bytes) {
  if (bits == 8) {
    for (int64_t i = 0; i < bytes; i++) differences[i] = (uint8_t)(differences[i] + predicted[i] - 128);
    return;
  }
  for (int64_t i = 0; i < bytes; i++) {
    int low = (differences[i] & 15) + (predicted[i] & 15) - 8, high = (differences[i] >> 4) + (predicted[i] >> 4) - 8;
    differences[i] = (uint8_t)((low & 15) | (high & 15) << 4);
  }
}
