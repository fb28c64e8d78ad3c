#define _GNU_SOURCE
#include "system.h"
#include "sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/auxv.h>
#include <sys/syscall.h>
#else
#include <sys/sysctl.h>
#endif

#if defined(__GLIBC__)
#include <malloc.h>
void quire_release_freed_memory(void) { malloc_trim(0); }
#else
void quire_release_freed_memory(void) {}
#endif

#if defined(__linux__)
int quire_rename_exclusive(const char *from, const char *to) {
  return renameat2(-100 /* AT_FDCWD */, from, -100, to, 1 /* RENAME_NOREPLACE */);
}

int quire_rename_exchange(const char *from, const char *to) {
  return renameat2(-100 /* AT_FDCWD */, from, -100, to, 2 /* RENAME_EXCHANGE */);
}

void quire_start_writing(int descriptor, int64_t offset, int64_t count) {
  sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE);
}

void quire_name_thread(const char *name) {
  char text[16] = {0};
  for (int i = 0; i < 15 && name[i]; i++) text[i] = name[i];
  pthread_setname_np(pthread_self(), text);
}

int quire_affinity_count(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

int quire_affinity_has(int processor) {
  cpu_set_t set;
  return processor >= 0 && processor < CPU_SETSIZE && sched_getaffinity(0, sizeof set, &set) == 0 && CPU_ISSET(processor, &set);
}

int quire_thread_id(void) {
  static _Thread_local int id;
  if (id == 0) id = (int)syscall(SYS_gettid);
  return id;
}

int quire_processor(void) { return sched_getcpu(); }

int64_t quire_thread_time(int thread) {
  /* The kernel's number of the clock of a thread's time; the C library has it only for its own handles. */
  clockid_t clock = (clockid_t)(~(unsigned)thread << 3 | 4 /* of a thread */ | 2 /* CPUCLOCK_SCHED */);
  struct timespec time;
  return clock_gettime(clock, &time) == 0 ? time.tv_sec * INT64_C(1000000000) + time.tv_nsec : -1;
}

_Static_assert(sizeof(cpu_set_t) <= sizeof ((quire_placement *)0)->allowed, "a set of processors fits");

int quire_lend_processor(int thread, quire_placement *placement, int saved) {
  cpu_set_t allowed, here;
  int processor = sched_getcpu();
  if (saved) {
    memcpy(&allowed, placement->allowed, sizeof allowed);
  } else if (sched_getaffinity(thread, sizeof allowed, &allowed) != 0) {
    return 0;
  }
  if (processor < 0 || processor == placement->came_from || !CPU_ISSET(processor, &allowed)) return 0;
  CPU_ZERO(&here);
  CPU_SET(processor, &here);
  if (sched_setaffinity(thread, sizeof here, &here) != 0) return 0;
  memcpy(placement->allowed, &allowed, sizeof allowed);
  placement->came_to = processor;
  return 1;
}

void quire_return_processor(const quire_placement *placement) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(placement->came_from, &set);
  sched_setaffinity(0, sizeof set, &set);
  memcpy(&set, placement->allowed, sizeof set);
  CPU_CLR(placement->came_to, &set);
  sched_setaffinity(0, sizeof set, &set);
}

void quire_free_placement(const quire_placement *placement) {
  cpu_set_t set;
  memcpy(&set, placement->allowed, sizeof set);
  sched_setaffinity(0, sizeof set, &set);
}

#if defined(__x86_64__)
int quire_request_tiles(void) { return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* XFEATURE_XTILEDATA */) == 0; }
#elif defined(__aarch64__)
int quire_cpu_has_dotprod(void) { return (getauxval(AT_HWCAP) >> 20 & 1) != 0; /* HWCAP_ASIMDDP */ }

int quire_cpu_has_i8mm(void) { return (getauxval(AT_HWCAP2) >> 13 & 1) != 0; /* HWCAP2_I8MM */ }
#endif
#else
int quire_rename_exclusive(const char *from, const char *to) { return renamex_np(from, to, RENAME_EXCL); }

