import Foundation
import QuireTensors

/// Lets a thread wait for SIGINT and SIGTERM.
///
/// The signal handler, in which few calls are allowed, writes the signal's number into a pipe, and `wait` reads it.
/// (`sigwait` would need all threads to block the signals, but OpenBLAS starts threads before `main`.)
struct StopSignals {
  struct Signal {
    let number: Int32
    var name: String { number == SIGINT ? "SIGINT" : "SIGTERM" }
    /// The exit code of a program that was ended by the signal, as shells report it.
    var exitCode: Int32 { 128 + number }
  }

  private let reader: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    // Without a pipe the signals keep their default action, which ends the program.
    guard pipe(&ends) == 0 else {
      reader = -1
      return
    }
    reader = ends[0]
    stopPipe = ends[1]
    // Child processes inherit blocked signals, and the parent may have blocked these.
    var stops = sigset_t()
    sigemptyset(&stops)
    for number in [SIGINT, SIGTERM] { sigaddset(&stops, number) }
    pthread_sigmask(SIG_UNBLOCK, &stops, nil)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        let before = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = Foundation.write(stopPipe, &byte, 1)
        errno = before
      }
    }
  }

  /// Returns the first signal that comes.
  func wait() -> Signal {
    var byte: UInt8 = 0
    while read(reader, &byte, 1) != 1 {
      if errno != EINTR { pause() }
    }
    return Signal(number: Int32(byte))
  }

  /// Ends the program at the next signal with a message that names the command. Files from which a conversion can
  /// resume are kept; all other temporary files are removed.
  func answer(for command: String, advice: String) {
    let signals = self
    NativeThread.start(named: "signals", stackBytes: 1 << 20) {
      let stop = signals.wait()
      Terminal.errorLine("quire \(command): stopped by \(stop.name)\(advice.isEmpty ? "" : "; " + advice)")
      endProgram(stop.exitCode)
    }
  }
}

/// The pipe that the handler writes to. Unsafe: written once, before the handler is installed.
nonisolated(unsafe) private var stopPipe: Int32 = -1
