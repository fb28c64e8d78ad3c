/// Sampling settings that a model's authors recommend for a chat mode. Nil means that they recommend no value.
package struct RecommendedSampling: Sendable, Equatable {
  package var temperature: Float?
  package var topP: Float?
  package var topK: Int?
  package var minP: Float?
  package var presencePenalty: Float?

  package init(
    temperature: Float? = nil, topP: Float? = nil, topK: Int? = nil, minP: Float? = nil,
    presencePenalty: Float? = nil
  ) {
    self.temperature = temperature
    self.topP = topP
    self.topK = topK
    self.minP = minP
    self.presencePenalty = presencePenalty
  }
}
