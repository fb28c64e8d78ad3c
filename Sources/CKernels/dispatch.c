// Which kernel tables this CPU can run.
#include "CKernels.h"
#include "tables.h"

#if defined(__x86_64__)
#include <cpuid.h>

// By CPUID, because the compiler's runtime library of older systems does not know Zen 5.
int quire_cpu_is_zen5_or_later(void) {
  enum { UNKNOWN, NO, YES, ZEN5_FAMILY = 26 };
  static _Atomic int answer = UNKNOWN;
  if (answer == UNKNOWN) {
    unsigned eax = 0, ebx, ecx, edx, family = 0;
    // The family is bits 8...11, and if those are all ones, plus bits 20...27.
    if (__builtin_cpu_is("amd") && __get_cpuid(1, &eax, &ebx, &ecx, &edx)) family = (eax >> 8 & 15) + (eax >> 20 & 255);
    answer = family >= ZEN5_FAMILY ? YES : NO;
  }
  return answer == YES;
}

// Asked once: the system's permission, and whether the kernel is right on this CPU; few were met.
static int amx_is_usable(void) {
  enum { UNKNOWN, NO, YES };
  static _Atomic int answer = UNKNOWN;
  if (answer == UNKNOWN)
    answer = __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-int8") && quire_isa_supported(QUIRE_ISA_AVX512_VBMI) &&
                     quire_request_tiles() && quire_kernels_agree(&quire_kernels_portable, &quire_kernels_amx)
                 ? YES
                 : NO;
  return answer == YES;
}
#endif

int quire_isa_supported(quire_isa isa) {
#if defined(__x86_64__)
  // The compiler's probe also asks the system (XGETBV) whether it saves the wide registers.
  __builtin_cpu_init();
  switch (isa) {
    case QUIRE_ISA_PORTABLE: return 1;
    case QUIRE_ISA_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    case QUIRE_ISA_AVX_VNNI: return __builtin_cpu_supports("avxvnni") && quire_isa_supported(QUIRE_ISA_AVX2);
    case QUIRE_ISA_AVX512_VBMI:
      if (!__builtin_cpu_supports("avx512vbmi")) return 0;
      return quire_isa_supported(QUIRE_ISA_AVX512);
    case QUIRE_ISA_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("fma");
    case QUIRE_ISA_AMX: return amx_is_usable();
    case QUIRE_ISA_DOTPROD:
    case QUIRE_ISA_I8MM: return 0;
  }
  return 0;
#elif defined(__aarch64__)
  switch (isa) {
    case QUIRE_ISA_PORTABLE: return 1;
    case QUIRE_ISA_DOTPROD: return quire_cpu_has_dotprod();
    case QUIRE_ISA_I8MM: return quire_cpu_has_dotprod() && quire_cpu_has_i8mm();
    case QUIRE_ISA_AVX2:
    case QUIRE_ISA_AVX_VNNI:
    case QUIRE_ISA_AVX512:
    case QUIRE_ISA_AVX512_VBMI:
    case QUIRE_ISA_AMX: return 0;
  }
  return 0;
#else
  return isa == QUIRE_ISA_PORTABLE;
#endif
}

const quire_kernels *quire_kernels_for(quire_isa isa) {
#if defined(__x86_64__)
  if (isa == QUIRE_ISA_AMX) return &quire_kernels_amx;
  if (isa == QUIRE_ISA_AVX512_VBMI) return &quire_kernels_avx512_vbmi;
  if (isa == QUIRE_ISA_AVX512) return &quire_kernels_avx512;
  if (isa == QUIRE_ISA_AVX_VNNI) return &quire_kernels_avx_vnni;
  if (isa == QUIRE_ISA_AVX2) return &quire_kernels_avx2;
#elif defined(__aarch64__)
  if (isa == QUIRE_ISA_I8MM) return &quire_kernels_i8mm;
  if (isa == QUIRE_ISA_DOTPROD) return &quire_kernels_dotprod;
#endif
  (void)isa;
  return &quire_kernels_portable;
}
