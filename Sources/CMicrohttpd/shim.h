#pragma once

// libmicrohttpd for Swift. Swift cannot call variadic functions nor see cast macros, so the few that the
// server needs have plain faces here. Everything else is used as the library declares it.

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#if MHD_VERSION < 0x00097200
#error "libmicrohttpd 0.9.72 or newer is needed: install libmicrohttpd-dev (apt) or libmicrohttpd (brew)"
#endif

// Enumeration cases reach Swift under names that depend on the library's version, so Swift compares here.
static inline enum MHD_Result cmicrohttpd_result(bool is_accepted) { return is_accepted ? MHD_YES : MHD_NO; }
static inline bool cmicrohttpd_succeeded(enum MHD_Result result) { return result == MHD_YES; }
static inline bool cmicrohttpd_is_opening(enum MHD_ConnectionNotificationCode code) {
  return code == MHD_CONNECTION_NOTIFY_STARTED;
}
static inline bool cmicrohttpd_is_whole_answer(enum MHD_RequestTerminationCode code) {
  return code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
}

// Calls back for each header of the current request.
static inline void cmicrohttpd_each_header(
    struct MHD_Connection *connection, MHD_KeyValueIterator callback, void *context) {
  (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, callback, context);
}

// Calls back for each parameter of the current request's query.
static inline void cmicrohttpd_each_parameter(
    struct MHD_Connection *connection, MHD_KeyValueIterator callback, void *context) {
  (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, callback, context);
}

// A response with a copy of these bytes as its body.
static inline struct MHD_Response *cmicrohttpd_response(const void *bytes, size_t count) {
  return MHD_create_response_from_buffer(count, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
}

// What a content reader returns instead of a byte count.
static const ssize_t cmicrohttpd_end_of_stream = MHD_CONTENT_READER_END_OF_STREAM;
static const ssize_t cmicrohttpd_end_with_error = MHD_CONTENT_READER_END_WITH_ERROR;

// What the daemon calls, all on its own thread.
struct cmicrohttpd_callbacks {
  void *context;
  MHD_AccessHandlerCallback handle_request;
  MHD_RequestCompletedCallback request_completed;
  MHD_NotifyConnectionCallback connection_changed;
};

struct cmicrohttpd_limits {
  unsigned int connection_count;
  // Memory of one connection: its headers, what the library notes about them, and those of the answer.
  size_t connection_bytes;
};

// Leaves percent escapes as they are. The library's own decoding would turn %00 into the end of the path.
static inline size_t cmicrohttpd_keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
  (void)context;
  (void)connection;
  return strlen(text);
}

// Starts a daemon with one thread of its own that has no listening socket: connections are given to it. It watches
// no clocks. NULL when it cannot start.
static inline struct MHD_Daemon *cmicrohttpd_start(
    struct cmicrohttpd_limits limits, struct cmicrohttpd_callbacks callbacks) {
#ifdef __linux__
  const unsigned int polling = MHD_USE_EPOLL_INTERNAL_THREAD;
#else
  const unsigned int polling = MHD_USE_AUTO_INTERNAL_THREAD;
#endif
  return MHD_start_daemon(
      polling | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, callbacks.handle_request,
      callbacks.context,
      MHD_OPTION_NOTIFY_COMPLETED, callbacks.request_completed, callbacks.context,
      MHD_OPTION_NOTIFY_CONNECTION, callbacks.connection_changed, callbacks.context,
      MHD_OPTION_UNESCAPE_CALLBACK, &cmicrohttpd_keep_escapes, NULL,
      MHD_OPTION_CONNECTION_LIMIT, limits.connection_count,
      MHD_OPTION_CONNECTION_TIMEOUT, 0u,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits.connection_bytes,
#if MHD_VERSION >= 0x00097701
      MHD_OPTION_CLIENT_DISCIPLINE_LVL, (int)1,
#else
      MHD_OPTION_STRICT_FOR_CLIENT, (int)1,
#endif
      MHD_OPTION_END);
}

// Gives the library one end of a pair of sockets, which it owns from here on, also when it refuses.
static inline bool cmicrohttpd_add(struct MHD_Daemon *daemon, int descriptor) {
  // The family tells the library that options of TCP do not apply.
  struct sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  return MHD_add_connection(daemon, descriptor, (const struct sockaddr *)&address, sizeof address) == MHD_YES;
}

// The socket of a connection, or -1.
static inline int cmicrohttpd_connection_fd(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == NULL ? -1 : (int)info->connect_fd;
}

// What the connection_changed callback stored for a connection, or NULL.
static inline void *cmicrohttpd_connection_context(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == NULL ? NULL : info->socket_context;
}
