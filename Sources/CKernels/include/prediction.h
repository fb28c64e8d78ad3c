// Predicts the codes of a weight block from another version of the same weights, so that a pack can store differences.
// Packs depend on these numbers: the order and rounding of every operation is that of QuirePacks/Format.md.
#pragma once
#include <stdint.h>

// Widens the codes of `quads` quads of a panel, with the zero point of each channel taken off: values[quads][32][4].
void quire_expand_codes(const uint8_t *codes, int32_t bits, const float *zeros, int32_t quads, float *values);

// Codes in the block's layout: values times the factor of their column times the ratio of their channel, rounded to the
// nearest integer, ties to even, plus the channel's zero point. `columns` [quads][4] may be NULL for factors of 1.
void quire_predict_codes(
    const float *values, const float *columns, const float *ratios, const int32_t *zeros, int32_t bits, int32_t quads,
    uint8_t *predicted);

// Replaces codes by their differences from the predicted ones, plus 128 or 8, modulo 256 or 16; or the other way round.
void quire_subtract_codes(uint8_t *codes, const uint8_t *predicted, int32_t bits, int64_t bytes);
void quire_add_codes(uint8_t *differences, const uint8_t *predicted, int32_t bits, int64_t bytes);
