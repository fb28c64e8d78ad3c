import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import Synchronization

/// Stands in for an engine: keeps requests until the test says what becomes of them, or follows a script.
final class ScriptedGenerator: TextGenerator {
  typealias Listener = @Sendable (GenerationEvent) -> Void
  typealias Script = @Sendable (GenerationRequest) -> [GenerationEvent]

  private struct Guarded {
    var nextID: UInt64 = 1
    var requests: [(id: RequestID, request: GenerationRequest, listener: Listener)] = []
    var cancelled: [RequestID] = []
    var refusal: GenerationError?
    var acceptedCount = 0
  }

  let contextLength: Int
  let contextLimit = 40960
  let slotCount = 4
  let requestCountMaximum: Int
  let drafts = false
  /// Whether a cancelled request receives its end, as from an engine.
  private let endsCancelled: Bool
  private let script: Script?
  private let guarded = Mutex(Guarded())

  /// Without a script, requests wait for `emit`.
  init(
    contextLength: Int = 512, requestCountMaximum: Int = 256, endsCancelled: Bool = false,
    script: Script? = nil
  ) {
    self.contextLength = contextLength
    self.requestCountMaximum = requestCountMaximum
    self.script = script
    self.endsCancelled = endsCancelled
  }

  var metrics: EngineMetrics {
    var metrics = EngineMetrics()
    metrics.runningCount = guarded.withLock { $0.requests.count }
    metrics.blockCount = 4
    metrics.usedBlockCount = 1
    metrics.queueSeconds.observe(0.02)
    return metrics
  }

  /// Refuses requests with `error` once `count` more have been accepted.
  func refuse(_ error: GenerationError, after count: Int = 0) {
    guarded.withLock {
      $0.refusal = error
      $0.acceptedCount = count
    }
  }

  func submit(_ request: GenerationRequest, onEvent: @escaping Listener) throws(GenerationError) -> RequestID
  {
    let outcome = guarded.withLock { state -> Result<RequestID, GenerationError> in
      if let refusal = state.refusal {
        if state.acceptedCount == 0 { return .failure(refusal) }
        state.acceptedCount -= 1
      }
      let id = RequestID(value: state.nextID)
      state.nextID += 1
      state.requests.append((id, request, onEvent))
      return .success(id)
    }
    let id = try outcome.get()
    for event in script?(request) ?? [] { onEvent(event) }
    return id
  }

  func cancel(_ id: RequestID) {
    let listener = guarded.withLock { state -> Listener? in
      let isFirst = !state.cancelled.contains(id)
      state.cancelled.append(id)
      return isFirst && endsCancelled ? state.requests.first { $0.id == id }?.listener : nil
    }
    listener?(.end(.cancelled))
  }

  // MARK: For tests

  var requests: [GenerationRequest] { guarded.withLock { $0.requests.map(\.request) } }

  var cancelledCount: Int { guarded.withLock { $0.cancelled.count } }

  /// Sends events to the request submitted as number `index`.
  func emit(_ events: [GenerationEvent], to index: Int) {
    let listener = guarded.withLock { $0.requests[index].listener }
    for event in events { listener(event) }
  }
}

extension GenerationEvent {
  /// Text with one token per part, thought and answer alike.
  static func text(reasoning: String = "", _ content: String = "", logprob: Float? = nil) -> GenerationEvent {
    let bytes = ArraySlice((reasoning + content).utf8)
    let top = logprob.map { [TokenAlternative(id: 65, bytes: bytes, logprob: $0)] } ?? []
    return .delta(
      AnswerParts(reasoning: reasoning, content: content),
      token: TokenRecord(
        id: 65, bytes: bytes, logprob: logprob, top: top, isReasoning: !reasoning.isEmpty))
  }

  /// A whole tool call, with the token that closes it.
  static func call(_ name: String, _ arguments: JSONValue) -> GenerationEvent {
    callPart(name, arguments.serialized(style: .python))
  }

  /// A token of a tool call: with a name the one that begins it.
  static func callPart(_ name: String?, _ arguments: String) -> GenerationEvent {
    .delta(
      AnswerParts(calls: [ToolCallPart(name: name, arguments: arguments)]),
      token: TokenRecord(id: 65, bytes: []))
  }

  static func end(
    _ reason: FinishReason = .stop, match: StopMatch? = nil, prompt: Int = 7, cached: Int = 0,
    completion: Int = 3, reasoning: Int = 0
  ) -> GenerationEvent {
    .finished(
      GenerationResult(
        reason: reason, match: match, promptTokens: prompt, cachedTokens: cached,
        completionTokens: completion, reasoningTokens: reasoning, timings: GenerationTimings()))
  }
}
