import Foundation
import QuireGeneration
import QuireTensors
import Synchronization

/// Signal handling of a chat: SIGINT stops the current answer. Without one, and with SIGTERM, the program ends.
final class ChatStop: Sendable {
  private let current = Mutex<(id: RequestID, engine: Engine)?>(nil)

  init() {
    let signals = StopSignals()
    NativeThread.start(named: "signals", stackBytes: 1 << 20) { [self] in
      while true {
        let stop = signals.wait()
        let isCancelled = current.withLock { current in
          guard stop.number == SIGINT, let answer = current else { return false }
          answer.engine.cancel(answer.id)
          current = nil
          return true
        }
        if isCancelled { continue }
        endProgram(stop.exitCode)
      }
    }
  }

  /// An answer has started.
  func answering(_ id: RequestID, _ engine: Engine) { current.withLock { $0 = (id, engine) } }

  /// The answer has ended.
  func answered() { current.withLock { $0 = nil } }
}
