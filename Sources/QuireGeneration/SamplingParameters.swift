package import QuireText

/// How the next token is chosen from a row of logits.
///
/// The order is: logit bias, repetition penalty, presence and frequency penalties, temperature, top-k, top-p, min-p,
/// draw. Every filter works on the renormalized result of the previous one, as in the `transformers` library. See
/// `Sampler`.
package struct SamplingParameters: Sendable, Equatable {
  /// Divides the logits; 0 chooses the largest logit (the lowest id among equals) without a random draw.
  package var temperature: Float
  /// Keeps the most probable tokens until their total probability reaches this, and all that equal the last of them; 1
  /// keeps all.
  package var topP: Float
  /// Keeps this many largest logits, and all that equal the last of them; 0 keeps all.
  package var topK: Int
  /// Drops tokens less probable than this share of the most probable one; 0 drops none.
  package var minP: Float
  /// Subtracted once from the logit of every token that is already in the answer (−2 … 2).
  package var presencePenalty: Float
  /// Subtracted from a token's logit for each occurrence in the answer (−2 … 2).
  package var frequencyPenalty: Float
  /// Divides positive and multiplies negative logits of tokens in the prompt or the answer; 1 is neutral.
  package var repetitionPenalty: Float
  /// Makes the draws of this request repeatable; `nil` takes a fresh seed per request.
  package var seed: UInt64?
  /// Added to the logits of these token ids before everything else; −infinity excludes a token.
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
