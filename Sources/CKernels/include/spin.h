// A pause for a thread that waits for another for less time than a system call takes.
#pragma once
static inline void quire_spin_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
