import Foundation

// Ignore SIGPIPE: if the reader of our output has gone (head, a closed browser), write() returns an error instead.
signal(SIGPIPE, SIG_IGN)

// Ignore SIGXFSZ: if a file grows beyond the process's limit (ulimit -f), write() returns an error instead.
signal(SIGXFSZ, SIG_IGN)

StandardStreams.prepare()
Exhaustion.prepare()

endProgram(Program.run())
