// Attention and the cache.
#include <math.h>
#include <string.h>

#include "comparison.h"

static size_t block_bytes(quire_element element, int32_t head_size) {
  if (element == QUIRE_I8) return (size_t)quire_int8_block_bytes(head_size);
  return (size_t)head_size * QUIRE_KV_BLOCK * (element == QUIRE_F32 ? 4 : 2);
}

enum { POSITIONS = 300, BLOCKS = (POSITIONS + QUIRE_KV_BLOCK - 1) / QUIRE_KV_BLOCK, ROWS = 13 };

// What one number of a key and of a value is replaced by.
typedef struct {
  float key, value;
} damage;

// Rows of all lengths over shuffled blocks; positions after the last hold what earlier sequences left. With a damage, rows that
// see position 40 have no numbers.
static void attend(run *r, quire_element element, int32_t head_size, const damage *damaged) {
  static const int32_t lengths[ROWS] = {1, 31, 32, 33, 128, 300, 97, 129, 255, 256, 257, 64, 2};
  static const int32_t order[BLOCKS] = {4, 9, 0, 7, 2, 8, 1, 5, 3, 6};
  generator g = {(uint64_t)(head_size * 4 + element)};
  size_t stride = block_bytes(element, head_size), count = (size_t)head_size;
  uint8_t *keys = guarded(stride * BLOCKS), *values = guarded(stride * BLOCKS);
  memset(keys, 0xff, stride * BLOCKS);
  memset(values, 0xff, stride * BLOCKS);
  for (int32_t p = 0; p < POSITIONS; p++) {
    float key[QUIRE_HEAD_MAX], value[QUIRE_HEAD_MAX];
    for (size_t d = 0; d < count; d++) {
      key[d] = next_float(&g, 2);
      value[d] = next_float(&g, 2);
    }
    if (damaged && p == 40) {
      key[3] = damaged->key;
      value[3] = damaged->value;
    }
    size_t offset = (size_t)order[p / QUIRE_KV_BLOCK] * stride;
    r->kernels->store_kv(key, value, keys + offset, values + offset, p % QUIRE_KV_BLOCK, head_size, element);
  }
  if (!damaged) {
    record(r, keys, stride * BLOCKS, "stored keys, element %d, head size %d", element, head_size);
    record(r, values, stride * BLOCKS, "stored values, element %d, head size %d", element, head_size);
  }
  float *queries = floats(&g, ROWS * count, 3), *outputs = floats(&g, ROWS * count, 1);
  quire_attention_row rows[ROWS];
  for (int i = 0; i < ROWS; i++) rows[i] = (quire_attention_row){queries + (size_t)i * count, outputs + (size_t)i * count, lengths[i]};
  quire_attention_context context = {keys, values, order, (int64_t)stride, head_size, element, 0.09375f};
  for (int32_t together = 1; together <= ROWS; together = together * 2 + 1) {
    for (int32_t i = 0; i < ROWS; i += together)
      r->kernels->attention(&context, rows + i, ROWS - i < together ? ROWS - i : together);
    record_floats(r, outputs, ROWS * count, "attention, element %d, head size %d, %d rows together%s", element, head_size, together,
                  damaged ? ", damaged" : "");
  }
  free_guarded();
}

void run_attention(run *r) {
  static const int32_t head_sizes[] = {16, 24, 40, 64, 128};
  static const quire_element elements[] = {QUIRE_F32, QUIRE_F16, QUIRE_I8};
  for (int e = 0; e < 3; e++)
    for (int h = 0; h < 5; h++)
      if (elements[e] != QUIRE_I8 || head_sizes[h] % 16 == 0) attend(r, elements[e], head_sizes[h], NULL);
  const damage damages[] = {{INFINITY, 1}, {1, INFINITY}, {NAN, 1}, {1, NAN}};
  for (int e = 0; e < 3; e++)
    for (int d = 0; d < 4; d++) attend(r, elements[e], 64, &damages[d]);
}
