package import QuireText

/// How the next token is chosen from a row of logits.
///
/// The order of work is: logit bias, repetition penalty, presence and frequency penalties, temperature,
/// top-k, top-p, min-p, draw. Every filter works on the distribution that the one before it leaves,
/// renormalized, as the `transformers` library does. See `Sampler`, which performs it.
package struct SamplingParameters: Sendable, Equatable {
  /// Divides the logits; 0 takes the largest logit (the lowest id among equals) and draws nothing.
  package var temperature: Float
  /// Keeps the most probable tokens until their probability reaches this, and more only where several equal
  /// the last; 1 keeps all.
  package var topP: Float
  /// Keeps this many largest logits, and more only where several equal the last; 0 keeps all.
  package var topK: Int
  /// Drops tokens less probable than this share of the most probable one; 0 drops none.
  package var minP: Float
  /// Subtracted once from the logit of every token that the answer already holds (−2 … 2).
  package var presencePenalty: Float
  /// Subtracted from a token's logit for each time the answer holds it (−2 … 2).
  package var frequencyPenalty: Float
  /// Divides positive and multiplies negative logits of tokens in the prompt or the answer; 1 is neutral.
  package var repetitionPenalty: Float
  /// Makes the draws of this request repeatable; `nil` takes a fresh seed per request.
  package var seed: UInt64?
  /// Added to the logits of these token ids before everything else.
  package var logitBias: [Int32: Float]

  package init(
    temperature: Float = 1, topP: Float = 1, topK: Int = 0, minP: Float = 0,
    presencePenalty: Float = 0, frequencyPenalty: Float = 0, repetitionPenalty: Float = 1,
    seed: UInt64? = nil, logitBias: [Int32: Float] = [:]
  ) {
    self.temperature = temperature
    self.topP = topP
    self.topK = topK
    self.minP = minP
    self.presencePenalty = presencePenalty
    self.frequencyPenalty = frequencyPenalty
    self.repetitionPenalty = repetitionPenalty
    self.seed = seed
    self.logitBias = logitBias
  }

  /// The most probable token at every step.
  package static let greedy = SamplingParameters(temperature: 0)
}

extension SamplingParameters {
  /// What Qwen3's authors recommend for a chat mode.
  package static func recommended(_ mode: ThinkingMode) -> SamplingParameters {
    SamplingParameters(ChatFormat.qwen3.recommendedSampling(in: mode))
  }

  /// What a model's authors recommend; neutral values where they recommend nothing.
  package init(_ recommended: RecommendedSampling) {
    self.init(
      temperature: recommended.temperature ?? 1, topP: recommended.topP ?? 1, topK: recommended.topK ?? 0,
      minP: recommended.minP ?? 0, presencePenalty: recommended.presencePenalty ?? 0)
  }
}
