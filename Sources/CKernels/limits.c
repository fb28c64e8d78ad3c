// Each round hides the operands from the compiler, so that it neither moves a product out of the loop nor removes
// the loop; the sums stay in registers because there are few enough of them. 12 independent sums cover the latency
// of every instruction used here (4 to 5 cycles, at most two per cycle).
#include "tables.h"
#include <string.h>

enum { SUMS = 12, REPEATS = 4 };  // multiply-add instructions a round: SUMS * REPEATS

// Plain C, from memory in L1: the peak of the portable kernel's loop without unpacking and scaling.
static uint64_t portable_int8(uint64_t rounds) {
  uint8_t codes[QUIRE_PANEL * QUIRE_QUAD];
  int8_t quad[QUIRE_QUAD] = {1, 1, 1, 1};
  int32_t sums[QUIRE_PANEL] = {0};
  memset(codes, 1, sizeof codes);
  for (uint64_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : : "r"(codes), "r"(quad), "r"(sums) : "memory");
    for (int c = 0; c < QUIRE_PANEL; c++)
      for (int i = 0; i < QUIRE_QUAD; i++) sums[c] += codes[c * QUIRE_QUAD + i] * quad[i];
  }
  __asm__ volatile("" : : "r"(sums) : "memory");
  return rounds * sizeof codes;
}

static uint64_t portable_f32(uint64_t rounds) {
  float weights[64], sums[64], x = 0.5f;
  for (int i = 0; i < 64; i++) weights[i] = sums[i] = 0.25f;
  for (uint64_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : : "r"(weights), "r"(&x), "r"(sums) : "memory");
    for (int i = 0; i < 64; i++) sums[i] = weights[i] * x + sums[i] * 0.5f;
  }
  __asm__ volatile("" : : "r"(sums) : "memory");
  return rounds * 64;
}

// One body for all instruction sets: the compiler splits a 64-byte vector into what the function's target has.
typedef uint64_t line __attribute__((vector_size(64), may_alias));

__attribute__((always_inline)) static inline uint64_t read_lines(const void *source, size_t bytes, int32_t streams, size_t ahead) {
  line sums[4] = {{0}};
  size_t length = bytes / (size_t)streams;
  for (size_t i = 0; i < length; i += 256) {
    for (int32_t s = 0; s < streams; s++) {
      const char *p = (const char *)source + (size_t)s * length + i;
      for (int l = 0; l < 4; l++) {
        // After the end this is other memory, which a prefetch may access.
        if (ahead) __builtin_prefetch(p + ahead + l * 64);
        sums[l] ^= *(const line *)(p + l * 64);
      }
    }
  }
  line all = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
  uint64_t total = 0;
  for (int i = 0; i < 8; i++) total ^= all[i];
  return total;
}

