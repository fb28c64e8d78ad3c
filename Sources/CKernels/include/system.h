#pragma once
#include <stddef.h>
#include <stdint.h>

/* Calls of the system that Swift cannot make, because the headers hide them or they take any number of arguments. */

/* Renames a file unless something is under the new name: then -1, and errno is EEXIST. Where the file system cannot do
 * that, errno is EINVAL or ENOSYS. */
int quire_rename_exclusive(const char *from, const char *to);

/* Renames each to the name of the other in one step. Returns 0, or -1 with errno. */
int quire_rename_exchange(const char *from, const char *to);

/* Asks the system to start writing a range of a file to the disk now, and does not wait for it. */
void quire_start_writing(int descriptor, int64_t offset, int64_t count);

/* Names the calling thread for debuggers; the system keeps 15 bytes. */
void quire_name_thread(const char *name);

/* The processors that the calling thread may run on; 0 where that cannot be asked. */
int quire_affinity_count(void);

/* Whether the calling thread may run on a processor; 0 where that cannot be asked. */
int quire_affinity_has(int processor);

/* The processors that a thread may run on, and the one that it came from. */
typedef struct {
  unsigned char allowed[128];
  int came_from, came_to;
} quire_placement;

/* The system's number of the calling thread; 0 where threads of others cannot be moved. */
int quire_thread_id(void);

/* The processor that the calling thread is on. */
int quire_processor(void);

/* Gives memory that was freed back to the system, where the allocator keeps it. */
void quire_release_freed_memory(void);

/* Nanoseconds of computing time that a thread of this process has had; -1 where that cannot be asked. */
int64_t quire_thread_time(int thread);

/* Moves a thread of this process, which is on the processor came_from, to the one that the calling thread is on, and
 * keeps it there. With `saved`, takes the processors that it may use from the placement. Returns whether it did. */
int quire_lend_processor(int thread, quire_placement *placement, int saved);

/* Moves the calling thread to the processor that it came from and keeps it off the one that was lent to it. */
void quire_return_processor(const quire_placement *placement);

/* Lets the calling thread use all processors that it could use before it was moved. */
void quire_free_placement(const quire_placement *placement);

/* Starts a thread that calls body(context) and ends. Returns 0 or the number of the error. A thread with a handle must be
 * joined; without one (NULL) the system forgets it when it ends. */
int quire_start_thread(size_t stack_bytes, void (*body)(void *), void *context, uintptr_t *handle);

/* Waits for the end of a thread that was started with a handle. Once per thread. */
void quire_join_thread(uintptr_t handle);

#if defined(__x86_64__)
/* Asks the system to let this process use the tile registers of AMX. Returns whether it does. */
int quire_request_tiles(void);
#elif defined(__aarch64__)
/* Whether the CPU has the instructions sdot and udot, and smmla and usmmla. */
int quire_cpu_has_dotprod(void);
int quire_cpu_has_i8mm(void);
#endif
