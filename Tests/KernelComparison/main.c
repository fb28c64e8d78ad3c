// usage: compare-kernels [INSTRUCTION-SET…]
//
// Compares the tables of all instruction sets that this CPU runs with the portable one. With arguments, the sets that it runs
// must be these ("portable": none). Prints them and one number for the portable outputs, which must be the same on every CPU.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "comparison.h"

static const struct {
  quire_isa isa;
  const char *name;
} sets[] = {{QUIRE_ISA_AVX2, "avx2"},
            {QUIRE_ISA_AVX_VNNI, "avxvnni"},
            {QUIRE_ISA_AVX512, "avx512"},
            {QUIRE_ISA_AVX512_VBMI, "avx512-vbmi"},
            {QUIRE_ISA_AMX, "amx"},
            {QUIRE_ISA_DOTPROD, "dotprod"},
            {QUIRE_ISA_I8MM, "i8mm"}};
enum { SETS = sizeof sets / sizeof *sets };

static run start(const quire_kernels *kernels, truth *t, const char *label) {
  run r = {kernels, t, 0, 0, 0, label};
  return r;
}

static size_t complete(run *r) {
  run_products(r);
  run_attention(r);
  run_rows(r);
  if (!r->is_truth && r->next != r->truth->count) r->failures++;
  return r->failures;
}

// Portable kernels of which one writes the lowest bit of one output wrong: a comparison that misses it proves nothing.
static const quire_kernels *right;

static void flip(float *value) {
  uint32_t bits;
  memcpy(&bits, value, 4);
  bits ^= 1;
  memcpy(value, &bits, 4);
}

static void wrong_gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate, int32_t first, int32_t last) {
  right->gemm(w, a, y, stride, accumulate, first, last);
  if (last > first && a->rows >= 13) flip(y + 12 * stride + w->rows - 1);
}

static void wrong_attention(const quire_attention_context *c, const quire_attention_row *rows, int32_t count) {
  right->attention(c, rows, count);
  if (rows[0].visible == 257) flip(rows[0].output + c->head_size - 1);
}

static void wrong_norm(const float *x, const float *weight, float *y, int32_t n, float epsilon) {
  right->rms_norm(x, weight, y, n, epsilon);
  if (n == 17) flip(y + 16);
}

static int finds_faults(truth *t) {
  right = quire_kernels_for(QUIRE_ISA_PORTABLE);
  quire_kernels products = *right, attention = *right, rows = *right;
  products.gemm = wrong_gemm;
  attention.attention = wrong_attention;
  rows.rms_norm = wrong_norm;
  run a = start(&products, t, NULL), b = start(&attention, t, NULL), c = start(&rows, t, NULL);
  run_products(&a);
  // The next output of a run is the truth's at the same place.
  b.next = c.next = a.next;
  run_attention(&b);
  c.next = b.next;
  run_rows(&c);
  return a.failures > 0 && b.failures > 0 && c.failures > 0 && !quire_kernels_agree(right, &products);
}

// The loops that measure a CPU's peak count what they multiply and read everything.
static int limits_hold(quire_isa isa) {
  enum { WORDS = 4096 };
  static uint64_t words[WORDS] __attribute__((aligned(64)));
  uint64_t sum = 0;
  for (int i = 0; i < WORDS; i++) sum ^= words[i] = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15;
  int holds = 1;
  for (quire_limit limit = QUIRE_LIMIT_INT8; limit <= QUIRE_LIMIT_F32; limit++) {
    uint64_t one = quire_limit_multiply(isa, limit, 1);
    holds &= one > 0 && quire_limit_multiply(isa, limit, 100) == 100 * one;
  }
  for (int32_t streams = 1; streams <= 16; streams *= 4) holds &= quire_limit_read(isa, words, sizeof words, streams, 0) == sum;
  return holds;
}

static int differs(const quire_kernels *kernels, truth *t, const char *name) {
  run r = start(kernels, t, name);
  printf(" %s", name);
  return complete(&r) > 0 || !quire_kernels_agree(quire_kernels_for(QUIRE_ISA_PORTABLE), kernels);
}

int main(int count, char **arguments) {
  truth t = {NULL, 0, 0};
  run portable = start(quire_kernels_for(QUIRE_ISA_PORTABLE), &t, "portable");
  portable.is_truth = 1;
  complete(&portable);
  if (!finds_faults(&t)) {
    fprintf(stderr, "Expected the comparison to find kernels that were made wrong, and it did not.\n");
    return 1;
  }
  int failed = 0, expected = 1;
  printf("portable");
  for (int i = 0; i < SETS; i++) {
    int is_named = 0, is_supported = quire_isa_supported(sets[i].isa);
    for (int j = 1; j < count; j++) is_named |= strcmp(arguments[j], sets[i].name) == 0;
    if (count > 1 && is_named != is_supported) expected = 0;
    if (!is_supported) continue;
    failed |= differs(quire_kernels_for(sets[i].isa), &t, sets[i].name);
    if (!limits_hold(sets[i].isa)) {
      fprintf(stderr, "The loops that measure %s do not do what they count.\n", sets[i].name);
      failed = 1;
    }
  }
#if defined(__x86_64__)
  if (quire_isa_supported(QUIRE_ISA_AVX512_VBMI)) failed |= differs(&emulated_amx_kernels, &t, "amx-emulated");
#endif
  printf(" %zu outputs %016" PRIx64 "\n", t.count, hash_of(&t));
  if (!expected) fprintf(stderr, "Expected this CPU to run the instruction sets that were named, and no others.\n");
  return failed || !expected;
}
