#define _GNU_SOURCE
#include "comparison.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

static void record_hash(run *r, uint64_t hash, const char *what, va_list arguments) {
  truth *t = r->truth;
  if (r->is_truth) {
    if (t->count == t->capacity) {
      t->capacity = t->capacity * 2 + 1024;
      t->hashes = realloc(t->hashes, t->capacity * sizeof *t->hashes);
      if (!t->hashes) abort();
    }
    t->hashes[t->count++] = hash;
    return;
  }
  size_t index = r->next++;
  if (index < t->count && t->hashes[index] == hash) return;
  if (r->failures++ < 20 && r->label) {
    fprintf(stderr, "%s differs from the portable kernels: ", r->label);
    vfprintf(stderr, what, arguments);
    fputc('\n', stderr);
  }
}

void record(run *r, const void *bytes, size_t count, const char *what, ...) {
  uint64_t hash = count;
  for (size_t i = 0; i < count; i++) hash = mix(hash, ((const uint8_t *)bytes)[i]);
  va_list arguments;
  va_start(arguments, what);
  record_hash(r, hash, what, arguments);
  va_end(arguments);
}

void record_floats(run *r, const float *values, size_t count, const char *what, ...) {
  uint64_t hash = count;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, values + i, 4);
    hash = mix(hash, values[i] == values[i] ? bits : 0x7fc00000);
  }
  va_list arguments;
  va_start(arguments, what);
  record_hash(r, hash, what, arguments);
  va_end(arguments);
}

uint64_t hash_of(const truth *t) {
  uint64_t hash = t->count;
  for (size_t i = 0; i < t->count; i++) hash = mix(hash, t->hashes[i]);
  return hash;
}

static struct {
  void *address;
  size_t length;
} mappings[64];
static size_t mapping_count;

void *guarded(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), length = (bytes + page - 1) / page * page + page;
  char *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED || mprotect(address + length - page, page, PROT_NONE) != 0) abort();
  if (mapping_count == sizeof mappings / sizeof *mappings) abort();
  mappings[mapping_count].address = address;
  mappings[mapping_count++].length = length;
  return address + length - page - bytes;
}

void free_guarded(void) {
  while (mapping_count > 0) {
    mapping_count--;
    munmap(mappings[mapping_count].address, mappings[mapping_count].length);
  }
}

uint64_t next_bits(generator *g) {
  uint64_t z = g->state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

int32_t next_below(generator *g, int32_t bound) { return (int32_t)((next_bits(g) >> 32) * (uint64_t)bound >> 32); }

float next_float(generator *g, float scale) { return (float)((int32_t)(next_bits(g) >> 40) - (1 << 23)) * 0x1p-23f * scale; }

float *floats(generator *g, size_t count, float scale) {
  float *values = guarded(count * sizeof *values);
  for (size_t i = 0; i < count; i++) values[i] = next_float(g, scale);
  return values;
}

uint8_t *bytes(generator *g, size_t count, int32_t bound) {
  uint8_t *values = guarded(count);
  for (size_t i = 0; i < count; i++) values[i] = (uint8_t)next_below(g, bound);
  return values;
}

// Between 2^-10 and 2^-4, as bf16 or float16.
uint16_t *scales(generator *g, size_t count, int is_half) {
  uint16_t *values = guarded(count * sizeof *values);
  for (size_t i = 0; i < count; i++)
    values[i] = (uint16_t)(is_half ? 0x1400 + next_below(g, 0x1800) : 0x3a80 + next_below(g, 0x300));
  return values;
}
