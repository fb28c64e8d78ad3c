import Dispatch
import QuireGeneration
import QuireText
import Synchronization

/// Runs a set of requests on an engine and waits for all of them.
struct RequestRunner {
  let engine: Engine

  /// One request's text outside of its thought, and its result.
  struct Answer: Sendable {
    var content = ""
    var result: GenerationResult
  }

  /// Answers in the order of the requests.
  ///
  /// - Parameter onFinished: called after each finished request with the number of those finished so far.
  func run(
    _ requests: [GenerationRequest], onFinished: (Int) -> Void = { _ in }
  ) throws(EvaluationError) -> [Answer] {
    let collector = Collector(count: requests.count)
    for (index, request) in requests.enumerated() {
      do throws(GenerationError) {
        _ = try engine.submit(request) { collector.receive($0, index: index) }
      } catch {
        throw .generation(error.description)
      }
    }
    for finished in requests.indices {
      collector.waitForNext()
      onFinished(finished + 1)
    }
    return try collector.answers()
  }

  /// Collects the events of all requests; called by the engine's thread.
  private final class Collector: Sendable {
    private struct State {
      var contents: [String]
      var results: [GenerationResult?]
    }

    private let state: Mutex<State>
    private let finished = DispatchSemaphore(value: 0)

    init(count: Int) {
      state = Mutex(
        State(
          contents: [String](repeating: "", count: count),
          results: [GenerationResult?](repeating: nil, count: count)))
    }

    func receive(_ event: GenerationEvent, index: Int) {
      switch event {
      case .progress, .prompt: break
      case .delta(let parts, _):
        state.withLock { $0.contents[index] += parts.content }
      case .finished(let result):
        state.withLock { $0.results[index] = result }
        finished.signal()
      }
    }

    func waitForNext() { finished.wait() }

    /// Precondition: every request has finished.
    func answers() throws(EvaluationError) -> [Answer] {
      let state = self.state.withLock { $0 }
      var answers: [Answer] = []
      for (content, result) in zip(state.contents, state.results) {
        guard let result else { preconditionFailure("a request that has not finished") }
        switch result.reason {
        case .stop, .length, .timedOut: answers.append(Answer(content: content, result: result))
        case .failed(let sentence): throw .generation(sentence)
        case .cancelled: throw .generation("the engine stopped before all answers were finished; run again")
        }
      }
      return answers
    }
  }
}
