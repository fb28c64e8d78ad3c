package import QuireGeneration

/// What the server needs of an engine. Tests put a scripted one in its place, to produce what a model
/// cannot be made to produce: a tool call, half a character, a failure, silence.
package protocol TextGenerator: Sendable {
  /// Prompt and answer together have at most this many tokens.
  var contextLength: Int { get }

  /// Starts a request; events arrive on a thread of the generator, the first possibly before this returns.
  func submit(
    _ request: GenerationRequest, onEvent: @escaping @Sendable (GenerationEvent) -> Void
  ) throws(GenerationError) -> RequestID

  /// Ends a request soon; no matter when called, and how often.
  func cancel(_ id: RequestID)

  /// A reading of the counters.
  var metrics: EngineMetrics { get }
}
