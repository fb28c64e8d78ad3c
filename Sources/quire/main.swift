import Foundation

// A reader of our output that leaves (head, a closed browser) is an error of write(), not a signal.
signal(SIGPIPE, SIG_IGN)

// So is a file that grows beyond the limit set for this process (ulimit -f).
signal(SIGXFSZ, SIG_IGN)

// A standard stream that the caller closed would lend its number to the next file we open, and what is meant for
// the user would be written into that file.
for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
  _ = open("/dev/null", O_RDWR)
}

exit(Program.run(Array(CommandLine.arguments.dropFirst())))
