// Compares the kernel tables of a CPU with the portable one, bit for bit. A run calls every kernel of one table on the same
// inputs in the same order and records what was written. The first run, of the portable table, is the truth.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "CKernels.h"

typedef struct {
  uint64_t *hashes;  // of the outputs of the portable run, in order
  size_t count, capacity;
} truth;

typedef struct {
  const quire_kernels *kernels;
  truth *truth;
  int is_truth;      // whether this run writes it
  size_t next;       // the output that comes next
  size_t failures;
  const char *label;  // of this run; NULL: failures are counted and not printed
} run;

// Records an output. `what` is a format of printf for the case. Floats that are no number count as equal: which one an
// instruction makes differs between CPUs.
void record(run *r, const void *bytes, size_t count, const char *what, ...) __attribute__((format(printf, 4, 5)));
void record_floats(run *r, const float *values, size_t count, const char *what, ...) __attribute__((format(printf, 4, 5)));

// One number for all outputs of the portable run, to compare CPUs with.
uint64_t hash_of(const truth *t);

// Memory that ends where reading and writing are forbidden, so that a kernel that goes too far ends the program. Freed all at
// once.
void *guarded(size_t bytes);
void free_guarded(void);

// A fixed sequence: integers by splitmix64, floats of them by exact operations, so that all CPUs compute with the same.
typedef struct {
  uint64_t state;
} generator;
uint64_t next_bits(generator *g);
int32_t next_below(generator *g, int32_t bound);
float next_float(generator *g, float scale);  // -scale..<scale
float *floats(generator *g, size_t count, float scale);
uint8_t *bytes(generator *g, size_t count, int32_t bound);
uint16_t *scales(generator *g, size_t count, int is_half);

#if defined(__x86_64__)
// Of AMX, with its instructions emulated; for CPUs with AVX-512 and VBMI.
extern const quire_kernels emulated_amx_kernels;
#endif

// Every kernel of the run's table.
void run_products(run *r);
void run_attention(run *r);
void run_rows(run *r);
