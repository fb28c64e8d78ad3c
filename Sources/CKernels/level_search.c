// The error of rounding to a table of levels, for the search for a group's scale.
#include "levels.h"
#include "sanitizer.h"

#include <stdlib.h>
#include <string.h>

// Every version must give the same bits.
#pragma STDC FP_CONTRACT OFF

// One version for each instruction set, chosen by the loader. Elsewhere the compiler's own vectors serve, and with
// ThreadSanitizer, because the loader chooses.
#if defined(__x86_64__) && defined(__GLIBC__) && !HAS_THREAD_SANITIZER
#define FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_CPU
#endif

typedef float v16f __attribute__((vector_size(64), aligned(4)));
typedef int32_t v16i __attribute__((vector_size(64), aligned(4)));

FOR_EACH_CPU
float quire_level_error(const float *weights, const float *importances, int32_t n, float scale, const float *levels,
                        int32_t level_count) {
  // From the middle of two levels on, the upper one is nearest. Levels are integers, so that all sums are exact.
  v16f middles[15], sums = {0};
  v16i steps[15];
  for (int32_t i = 1; i < level_count; i++) {
    middles[i - 1] = (v16f){0} + (levels[i - 1] + levels[i]) * 0.5f;
    steps[i - 1] = (v16i)((v16f){0} + (levels[i] - levels[i - 1]));
  }
  for (int32_t k = 0; k < n; k += 16) {
    v16f weight = {0}, importance = {0};
    if (n - k >= 16) {
      weight = *(const v16f *)(weights + k);
      importance = *(const v16f *)(importances + k);
    } else {
      // Missing weights are zero and count nothing.
      memcpy(&weight, weights + k, sizeof(float) * (size_t)(n - k));
      memcpy(&importance, importances + k, sizeof(float) * (size_t)(n - k));
    }
    v16f x = weight / scale, level = (v16f){0} + levels[0];
    for (int32_t i = 0; i + 1 < level_count; i++) level += (v16f)((x >= middles[i]) & steps[i]);
    v16f difference = weight - level * scale;
    sums += importance * difference * difference;
  }
  float total = 0;
  for (int32_t lane = 0; lane < 16; lane++) total += sums[lane];
  return total;
}
