import Foundation
import QuireGeneration
import QuireTensors
import Synchronization

/// Signal handling of a chat: from the end of a typed line to the next prompt, SIGINT stops the answer. At the prompt
/// and while the model is loaded it ends the program; SIGTERM always does.
final class ChatStop: Sendable {
  private enum State {
    /// Control-C on an empty line is often one for an answer that has just ended, so at a terminal only the second ends the
    /// program. (Where lines can be edited, the editor reads Control-C as a key.)
    case prompt(endsAtOnce: Bool)
    /// A turn without a running answer: before it has started or after it has ended.
    case turn(isStopped: Bool)
    case answer(RequestID, Engine)
  }

  private let state = Mutex<State>(.prompt(endsAtOnce: true))

  init() {
    let signals = StopSignals()
    NativeThread.start(named: "signals", stackBytes: 1 << 20) { [self] in
      while true {
        let stop = signals.wait()
        if stop.number != SIGINT || !stopTurn() { endProgram(stop.exitCode) }
      }
    }
  }

  static let hint = "Control-C again, Control-D or /exit leaves"

  /// Stops the answer, or asks again; false where the program ends.
  private func stopTurn() -> Bool {
    state.withLock { state in
      switch state {
      case .prompt(endsAtOnce: true): return false
      case .prompt(endsAtOnce: false):
        // The terminal has dropped the line.
        state = .prompt(endsAtOnce: true)
        Terminal.errorLine("")
        Terminal.errorLine(Self.hint)
        Terminal.output("> ")
      case .turn: state = .turn(isStopped: true)
      case .answer(let id, let engine):
        engine.cancel(id)
        state = .turn(isStopped: false)
      }
      return true
    }
  }

  /// The user has sent a line.
  func beginTurn() { state.withLock { $0 = .turn(isStopped: false) } }

  /// An answer has started; it is cancelled at once if the user has stopped the turn before.
  func answering(_ id: RequestID, _ engine: Engine) {
    state.withLock { state in
      if case .turn(isStopped: true) = state {
        engine.cancel(id)
      } else {
        state = .answer(id, engine)
      }
    }
  }

  /// The answer has ended.
  func answered() { state.withLock { $0 = .turn(isStopped: false) } }

  /// The prompt waits for a line.
  func endTurn() { endTurn(asksAgain: false) }

  /// - Parameter asksAgain: whether only a second Control-C ends the program
  func endTurn(asksAgain: Bool) { state.withLock { $0 = .prompt(endsAtOnce: !asksAgain) } }
}
