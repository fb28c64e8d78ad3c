// The levels of the non-linear schemes: a weight is levels[code] * scale. Both tables rise, so that codes are ordered
// as weights are. They are denser near 0, where most weights of a group are, and longer on the negative side: the
// sign of a group's scale chooses which side that is.
#pragma once
#include <stdint.h>

#define QUIRE_NL4_LEVELS(L) \
  L(-127), L(-104), L(-83), L(-65), L(-49), L(-35), L(-22), L(-10), L(1), L(13), L(25), L(38), L(53), L(69), L(89), L(113)
#define QUIRE_NL3_LEVELS(L) L(-127), L(-85), L(-53), L(-26), L(-2), L(24), L(54), L(96)

#define QUIRE_LEVEL(x) x
static const int8_t quire_nl4_levels[16] = {QUIRE_NL4_LEVELS(QUIRE_LEVEL)};
static const int8_t quire_nl3_levels[8] = {QUIRE_NL3_LEVELS(QUIRE_LEVEL)};

// The level of a code, 0...15 of nl4 or 0...7 of nl3.
static inline int32_t quire_nl4_level(int32_t code) { return quire_nl4_levels[code & 15]; }
static inline int32_t quire_nl3_level(int32_t code) { return quire_nl3_levels[code & 7]; }

// The cost of rounding n weights to the levels (level_count, rising) times scale, which is not 0: the sum of
// importance * (weight - level * scale)^2 with the nearest level; of two at equal distance the upper one.
float quire_level_error(const float *weights, const float *importances, int32_t n, float scale, const float *levels,
                        int32_t level_count);  // at most 16 levels
