// The peak speeds of one thread: loops that only multiply and add in registers, and one that only reads memory.
// Speeds are reported as shares of these limits, so measure them close in time to the work and on as many threads.
#pragma once
#include "kernels.h"
#include <stddef.h>
#include <stdint.h>

typedef enum {
  QUIRE_LIMIT_INT8 = 0,  // unsigned times signed bytes, summed in 32 bits: what quantized matrices are multiplied with
  QUIRE_LIMIT_BF16 = 1,  // brain floats, summed in float; the float loop where the CPU cannot multiply them
  QUIRE_LIMIT_F32 = 2,   // floats: attention
} quire_limit;

// Runs `rounds` rounds of multiply-adds with the fastest instruction of `isa`; returns the number of multiply-adds.
uint64_t quire_limit_multiply(quire_isa isa, quire_limit limit, uint64_t rounds);

// Reads `bytes` bytes as `streams` parallel streams, each prefetched `ahead` bytes ahead (0: by the hardware
// alone). `source` is 64-byte aligned, `bytes` a multiple of streams * 256. Returns a sum over everything that was
// read.
uint64_t quire_limit_read(quire_isa isa, const void *source, size_t bytes, int32_t streams, size_t ahead);
