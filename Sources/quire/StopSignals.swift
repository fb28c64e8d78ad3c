import Foundation

/// SIGINT and SIGTERM as something to wait for.
///
/// A handler, in which almost nothing is allowed, writes the signal's number into a pipe, and `wait` reads it. (To block
/// the signals and take them with `sigwait` would need every thread to block them; OpenBLAS starts some before `main`.)
struct StopSignals {
  private let reader: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    // Without a pipe the signals keep their default, which is to end the program.
    guard pipe(&ends) == 0 else {
      reader = -1
      return
    }
    reader = ends[0]
    stopPipe = ends[1]
    // A parent may have blocked them, and a blocked signal stays so in its children.
    var stops = sigset_t()
    sigemptyset(&stops)
    for number in [SIGINT, SIGTERM] { sigaddset(&stops, number) }
    pthread_sigmask(SIG_UNBLOCK, &stops, nil)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        let before = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(stopPipe, &byte, 1)
        errno = before
      }
    }
  }

  /// Returns the name of the first signal that comes.
  func wait() -> String {
    var byte: UInt8 = 0
    while read(reader, &byte, 1) != 1 {
      if errno != EINTR { pause() }
    }
    return Int32(byte) == SIGINT ? "SIGINT" : "SIGTERM"
  }

  /// A second signal means that the user does not want to wait.
  func exitAtNextSignal() {
    let signals = self
    Thread {
      _ = signals.wait()
      exit(1)
    }.start()
  }
}

/// Where the handler writes. Unsafe: written once, before the handler is installed.
nonisolated(unsafe) private var stopPipe: Int32 = -1
