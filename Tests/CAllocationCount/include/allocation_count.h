// Counts the heap allocations of chosen threads: the test program's malloc stands in front of the system's.
#pragma once
#include <stdint.h>

/// Whether allocations can be counted here: with glibc, and with no sanitizer that has a malloc of its own.
int quire_counts_allocations(void);
/// Begins or ends counting in the calling thread.
void quire_count_allocations(int counts);
/// Allocations counted so far, by all threads together.
int64_t quire_allocation_count(void);
