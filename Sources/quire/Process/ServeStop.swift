import Foundation
import QuireTensors
import Synchronization

/// Signal handling of a server. SIGINT and SIGTERM end the program while the model is loaded; after that the first one
/// asks for running requests to be finished, and the second ends the program.
final class ServeStop: Sendable {
  private enum Phase { case loading, serving, draining }

  private let phase = Mutex(Phase.loading)
  private let first = Mutex<StopSignals.Signal?>(nil)
  private let stopped = DispatchSemaphore(value: 0)

  init(command: String) {
    let signals = StopSignals()
    NativeThread.start(named: "signals", stackBytes: 1 << 20) { [self] in
      while true {
        let signal = signals.wait()
        let before = phase.withLock { phase in
          defer { if phase == .serving { phase = .draining } }
          return phase
        }
        switch before {
        case .loading:
          Terminal.lastErrorLine("quire \(command): stopped by \(signal.name)")
          endProgram(signal.exitCode)
        case .serving:
          first.withLock { $0 = signal }
          stopped.signal()
        case .draining: endProgram(signal.exitCode)
        }
      }
    }
  }

  /// The model is loaded: signals no longer end the program at once.
  func beginServing() { phase.withLock { $0 = .serving } }

  /// Returns the first signal that comes, or has come, after `beginServing`.
  func wait() -> StopSignals.Signal {
    stopped.wait()
    return first.withLock { $0 } ?? StopSignals.Signal(number: SIGTERM)
  }
}
