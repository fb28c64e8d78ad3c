import Dispatch
import QuireGeneration
import Synchronization

/// An engine that answers requests a few tokens at a time, so that several engines can be compared on a machine
/// whose speed changes within seconds.
///
/// The engine's thread waits in its event handler, outside of what the engine measures; `seconds` counts only the
/// turns.
final class TurnTaker: Sendable {
  private struct State {
    /// Of each request, all its tokens.
    var tokens: [[Int32]] = []
    var begunCount = 0
    var finishedCount = 0
    /// Tokens of all turns.
    var tokenCount = 0
    var tokensOfTurn = 0
    var turnBegan: ContinuousClock.Instant?
    var seconds = 0.0
    var isOver = false
  }

  private let engine: Engine
  private let turnTokens: Int
  private let goal: Int
  private let state = Mutex(State())
  private let mayContinue = DispatchSemaphore(value: 0)
  private let hasStopped = DispatchSemaphore(value: 0)

  /// - Parameters:
  ///   - turnTokens: tokens of a turn, of all requests together
  ///   - goal: tokens of all turns, after which the requests are cancelled; otherwise they end by themselves
  init(engine: Engine, turnTokens: Int, goal: Int = .max) {
    self.engine = engine
    self.turnTokens = turnTokens
    self.goal = goal
  }

  /// Answers a request that belongs to no turn.
  func warmUp(_ request: GenerationRequest) throws(GenerationError) {
    _ = try engine.submit(request) { [hasStopped] event in
      if case .finished = event { hasStopped.signal() }
    }
    hasStopped.wait()
  }

  /// Computes the prompts and the first token of each answer, which belong to no turn, nor do the tokens that other
  /// answers get meanwhile.
  func begin(_ requests: [GenerationRequest]) throws(GenerationError) {
    state.withLock { $0.tokens = Array(repeating: [], count: requests.count) }
    for (index, request) in requests.enumerated() {
      _ = try engine.submit(request) { [self] event in take(event, index) }
    }
    hasStopped.wait()
  }

  /// Generates the tokens of one turn; false when the answers have ended.
  func turn() -> Bool {
    mayContinue.signal()
    hasStopped.wait()
    guard state.withLock({ $0.isOver }) else { return true }
    mayContinue.signal()
    engine.stop()
    return false
  }

  /// Lets several engines take turns until their answers have ended.
  ///
  /// The order is reversed in each round, so that no engine always runs right after what `beforeRound` measures.
  static func takeTurns(_ takers: [TurnTaker], beforeRound: () -> Void, afterTurn: () -> Void) {
    var running = takers
    while !running.isEmpty {
      beforeRound()
      running.removeAll { taker in
        defer { afterTurn() }
        return !taker.turn()
      }
      running.reverse()
    }
  }

  /// The tokens of each answer.
  var answers: [[Int32]] { state.withLock { $0.tokens } }
  /// The tokens and the seconds of all turns.
  var measured: (tokenCount: Int, seconds: Double) { state.withLock { ($0.tokenCount, $0.seconds) } }

  var metrics: EngineMetrics { engine.metrics }

  /// Called on the engine's thread.
  private func take(_ event: GenerationEvent, _ index: Int) {
    switch event {
    case .progress, .prompt: break
    case .delta(_, let token):
      guard state.withLock({ note(token, index, in: &$0) }) else { return }
      hasStopped.signal()
      mayContinue.wait()
      state.withLock { $0.turnBegan = .now }
    case .finished:
      let isLast = state.withLock { state in
        state.finishedCount += 1
        guard !state.isOver, state.finishedCount == state.tokens.count else { return false }
        endTurn(&state)
        state.isOver = true
        return true
      }
      if isLast { hasStopped.signal() }
    }
  }

  /// Whether the turn is over.
  private func note(_ token: TokenRecord, _ index: Int, in state: inout State) -> Bool {
    guard !state.isOver else { return false }
    state.begunCount += state.tokens[index].isEmpty ? 1 : 0
    state.tokens[index].append(token.id)
    guard state.turnBegan != nil else { return state.begunCount == state.tokens.count }
    state.tokenCount += 1
    state.tokensOfTurn += 1
    state.isOver = state.tokenCount >= goal
    guard state.isOver || state.tokensOfTurn >= turnTokens else { return false }
    endTurn(&state)
    return true
  }

  private func endTurn(_ state: inout State) {
    if let began = state.turnBegan { state.seconds += (ContinuousClock.now - began).seconds }
    state.tokensOfTurn = 0
  }
}
