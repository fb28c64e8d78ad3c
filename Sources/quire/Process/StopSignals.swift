import Foundation
import QuireFiles
import QuireTensors

/// Lets a thread wait for SIGINT, SIGTERM and SIGHUP, which a closed terminal sends.
///
/// The signal handler, in which few calls are allowed, writes the signal's number into a pipe, and `wait` reads it.
/// (`sigwait` would need all threads to block the signals, but a library may start threads before `main`.)
struct StopSignals {
  struct Signal {
    let number: Int32
    var name: String {
      switch number {
      case SIGINT: "SIGINT"
      case SIGHUP: "SIGHUP"
      default: "SIGTERM"
      }
    }
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
    // `nohup` has it ignored, which must stay so.
    let numbers = [SIGINT, SIGTERM] + (Self.isIgnored(SIGHUP) ? [] : [SIGHUP])
    for number in numbers { sigaddset(&stops, number) }
    pthread_sigmask(SIG_UNBLOCK, &stops, nil)
    for number in numbers {
      signal(number) { number in
        let before = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = Foundation.write(stopPipe, &byte, 1)
        errno = before
      }
    }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    let action = signal(number, SIG_IGN)
    signal(number, action)
    return unsafeBitCast(action, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
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
  ///
  /// - Parameters:
  ///   - outputs: the files and folders that the command writes; the message names those that are already complete
  ///   - advice: what to do when one of them is not
  func answer(for command: String, outputs: [String], advice: String) {
    let signals = self
    NativeThread.start(named: "signals", stackBytes: 1 << 20) {
      let stop = signals.wait()
      endProgram(stop.exitCode) { finished in
        let complete = outputs.filter { finished.contains(AtomicFolder.withoutTrailingSlashes($0)) }
        var words = complete.map { "\($0) is complete" }
        if !advice.isEmpty, complete.isEmpty || complete.count < outputs.count { words.append(advice) }
        Terminal.lastErrorLine(
          (["quire \(command): stopped by \(stop.name)"] + words).joined(separator: "; "))
      }
    }
  }
}

/// The pipe that the handler writes to. Unsafe: written once, before the handler is installed.
nonisolated(unsafe) private var stopPipe: Int32 = -1
