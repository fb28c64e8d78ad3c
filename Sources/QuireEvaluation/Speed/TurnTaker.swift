import Dispatch
import QuireGeneration
import Synchronization

/// An engine that answers one request a few tokens at a time, so that several can be compared on a machine whose speed
/// changes by the second.
///
/// The engine's thread waits inside an event, outside of what the engine itself measures; seconds are those of its turns.
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
  private let mayGoOn = DispatchSemaphore(value: 0)
  private let hasStopped = DispatchSemaphore(value: 0)

  init(engine: Engine, turnTokens: Int) {
    self.engine = engine
    self.turnTokens = turnTokens
  }

  /// Computes the prompt and the first token, which no turn counts.
  func begin(_ request: GenerationRequest) throws(GenerationError) {
    _ = try engine.submit(request) { [self] event in take(event) }
    hasStopped.wait()
  }

  /// Lets the engine give the tokens of a turn; false when the answer has ended with it.
  func turn() -> Bool {
    mayGoOn.signal()
    hasStopped.wait()
    return state.withLock { $0.result == nil }
  }

  /// All tokens, and the seconds of the turns.
  var answer: (tokens: [Int32], seconds: Double) { state.withLock { ($0.tokens, $0.seconds) } }

  var metrics: EngineMetrics { engine.metrics }

  /// On the engine's thread.
  private func take(_ event: GenerationEvent) {
    switch event {
    case .prompt: break
    case .delta(_, let token):
      guard state.withLock({ note(token, in: &$0) }) else { return }
      hasStopped.signal()
      mayGoOn.wait()
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