int quire_rename_exchange(const char *from, const char *to) { return renamex_np(from, to, RENAME_SWAP); }

void quire_start_writing(int descriptor, int64_t offset, int64_t count) {
  (void)descriptor, (void)offset, (void)count;
}

void quire_name_thread(const char *name) { pthread_setname_np(name); }

int quire_affinity_count(void) { return 0; }

int quire_affinity_has(int processor) { return (void)processor, 0; }

int quire_thread_id(void) { return 0; }

int quire_processor(void) { return -1; }

int64_t quire_thread_time(int thread) { return (void)thread, -1; }

int quire_lend_processor(int thread, quire_placement *placement, int saved) {
  return (void)thread, (void)placement, (void)saved, 0;
}

void quire_return_processor(const quire_placement *placement) { (void)placement; }

void quire_free_placement(const quire_placement *placement) { (void)placement; }

#if defined(__x86_64__)
int quire_request_tiles(void) { return 0; }
#elif defined(__aarch64__)
static int has_feature(const char *name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

int quire_cpu_has_dotprod(void) { return has_feature("hw.optional.arm.FEAT_DotProd"); }

int quire_cpu_has_i8mm(void) { return has_feature("hw.optional.arm.FEAT_I8MM"); }
#endif
#endif

struct start {
  void (*body)(void *);
  void *context;
};

static void *run(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  start.body(start.context);
  return NULL;
}

int quire_start_thread(size_t stack_bytes, void (*body)(void *), void *context, uintptr_t *handle) {
  struct start *start = malloc(sizeof *start);
  if (!start) return ENOMEM;
  *start = (struct start){body, context};
  pthread_attr_t attributes;
  pthread_t thread;
  int failure = pthread_attr_init(&attributes);
  if (failure == 0) {
    failure = pthread_attr_setstacksize(&attributes, stack_bytes);
    if (failure == 0 && !handle) failure = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (failure == 0) failure = pthread_create(&thread, &attributes, run, start);
    pthread_attr_destroy(&attributes);
  }
  if (failure != 0) {
    free(start);
  } else if (handle) {
    *handle = (uintptr_t)thread;
  }
  return failure;
}

void quire_join_thread(uintptr_t handle) { pthread_join((pthread_t)handle, NULL); }

#if defined(__linux__) && !HAS_THREAD_SANITIZER
/* OpenBLAS starts threads of its own when it is loaded, which we never use. Where the limit on processes (ulimit -u, the
 * pids group of a container) forbids them, it prints lines and raises SIGINT; under a limit on the address space
 * (ulimit -v) such a thread asks for memory again and again, for ever. It starts none when OPENBLAS_NUM_THREADS is 1.
 * It reads its environment before a constructor of ours could run, and the C library forgets what is set earlier: so
 * load the program again with that setting (about 10 ms). */
static void avoid_blas_threads(int count, char **arguments, char **environment) {
  (void)count;
  /* Started as an argument of the loader (ld.so quire): /proc/self/exe is the loader. */
  if (getauxval(AT_BASE) == 0) return;
  static const char name[] = "OPENBLAS_NUM_THREADS";
  static char setting[] = "OPENBLAS_NUM_THREADS=1";
  size_t count_now = 0, kept = 0, length = sizeof name - 1;
  while (environment[count_now]) count_now++;
  char *changed[count_now + 2];
  for (size_t i = 0; environment[i]; i++) {
    if (strcmp(environment[i], setting) == 0) return;
    if (strncmp(environment[i], name, length) != 0 || environment[i][length] != '=') changed[kept++] = environment[i];
  }
  changed[kept] = setting;
  changed[kept + 1] = NULL;
  char path[4096];
  ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  if (size <= 0) return;
  path[size] = 0;
  execve(path, arguments, changed);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) = avoid_blas_threads;
#endif
