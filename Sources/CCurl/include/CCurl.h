// An HTTP client over libcurl, which is loaded when the first client is made. Quire is not linked with it: only an evaluation
// with servers needs it, and it brings about 25 other libraries, TLS among them, that `serve` must not depend on.
#pragma once
#include <stddef.h>

typedef struct quire_http_client quire_http_client;

typedef struct {
  const char *url;
  // Lines such as "Content-Type: application/json".
  const char *const *headers;
  size_t header_count;
  // NULL for GET.
  const char *body;
  size_t body_count;
  long connect_milliseconds;
  // For the whole exchange.
  long milliseconds;
  // The most bytes of an answer.
  size_t answer_limit;
  // Whether the proxies of the environment are not used.
  int is_direct;
  // The exchange ends soon after this is not 0; may be set by another thread.
  const int *stop;
} quire_http_request;

typedef enum {
  quire_http_done,
  quire_http_unresolved,
  quire_http_unconnected,
  quire_http_timed_out,
  quire_http_too_large,
  quire_http_stopped,
  quire_http_failed,
} quire_http_outcome;

typedef struct {
  quire_http_outcome outcome;
  long status;
  // To be freed with `free`; NULL when empty.
  char *body;
  size_t body_count;
  // The value of Retry-After; empty without one.
  char retry_after[64];
  // libcurl's sentence where the outcome is a failure.
  char error[256];
} quire_http_answer;

// NULL when libcurl cannot be loaded. A client serves one thread at a time and keeps its connection.
quire_http_client *quire_http_open(void);
void quire_http_close(quire_http_client *client);
void quire_http_exchange(
  quire_http_client *client, const quire_http_request *request, quire_http_answer *answer);
// Sets and reads a flag that several threads use.
void quire_http_set_flag(int *flag);
int quire_http_read_flag(const int *flag);
