import Dispatch
package import QuireText
import Synchronization

/// A whole answer, collected from its events.
package struct GenerationOutput: Sendable, Equatable {
  package var answer = AnswerParts()
  package var tokens: [TokenRecord] = []
  /// Scored prompt tokens, when asked for.
  package var prompt: [TokenRecord] = []
  package var result: GenerationResult

  package init(result: GenerationResult) {
    self.result = result
  }

  package var reasoning: String { answer.reasoning }
  package var content: String { answer.content }

  /// The ids of `tokens`.
  package var tokenIDs: [Int32] { tokens.map(\.id) }

  /// Adds the next event of the request.
  mutating func take(_ event: GenerationEvent) {
    switch event {
    case .progress: break
    case .prompt(let tokens):
      prompt = tokens
    case .delta(let parts, let token):
      answer += parts
      tokens.append(token)
    case .finished(let result):
      self.result = result
    }
  }

  /// An empty answer, before any event.
  fileprivate static let pending = GenerationOutput(
    result: GenerationResult(
      reason: .cancelled, promptTokens: 0, completionTokens: 0, reasoningTokens: 0,
      timings: GenerationTimings()))
}

extension Engine {
  /// Runs all requests, as many at a time as the engine accepts, and waits for all answers. They are returned in the
  /// order of the requests.
  ///
  /// Throws what `submit` throws; requests that were running are then cancelled. If other callers fill the engine,
  /// `queueFull` is thrown only when none of these requests is in it. Must not be called from an event callback.
  package func generate(_ requests: [GenerationRequest]) throws(GenerationError) -> [GenerationOutput] {
    for request in requests { try limits.validate(request) }
    let batch = GenerationBatch(count: requests.count)
    for (index, request) in requests.enumerated() {
      do throws(GenerationError) {
        batch.note(try submitWhenPossible(request, index: index, batch: batch))
      } catch {
        for id in batch.identifiers { cancel(id) }
        batch.waitForAll()
        throw error
      }
    }
    batch.waitForAll()
    return batch.outputs
  }

  private func submitWhenPossible(
    _ request: GenerationRequest, index: Int, batch: GenerationBatch
  ) throws(GenerationError) -> RequestID {
    while true {
      do throws(GenerationError) {
        return try submit(request) { event in batch.take(event, index: index) }
      } catch {
        guard case .queueFull = error, batch.waitForOne() else { throw error }
      }
    }
  }
}

/// Collects the events of requests that were submitted together.
private final class GenerationBatch: Sendable {
  private struct State {
    var outputs: [GenerationOutput]
    var identifiers: [RequestID] = []
  }

  private let state: Mutex<State>
  /// Signalled once for each request that finishes.
  private let finished = DispatchSemaphore(value: 0)
  /// Requests whose end was already waited for.
  private let awaitedCount = Mutex(0)

  init(count: Int) {
    state = Mutex(State(outputs: [GenerationOutput](repeating: .pending, count: count)))
  }

  var outputs: [GenerationOutput] { state.withLock { $0.outputs } }
  var identifiers: [RequestID] { state.withLock { $0.identifiers } }

  func note(_ id: RequestID) {
    state.withLock { $0.identifiers.append(id) }
  }

  func take(_ event: GenerationEvent, index: Int) {
    state.withLock { $0.outputs[index].take(event) }
    if case .finished = event { finished.signal() }
  }

  /// False when no submitted request is left to wait for.
  func waitForOne() -> Bool {
    let submittedCount = state.withLock { $0.identifiers.count }
    guard awaitedCount.withLock({ $0 }) < submittedCount else { return false }
    finished.wait()
    awaitedCount.withLock { $0 += 1 }
    return true
  }

  func waitForAll() {
    while waitForOne() {}
  }
}
