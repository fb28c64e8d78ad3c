package import QuireGeneration

/// The engine interface that the server needs. Tests use a scripted implementation to produce events that are hard
/// to get from a model: a tool call, half a character, a failure, no output.
package protocol TextGenerator: Sendable {
  /// Prompt and answer together have at most this many tokens.
  var contextLength: Int { get }

  /// The longest context, in tokens, that the model was made for.
  var contextLimit: Int { get }

  /// Requests that run at the same time.
  var slotCount: Int { get }

  /// Requests that run or wait, at most.
  var requestCountMaximum: Int { get }

  /// Whether tokens are drafted, which changes only the speed.
  var drafts: Bool { get }

  /// Starts a request; events arrive on a thread of the generator, the first possibly before this returns.
  func submit(
    _ request: GenerationRequest, onEvent: @escaping @Sendable (GenerationEvent) -> Void
  ) throws(GenerationError) -> RequestID

  /// Ends a request soon. May be called at any time and repeatedly.
  func cancel(_ id: RequestID)

  /// A reading of the counters.
  var metrics: EngineMetrics { get }
}
