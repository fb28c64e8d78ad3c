#define _GNU_SOURCE
#include "pseudo_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#if defined(__linux__)
#include <pty.h>
#else
#include <util.h>
#endif

int quire_start_on_terminal(
    const char *path, char *const arguments[], char *const environment[], int columns, int *master) {
  struct winsize size = {.ws_row = 40, .ws_col = (unsigned short)columns};
  pid_t child = forkpty(master, NULL, NULL, &size);
  if (child == 0) {
    execve(path, arguments, environment);
    _exit(127);
  }
  return child;
}
