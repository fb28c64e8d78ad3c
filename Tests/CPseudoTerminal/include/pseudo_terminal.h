// Starts programs on a terminal of their own, as a user's shell does.
#pragma once

/// Starts the program at `path` on a new terminal of `columns` columns; all three standard streams are that terminal.
/// Returns the process and stores the terminal's other end in `master`; -1 when it cannot be had.
int quire_start_on_terminal(
    const char *path, char *const arguments[], char *const environment[], int columns, int *master);
