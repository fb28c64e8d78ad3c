import Foundation

// A reader of our output that leaves (head, a closed browser) is an error of write(), not a signal.
signal(SIGPIPE, SIG_IGN)

// So is a file that grows beyond the limit set for this process (ulimit -f).
signal(SIGXFSZ, SIG_IGN)

StandardStreams.prepare()
Exhaustion.prepare()

endProgram(Program.run(Array(CommandLine.arguments.dropFirst())))
