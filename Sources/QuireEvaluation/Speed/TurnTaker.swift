import Dispatch
import QuireGeneration
import Synchronization

/// An engine that answers one request a few tokens at a time, so that several engines can be compared on a machine
/// whose speed changes within seconds.
///
/// The engine's thread waits in its event handler, outside of what the engine measures; `seconds` counts only the
/// turns.
final class TurnTaker: Sendable {
  private struct State {
    var tokens: [Int32] = []
    var tokensOfTurn = 0
    var turnBegan: ContinuousClock.Instant?
    var seconds = 0.0
    var result: GenerationResult?
  }

  private let engine: Engine
  private let turnTokens: Int
  private let state = Mutex(State())
  private let mayContinue = DispatchSemaphore(value: 0)
  private let hasStopped = DispatchSemaphore(value: 0)

  init(engine: Engine, turnTokens: Int) {
    self.engine = engine
    self.turnTokens = turnTokens
  }

  /// Computes the prompt and the first token, which belong to no turn.
  func begin(_ request: GenerationRequest) throws(GenerationError) {
    _ = try engine.submit(request) { [self] event in take(event) }
    hasStopped.wait()
  }

  /// Generates the tokens of one turn; false when the answer has ended.
  func turn() -> Bool {
    mayContinue.signal()
    hasStopped.wait()
    return state.withLock { $0.result == nil }
  }

  /// All tokens, and the seconds of all turns.
  var answer: (tokens: [Int32], seconds: Double) { state.withLock { ($0.tokens, $0.seconds) } }

  var metrics: EngineMetrics { engine.metrics }

  /// Called on the engine's thread.
  private func take(_ event: GenerationEvent) {
    switch event {
    case .progress, .prompt: break
    case .delta(_, let token):
      guard state.withLock({ note(token, in: &$0) }) else { return }
      hasStopped.signal()
      mayContinue.wait()
      state.withLock { $0.turnBegan = .now }
    case .finished(let result):
      state.withLock { state in
        endTurn(&state)
        state.result = result
      }
      hasStopped.signal()
    }
  }

  /// Whether the turn is over.
  private func note(_ token: TokenRecord, in state: inout State) -> Bool {
    state.tokens.append(token.id)
    state.tokensOfTurn += 1
    let isFirst = state.turnBegan == nil
    guard isFirst || state.tokensOfTurn >= turnTokens else { return false }
    endTurn(&state)
    return true
  }

  private func endTurn(_ state: inout State) {
    if let began = state.turnBegan { state.seconds += (ContinuousClock.now - began).seconds }
    state.tokensOfTurn = 0
  }
}