static uint64_t portable_read(const void *source, size_t bytes, int32_t streams, size_t ahead) {
  return read_lines(source, bytes, streams, ahead);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX_VNNI __attribute__((target("avxvnni,avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

AVX2 static uint64_t avx2_f32(uint64_t rounds) {
  __m256 sums[SUMS], a = _mm256_set1_ps(0.5f), b = a;
  for (int i = 0; i < SUMS; i++) sums[i] = _mm256_setzero_ps();
  for (uint64_t r = 0; r < rounds; r++) {
    for (int k = 0; k < REPEATS; k++) {
      __asm__ volatile("" : "+x"(a), "+x"(b));
      for (int i = 0; i < SUMS; i++) sums[i] = _mm256_fmadd_ps(a, b, sums[i]);
    }
  }
  for (int i = 0; i < SUMS; i++) __asm__ volatile("" : : "x"(sums[i]));
  return rounds * SUMS * REPEATS * 8;
}

// vpmaddubsw has no addend. Eight products are summed in 16 bits before vpmaddwd widens them, as many as int4 codes
// allow (8 x 3,810); int8 codes allow none, so their kernel cannot get near this limit.
AVX2 static uint64_t avx2_int8(uint64_t rounds) {
  enum { CHAINS = 4, DEPTH = 8 };
  __m256i sums[CHAINS], a = _mm256_set1_epi8(1), b = a, ones = _mm256_set1_epi16(1);
  for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_setzero_si256();
  for (uint64_t r = 0; r < rounds; r++) {
    __m256i narrow[CHAINS];
    for (int i = 0; i < CHAINS; i++) narrow[i] = _mm256_setzero_si256();
    for (int k = 0; k < DEPTH; k++) {
      for (int i = 0; i < CHAINS; i++) {
        __m256i product;
        // In assembly, because the compiler would use one product for all chains.
        __asm__ volatile("vpmaddubsw %2, %1, %0" : "=x"(product) : "x"(a), "x"(b));
        narrow[i] = _mm256_add_epi16(narrow[i], product);
      }
    }
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(narrow[i], ones));
  }
  for (int i = 0; i < CHAINS; i++) __asm__ volatile("" : : "x"(sums[i]));
  return rounds * CHAINS * DEPTH * 32;
}

AVX_VNNI static uint64_t avx_vnni_int8(uint64_t rounds) {
  __m256i sums[SUMS], a = _mm256_set1_epi8(1), b = a;
  for (int i = 0; i < SUMS; i++) sums[i] = _mm256_setzero_si256();
  for (uint64_t r = 0; r < rounds; r++) {
    for (int k = 0; k < REPEATS; k++) {
      __asm__ volatile("" : "+x"(a), "+x"(b));
      for (int i = 0; i < SUMS; i++) sums[i] = _mm256_dpbusd_avx_epi32(sums[i], a, b);
    }
  }
  for (int i = 0; i < SUMS; i++) __asm__ volatile("" : : "x"(sums[i]));
  return rounds * SUMS * REPEATS * 32;
}

AVX512 static uint64_t avx512_int8(uint64_t rounds) {
  __m512i sums[SUMS], a = _mm512_set1_epi8(1), b = a;
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_si512();
  for (uint64_t r = 0; r < rounds; r++) {
    for (int k = 0; k < REPEATS; k++) {
      __asm__ volatile("" : "+v"(a), "+v"(b));
      for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
    }
  }
  for (int i = 0; i < SUMS; i++) __asm__ volatile("" : : "v"(sums[i]));
  return rounds * SUMS * REPEATS * 64;
}

AVX512 static uint64_t avx512_f32(uint64_t rounds) {
  __m512 sums[SUMS], a = _mm512_set1_ps(0.5f), b = a;
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_ps();
  for (uint64_t r = 0; r < rounds; r++) {
    for (int k = 0; k < REPEATS; k++) {
      __asm__ volatile("" : "+v"(a), "+v"(b));
      for (int i = 0; i < SUMS; i++) sums[i] = _mm512_fmadd_ps(a, b, sums[i]);
    }
  }
  for (int i = 0; i < SUMS; i++) __asm__ volatile("" : : "v"(sums[i]));
  return rounds * SUMS * REPEATS * 16;
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static uint64_t avx512_bf16(uint64_t rounds) {
  __m512 sums[SUMS];
  __m512i a = _mm512_set1_epi16(0x3f00), b = a;
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_ps();
  for (uint64_t r = 0; r < rounds; r++) {
    for (int k = 0; k < REPEATS; k++) {
      __asm__ volatile("" : "+v"(a), "+v"(b));
      for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], (__m512bh)a, (__m512bh)b);
    }
  }
  for (int i = 0; i < SUMS; i++) __asm__ volatile("" : : "v"(sums[i]));
  return rounds * SUMS * REPEATS * 32;
}

AVX2 static uint64_t avx2_read(const void *source, size_t bytes, int32_t streams, size_t ahead) {
  return read_lines(source, bytes, streams, ahead);
}

AVX512 static uint64_t avx512_read(const void *source, size_t bytes, int32_t streams, size_t ahead) {
  return read_lines(source, bytes, streams, ahead);
}

static uint64_t avx512_multiply(quire_limit limit, uint64_t rounds) {
  if (limit == QUIRE_LIMIT_INT8) return avx512_int8(rounds);
  if (limit == QUIRE_LIMIT_BF16 && __builtin_cpu_supports("avx512bf16")) return avx512_bf16(rounds);
  return avx512_f32(rounds);
}
#elif defined(__aarch64__)
#include <arm_neon.h>

// Four instructions a cycle on the widest CPUs, and up to four cycles until a sum is ready.
enum { NEON_SUMS = 24 };

// `one` adds `each` products to a sum.
#define NEON_LIMIT(name, features, sum_type, zero, operand_type, operand, one, each) \
  __attribute__((target(features))) static uint64_t name(uint64_t rounds) { \
    sum_type sums[NEON_SUMS]; \
    operand_type a = operand, b = a; \
    for (int i = 0; i < NEON_SUMS; i++) sums[i] = zero; \
    for (uint64_t r = 0; r < rounds; r++) { \
      for (int k = 0; k < REPEATS; k++) { \
        __asm__ volatile("" : "+w"(a), "+w"(b)); \
        for (int i = 0; i < NEON_SUMS; i++) sums[i] = one(sums[i], a, b); \
      } \
    } \
    for (int i = 0; i < NEON_SUMS; i++) __asm__ volatile("" : : "w"(sums[i])); \
    return rounds * NEON_SUMS * REPEATS * each; \
  }

NEON_LIMIT(dotprod_int8, "dotprod", int32x4_t, vdupq_n_s32(0), int8x16_t, vdupq_n_s8(1), vdotq_s32, 16)
NEON_LIMIT(i8mm_int8, "i8mm", int32x4_t, vdupq_n_s32(0), int8x16_t, vdupq_n_s8(1), vmmlaq_s32, 32)
NEON_LIMIT(neon_f32, "neon", float32x4_t, vdupq_n_f32(0), float32x4_t, vdupq_n_f32(0.5f), vfmaq_f32, 4)
#endif

uint64_t quire_limit_multiply(quire_isa isa, quire_limit limit, uint64_t rounds) {
#if defined(__x86_64__)
  if (isa == QUIRE_ISA_AMX && limit == QUIRE_LIMIT_INT8) return quire_amx_multiply(rounds);
  if (isa == QUIRE_ISA_AVX512 || isa == QUIRE_ISA_AMX) return avx512_multiply(limit, rounds);
  if (isa == QUIRE_ISA_AVX_VNNI && limit == QUIRE_LIMIT_INT8) return avx_vnni_int8(rounds);
  if (isa == QUIRE_ISA_AVX2 || isa == QUIRE_ISA_AVX_VNNI) return limit == QUIRE_LIMIT_INT8 ? avx2_int8(rounds) : avx2_f32(rounds);
#elif defined(__aarch64__)
  if (isa != QUIRE_ISA_PORTABLE && limit != QUIRE_LIMIT_INT8) return neon_f32(rounds);
  if (isa == QUIRE_ISA_I8MM) return i8mm_int8(rounds);
  if (isa == QUIRE_ISA_DOTPROD) return dotprod_int8(rounds);
#endif
  (void)isa;
  return limit == QUIRE_LIMIT_INT8 ? portable_int8(rounds) : portable_f32(rounds);
}

uint64_t quire_limit_read(quire_isa isa, const void *source, size_t bytes, int32_t streams, size_t ahead) {
#if defined(__x86_64__)
  if (isa == QUIRE_ISA_AVX512 || isa == QUIRE_ISA_AMX) return avx512_read(source, bytes, streams, ahead);
  if (isa == QUIRE_ISA_AVX2 || isa == QUIRE_ISA_AVX_VNNI) return avx2_read(source, bytes, streams, ahead);
#endif
  (void)isa;
  return portable_read(source, bytes, streams, ahead);
}
