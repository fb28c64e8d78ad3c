import Foundation
import QuireTensors

/// SIGINT and SIGTERM as something to wait for.
///
/// A handler, in which almost nothing is allowed, writes the signal's number into a pipe, and `wait` reads it. (To block
/// the signals and take them with `sigwait` would need every thread to block them; OpenBLAS starts some before `main`.)
struct StopSignals {
  struct Signal {
    let number: Int32
    var name: String { number == SIGINT ? "SIGINT" : "SIGTERM" }
    /// What a program that the signal ended exits with, as shells count.
    var exitCode: Int32 { 128 + number }
  }

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

  /// Ends the program at the next signal with a sentence in the command's name, and leaves nothing that it cannot use
  /// again: a conversion keeps what it resumes from, everything else goes.
  func answer(for command: String, advice: String) {
    let signals = self
    NativeThread.start(named: "signals", stackBytes: 1 << 20) {
      let stop = signals.wait()
      Terminal.errorLine("quire \(command): stopped by \(stop.name)\(advice.isEmpty ? "" : "; " + advice)")
      endProgram(stop.exitCode)
    }
  }

  /// A second signal means that the user does not want to wait.
  func exitAtNextSignal() {
    let signals = self
    NativeThread.start(named: "signals", stackBytes: 1 << 20) { endProgram(signals.wait().exitCode) }
  }
}

/// Where the handler writes. Unsafe: written once, before the handler is installed.
nonisolated(unsafe) private var stopPipe: Int32 = -1
