#define _GNU_SOURCE
#include "CCurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Numbers of libcurl's interface, version 4, which do not change (curl/curl.h).
enum {
  option_proxy = 10004, option_url = 10002, option_write_data = 10001, option_error_buffer = 10010,
  option_post_fields = 10015, option_user_agent = 10018, option_headers = 10023, option_header_data = 10029,
  option_progress_data = 10057, option_write_function = 20011, option_header_function = 20079,
  option_progress_function = 20219, option_post_size = 30120, option_no_progress = 43, option_get = 80,
  option_no_signal = 99, option_timeout = 155, option_connect_timeout = 156, option_protocols = 181,
  option_keep_alive = 213, info_status = 0x200002, protocols_of_web = 1 | 2,
  code_unresolved_proxy = 5, code_unresolved = 6, code_unconnected = 7, code_write = 23, code_timed_out = 28,
  code_stopped = 42, global_all = 3,
};

static struct {
  int (*global_init)(long);
  void *(*open)(void);
  void (*close)(void *);
  void (*reset)(void *);
  int (*set)(void *, int, ...);
  int (*perform)(void *);
  int (*info)(void *, int, ...);
  void *(*append)(void *, const char *);
  void (*free_list)(void *);
  const char *(*message)(int);
  int is_loaded;
} curl;

static void load(void) {
  static const char *const names[] = {
    "libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.4.dylib", "/usr/lib/libcurl.4.dylib",
  };
  void *library = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && library == NULL; i++) {
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  }
  if (library == NULL) return;
  const struct { const char *name; void *target; } symbols[] = {
    {"curl_global_init", &curl.global_init}, {"curl_easy_init", &curl.open},
    {"curl_easy_cleanup", &curl.close}, {"curl_easy_reset", &curl.reset},
    {"curl_easy_setopt", &curl.set}, {"curl_easy_perform", &curl.perform},
    {"curl_easy_getinfo", &curl.info}, {"curl_slist_append", &curl.append},
    {"curl_slist_free_all", &curl.free_list}, {"curl_easy_strerror", &curl.message},
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *symbol = dlsym(library, symbols[i].name);
    if (symbol == NULL) return;
    memcpy(symbols[i].target, &symbol, sizeof symbol);
  }
  curl.is_loaded = curl.global_init(global_all) == 0;
}

struct quire_http_client {
  void *handle;
};

quire_http_client *quire_http_open(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  void *handle = curl.is_loaded ? curl.open() : NULL;
  quire_http_client *client = handle != NULL ? malloc(sizeof *client) : NULL;
  if (client == NULL) {
    if (handle != NULL) curl.close(handle);
    return NULL;
  }
  client->handle = handle;
  return client;
}

void quire_http_close(quire_http_client *client) {
  curl.close(client->handle);
  free(client);
}

// An answer while it arrives.
typedef struct {
  quire_http_answer *answer;
  size_t capacity, limit;
  int is_too_large;
} arrival;

static size_t receive(char *bytes, size_t size, size_t count, void *data) {
  arrival *own = data;
  quire_http_answer *answer = own->answer;
  size_t total = size * count;
  if (total > own->limit - answer->body_count) {
    own->is_too_large = 1;
    return 0;
  }
  if (answer->body_count + total > own->capacity) {
    size_t capacity = own->capacity < 4096 ? 4096 : own->capacity;
    while (capacity < answer->body_count + total) capacity *= 2;
    char *larger = realloc(answer->body, capacity);
    if (larger == NULL) return 0;
    answer->body = larger;
    own->capacity = capacity;
  }
  memcpy(answer->body + answer->body_count, bytes, total);
  answer->body_count += total;
  return total;
}

static size_t receive_header(char *bytes, size_t size, size_t count, void *data) {
  static const char name[] = "retry-after:";
  quire_http_answer *answer = ((arrival *)data)->answer;
  size_t total = size * count, start = sizeof name - 1;
  if (total > start && strncasecmp(bytes, name, start) == 0) {
    while (start < total && (bytes[start] == ' ' || bytes[start] == '\t')) start++;
    size_t end = total;
    while (end > start && (unsigned char)bytes[end - 1] <= ' ') end--;
    if (end - start < sizeof answer->retry_after) {
      memcpy(answer->retry_after, bytes + start, end - start);
      answer->retry_after[end - start] = 0;
    }
  }
  return total;
}

static int progress(void *data, long long a, long long b, long long c, long long d) {
  (void)a, (void)b, (void)c, (void)d;
  return quire_http_read_flag(data);
}

static quire_http_outcome outcome(int code, const arrival *arrival) {
  switch (code) {
    case 0: return quire_http_done;
    case code_unresolved: case code_unresolved_proxy: return quire_http_unresolved;
    case code_unconnected: return quire_http_unconnected;
    case code_write: return arrival->is_too_large ? quire_http_too_large : quire_http_failed;
    case code_timed_out: return quire_http_timed_out;
    case code_stopped: return quire_http_stopped;
    default: return quire_http_failed;
  }
}

void quire_http_exchange(
  quire_http_client *client, const quire_http_request *request, quire_http_answer *answer
) {
  memset(answer, 0, sizeof *answer);
  arrival arrival = {answer, 0, request->answer_limit, 0};
  // A server that closes its end must not end the process; some TLS libraries write without MSG_NOSIGNAL.
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);

  // Connections stay open over a reset.
  void *handle = client->handle, *headers = NULL;
  curl.reset(handle);
  for (size_t i = 0; i < request->header_count; i++) {
    void *longer = curl.append(headers, request->headers[i]);
    if (longer != NULL) headers = longer;
  }
  curl.set(handle, option_url, request->url);
  curl.set(handle, option_protocols, (long)protocols_of_web);
  curl.set(handle, option_user_agent, "quire");
  curl.set(handle, option_no_signal, 1L);
  curl.set(handle, option_keep_alive, 1L);
  curl.set(handle, option_headers, headers);
  if (request->is_direct) curl.set(handle, option_proxy, "");
  if (request->body != NULL) {
    curl.set(handle, option_post_size, (long long)request->body_count);
    curl.set(handle, option_post_fields, request->body);
  } else {
    curl.set(handle, option_get, 1L);
  }
  curl.set(handle, option_connect_timeout, request->connect_milliseconds);
  curl.set(handle, option_timeout, request->milliseconds);
  curl.set(handle, option_error_buffer, answer->error);
  curl.set(handle, option_write_function, receive);
  curl.set(handle, option_write_data, &arrival);
  curl.set(handle, option_header_function, receive_header);
  curl.set(handle, option_header_data, &arrival);
  curl.set(handle, option_no_progress, 0L);
  curl.set(handle, option_progress_function, progress);
  curl.set(handle, option_progress_data, request->stop);

  int code = curl.perform(handle);
  curl.info(handle, info_status, &answer->status);
  answer->outcome = outcome(code, &arrival);
  if (code != 0 && answer->error[0] == 0) {
    strncpy(answer->error, curl.message(code), sizeof answer->error - 1);
  }
  curl.reset(handle);
  if (headers != NULL) curl.free_list(headers);
  // Restoring the mask would deliver a signal that waits.
  sigset_t waiting;
  int number;
  if (!sigismember(&before, SIGPIPE) && sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE)) {
    sigwait(&pipe, &number);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void quire_http_set_flag(int *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELAXED); }

int quire_http_read_flag(const int *flag) { return __atomic_load_n(flag, __ATOMIC_RELAXED); }
