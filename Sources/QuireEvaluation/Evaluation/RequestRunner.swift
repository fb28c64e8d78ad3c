import Dispatch
import QuireGeneration
import QuireText
import Synchronization

/// Runs a set of requests on an engine, and delivers each answer as soon as it is finished.
struct RequestRunner {
  let engine: Engine
  /// Requests that the engine has at the same time, running or waiting.
  let outstandingMaximum: Int

  init(engine: Engine, outstandingMaximum: Int = 1) {
    self.engine = engine
    self.outstandingMaximum = outstandingMaximum
  }

  /// One request's text outside of its thought, log-probabilities where it asked for them, and its result.
  struct Answer: Sendable {
    var content = ""
    /// Of each token of the prompt but the first.
    var promptLogprobs: [Float] = []
    /// Those that the request asked for at the first position of the answer.
    var firstAlternatives: [TokenAlternative] = []
    /// All tokens of the answer, and their log-probabilities where it asked for them.
    var tokens: [Int32] = []
    var logprobs: [Float] = []
    var result: GenerationResult
  }

  /// Answers in the order of the requests.
  func run(_ requests: [GenerationRequest]) throws(EvaluationError) -> [Answer] {
    var answers = [Answer?](repeating: nil, count: requests.count)
    try run(requests) { index, answer throws(EvaluationError) in answers[index] = answer }
    return answers.compactMap { $0 }
  }

  /// - Parameter onFinished: called on the calling thread with each answer, in the order in which they finish.
  func run(
    _ requests: [GenerationRequest],
    onFinished: (_ index: Int, _ answer: Answer) throws(EvaluationError) -> Void
  ) throws(EvaluationError) {
    let collector = Collector()
    var submitted = 0
    for finished in requests.indices {
      while submitted < requests.count, submitted - finished < outstandingMaximum {
        let index = submitted
        do throws(GenerationError) {
          _ = try engine.submit(requests[index]) { collector.receive($0, index: index) }
        } catch {
          throw .generation(error.description)
        }
        submitted += 1
      }
      let (index, answer) = collector.next()
      switch answer.result.reason {
      case .stop, .length, .timedOut: try onFinished(index, answer)
      case .failed(let sentence), .contradicted(let sentence): throw .generation(sentence)
      case .cancelled: throw .generation("the engine stopped before all answers were finished; run again")
      }
    }
  }

  /// Collects the events of all requests; called by the engine's thread.
  private final class Collector: Sendable {
    private struct Partial {
      var content = ""
      var promptLogprobs: [Float] = []
      var firstAlternatives: [TokenAlternative]?
      var tokens: [Int32] = []
      var logprobs: [Float] = []
    }

    private struct State {
      var partials: [Int: Partial] = [:]
      var finished: [(index: Int, answer: Answer)] = []
    }

    private let state = Mutex(State())
    private let finished = DispatchSemaphore(value: 0)

    func receive(_ event: GenerationEvent, index: Int) {
      switch event {
      case .progress: break
      case .prompt(let tokens):
        state.withLock {
          $0.partials[index, default: Partial()].promptLogprobs = tokens.compactMap(\.logprob)
        }
      case .delta(let parts, let token):
        state.withLock { state in
          // Taken out of the dictionary while it changes, so that its arrays are not copied.
          var partial = state.partials.removeValue(forKey: index) ?? Partial()
          partial.content += parts.content
          if partial.firstAlternatives == nil { partial.firstAlternatives = token.top }
          partial.tokens.append(token.id)
          if let logprob = token.logprob { partial.logprobs.append(logprob) }
          state.partials[index] = partial
        }
      case .finished(let result):
        state.withLock { state in
          let partial = state.partials.removeValue(forKey: index) ?? Partial()
          let answer = Answer(
            content: partial.content, promptLogprobs: partial.promptLogprobs,
            firstAlternatives: partial.firstAlternatives ?? [], tokens: partial.tokens,
            logprobs: partial.logprobs, result: result)
          state.finished.append((index, answer))
        }
        finished.signal()
      }
    }

    /// Waits for the next finished request.
    func next() -> (index: Int, answer: Answer) {
      finished.wait()
      return state.withLock { $0.finished.removeFirst() }
    }
  }
}
