import Foundation

// A reader of our output that leaves (head, a closed browser) is an error of write(), not a signal.
signal(SIGPIPE, SIG_IGN)
exit(Program.run(Array(CommandLine.arguments.dropFirst())))
