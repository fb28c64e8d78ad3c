import QuireGeneration
import QuireJSON

/// How long one answer takes: `timings`, with llama-server's names. While the answer runs they are measured from its
/// events; at the end they are the engine's.
struct AnswerTimings: Sendable {
  private let promptTokens: Int
  /// `nil` before the first event.
  private var computedTokens: Int?
  private var cachedTokens = 0
  private var promptSeconds = 0.0
  private var generatedTokens = 0
  private var answerSeconds = 0.0
  private var firstTokenAt: ContinuousClock.Instant?

  init(promptTokens: Int) {
    self.promptTokens = promptTokens
  }

  mutating func note(_ progress: PromptProgress) {
    computedTokens = progress.computedTokens
    cachedTokens = progress.cachedTokens
    promptSeconds = progress.computedTokens > progress.cachedTokens ? progress.seconds : 0
  }

  mutating func noteToken() {
    let now = ContinuousClock.now
    let first = firstTokenAt ?? now
    firstTokenAt = first
    computedTokens = promptTokens
    generatedTokens += 1
    answerSeconds = first.duration(to: now) / .seconds(1)
  }

  /// - Parameter hidesToken: Whether the only token is not part of the answer.
  mutating func finish(_ result: GenerationResult, hidesToken: Bool = false) {
    computedTokens = promptTokens
    cachedTokens = result.cachedTokens
    promptSeconds = result.timings.prefillSeconds
    generatedTokens = hidesToken ? 0 : result.completionTokens
    answerSeconds = result.timings.decodeSeconds
  }

  /// `nil` before the first event.
  var json: JSONValue? {
    guard let computedTokens else { return nil }
    let prompt = computedTokens - cachedTokens
    // The first token comes with the prompt's last step.
    let steps = max(0, generatedTokens - 1)
    return [
      "cache_n": .int(cachedTokens), "prompt_n": .int(prompt),
      "prompt_ms": .double(promptSeconds * 1000),
      "prompt_per_token_ms": .double(Self.ratio(promptSeconds * 1000, Double(prompt))),
      "prompt_per_second": .double(Self.ratio(Double(prompt), promptSeconds)),
      "predicted_n": .int(generatedTokens), "predicted_ms": .double(answerSeconds * 1000),
      "predicted_per_token_ms": .double(Self.ratio(answerSeconds * 1000, Double(steps))),
      "predicted_per_second": .double(Self.ratio(Double(steps), answerSeconds)),
    ]
  }

  private static func ratio(_ value: Double, _ count: Double) -> Double { count > 0 ? value / count : 0 }
}

extension PromptProgress {
  /// `prompt_progress`, with llama-server's names.
  var json: JSONValue {
    [
      "total": .int(promptTokens), "cache": .int(cachedTokens), "processed": .int(computedTokens),
      "time_ms": .double(seconds * 1000),
    ]
  }
}
