/// The bounds that an engine sets to requests, and the only place where requests are checked.
///
///     try limits.validate(request)  // throws one sentence for the first thing that is wrong
package struct RequestLimits: Sendable, Equatable {
  /// Ids from 0 up to, but not including, this are tokens.
  package let vocabularySize: Int
  /// Positions that prompt and answer may have together.
  package let contextLength: Int

  package static let logprobCountMaximum = 20
  package static let stopStringCountMaximum = 32
  package static let stopStringBytesMaximum = 1024
  package static let biasMaximum: Float = 100
  package static let temperatureMaximum: Float = 100
  package static let repetitionPenaltyMaximum: Float = 10

  package init(vocabularySize: Int, contextLength: Int) {
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
  }

  /// Checks the whole request. Throws `invalidRequest` or `promptTooLong`.
  package func validate(_ request: GenerationRequest) throws(GenerationError) {
    try validatePrompt(request)
    try validateLengths(request)
    try validateStops(request)
    try validate(request.sampling)
  }

  private func validatePrompt(_ request: GenerationRequest) throws(GenerationError) {
    let tokens = request.promptTokens
    guard !tokens.isEmpty else {
      throw invalid("promptTokens", "The prompt has no tokens: give at least one.")
    }
    if let index = tokens.firstIndex(where: { !isToken($0) }) {
      throw invalid(
        "promptTokens",
        "Token \(index) of the prompt is \(tokens[index]), but ids run from 0 to \(vocabularySize - 1).")
    }
    let room = contextLength - (request.maximumTokens == 0 ? 0 : 1)
    guard tokens.count <= room else {
      throw .promptTooLong(promptTokenCount: tokens.count, contextLength: contextLength)
    }
  }

  private func validateLengths(_ request: GenerationRequest) throws(GenerationError) {
    let least = request.wantsPromptLogprobs ? 0 : 1
    guard request.maximumTokens >= least else {
      throw invalid(
        "maximumTokens",
        "The number of tokens to generate must be at least \(least), but it is \(request.maximumTokens).")
    }
    if let count = request.logprobCount, !(0...Self.logprobCountMaximum).contains(count) {
      throw invalid(
        "logprobCount",
        "Alternatives per token can be 0 to \(Self.logprobCountMaximum), but \(count) were asked for.")
    }
  }

  private func validateStops(_ request: GenerationRequest) throws(GenerationError) {
    guard request.stopStrings.count <= Self.stopStringCountMaximum else {
      throw invalid(
        "stopStrings",
        "There can be at most \(Self.stopStringCountMaximum) stop strings, "
          + "but \(request.stopStrings.count) were given.")
    }
    for (index, text) in request.stopStrings.enumerated() {
      guard (1...Self.stopStringBytesMaximum).contains(text.utf8.count) else {
        throw invalid(
          "stopStrings",
          "Stop string \(index) has \(text.utf8.count) bytes: give 1 to \(Self.stopStringBytesMaximum).")
      }
    }
    if let id = request.stopTokenIDs.sorted().first(where: { !isToken($0) }) {
      throw invalid(
        "stopTokenIDs", "Stop token \(id) does not exist: ids run from 0 to \(vocabularySize - 1).")
    }
  }

  private func isToken(_ id: Int32) -> Bool {
    id >= 0 && Int(id) < vocabularySize
  }

  private func invalid(_ field: String, _ sentence: String) -> GenerationError {
    .invalidRequest(field: field, sentence: sentence)
  }
}

// MARK: - Sampling

extension RequestLimits {
  private func validate(_ sampling: SamplingParameters) throws(GenerationError) {
    try check("temperature", sampling.temperature, in: 0...Self.temperatureMaximum)
    try check("topP", sampling.topP, in: 0...1)
    try check("minP", sampling.minP, in: 0...1)
    try check("presencePenalty", sampling.presencePenalty, in: -2...2)
    try check("frequencyPenalty", sampling.frequencyPenalty, in: -2...2)
    guard sampling.topK >= 0 else {
      throw invalid("topK", "topK must be 0 (off) or more, but it is \(sampling.topK).")
    }
    let repetition = sampling.repetitionPenalty
    guard repetition > 0 && repetition <= Self.repetitionPenaltyMaximum else {
      throw invalid(
        "repetitionPenalty",
        "repetitionPenalty must be above 0 and at most \(Self.repetitionPenaltyMaximum), "
          + "but it is \(repetition).")
    }
    for (id, bias) in sampling.logitBias.sorted(by: { $0.key < $1.key }) {
      guard isToken(id) else {
        throw invalid(
          "logitBias", "logitBias names token \(id), but ids run from 0 to \(vocabularySize - 1).")
      }
      guard abs(bias) <= Self.biasMaximum else {
        throw invalid(
          "logitBias",
          "The bias of token \(id) must be between -\(Self.biasMaximum) and \(Self.biasMaximum), "
            + "but it is \(bias).")
      }
    }
  }

  /// NaN is in no range.
  private func check(_ field: String, _ value: Float, in range: ClosedRange<Float>) throws(GenerationError) {
    guard range.contains(value) else {
      throw invalid(
        field, "\(field) must be between \(range.lowerBound) and \(range.upperBound), but it is \(value).")
    }
  }
}
