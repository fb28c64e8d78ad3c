#ifndef QUIRE_SANITIZER_H
#define QUIRE_SANITIZER_H

/* Whether this is built with ThreadSanitizer (tools/check-threads). Nothing that runs while the program is loaded may call
 * its versions of the C library's functions, because it is not ready yet. */
#if defined(__has_feature)
#define HAS_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define HAS_THREAD_SANITIZER 0
#endif

#endif
