import QuireGrammar

/// The limits of an engine for requests. Requests are checked only here.
///
///     try limits.validate(request)  // throws one sentence about the first error
package struct RequestLimits: Sendable, Equatable {
  /// Token ids are 0 ..< this.
  package let vocabularySize: Int
  /// Maximum positions of prompt and answer together.
  package let contextLength: Int
  /// The longest context that the model was made for.
  package let contextLimit: Int

  package static let logprobCountMaximum = 20
  package static let stopStringCountMaximum = 256
  package static let stopStringBytesMaximum = 1024
  package static let biasMaximum: Float = 100
  package static let secondsMaximum = 1e9
  package static let temperatureMaximum: Float = 100
  /// Beyond these, logits that a penalty divides or multiplies many times may overflow.
  package static let repetitionPenalties: ClosedRange<Float> = 0.01...10

  package init(vocabularySize: Int, contextLength: Int, contextLimit: Int) {
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.contextLimit = contextLimit
  }

  /// Checks the whole request. Throws `invalidRequest` or `promptTooLong`.
  package func validate(_ request: GenerationRequest) throws(GenerationError) {
    try validatePrompt(request)
    try validateLengths(request)
    try validateStops(request)
    try validateTokenFields(request)
    try validate(request.sampling)
    guard request.constraint.map({ $0.vocabularySize == vocabularySize }) ?? true else {
      throw invalid(
        "constraint", "constraint: expected one for this model's tokenizer, found another; compile it again")
    }
  }

  private func validatePrompt(_ request: GenerationRequest) throws(GenerationError) {
    let tokens = request.promptTokens
    guard !tokens.isEmpty else {
      throw invalid("promptTokens", "prompt: expected at least one token, found none; give a text")
    }
    if let index = tokens.firstIndex(where: { !isToken($0) }) {
      throw invalid(
        "promptTokens",
        "promptTokens[\(index)]: expected an id from 0 to \(vocabularySize - 1), found \(tokens[index]); correct it"
      )
    }
    let most = contextLength - (request.maximumTokens == 0 ? 0 : 1)
    guard tokens.count <= most else {
      throw .promptTooLong(
        PromptOverflow(
          promptTokenCount: tokens.count, contextLength: contextLength, contextLimit: contextLimit))
    }
  }

  private func validateLengths(_ request: GenerationRequest) throws(GenerationError) {
    let least = request.wantsPromptLogprobs ? 0 : 1
    guard request.maximumTokens >= least else {
      throw invalid(
        "maximumTokens",
        "maximumTokens: expected \(least) or more, found \(request.maximumTokens); correct it")
    }
    if let seconds = request.secondsMaximum, !(seconds > 0 && seconds <= Self.secondsMaximum) {
      throw invalid(
        "secondsMaximum",
        "secondsMaximum: expected more than 0 and at most \(Self.secondsMaximum), found \(seconds); correct it"
      )
    }
    if let seconds = request.decodeSecondsMaximum, !(seconds > 0 && seconds <= Self.secondsMaximum) {
      throw invalid(
        "decodeSecondsMaximum",
        "decodeSecondsMaximum: expected more than 0 and at most \(Self.secondsMaximum), found \(seconds); correct it"
      )
    }
    if let count = request.logprobCount, !(0...Self.logprobCountMaximum).contains(count) {
      throw invalid(
        "logprobCount",
        "logprobCount: expected 0 to \(Self.logprobCountMaximum), found \(count); correct it")
    }
  }

  private func validateStops(_ request: GenerationRequest) throws(GenerationError) {
    guard request.stopStrings.count <= Self.stopStringCountMaximum else {
      throw invalid(
        "stopStrings",
        "stopStrings: expected at most \(Self.stopStringCountMaximum), found \(request.stopStrings.count); give fewer"
      )
    }
    for (index, text) in request.stopStrings.enumerated() {
      guard (1...Self.stopStringBytesMaximum).contains(text.utf8.count) else {
        throw invalid(
          "stopStrings",
          "stopStrings[\(index)]: expected 1 to \(Self.stopStringBytesMaximum) bytes, found \(text.utf8.count); change it"
        )
      }
    }
    if let id = request.stopTokenIDs.sorted().first(where: { !isToken($0) }) {
      throw invalid(
        "stopTokenIDs", "stopTokenIDs: expected ids from 0 to \(vocabularySize - 1), found \(id); correct it")
    }
  }

  func isToken(_ id: Int32) -> Bool {
    id >= 0 && Int(id) < vocabularySize
  }

  func invalid(_ field: String, _ sentence: String) -> GenerationError {
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
      throw invalid("topK", "topK: expected 0 (off) or more, found \(sampling.topK); correct it")
    }
    try check("repetitionPenalty", sampling.repetitionPenalty, in: Self.repetitionPenalties)
    for (id, bias) in sampling.logitBias.sorted(by: { $0.key < $1.key }) {
      guard isToken(id) else {
        throw invalid(
          "logitBias", "logitBias: expected ids from 0 to \(vocabularySize - 1), found \(id); correct it")
      }
      // Minus infinity excludes a token.
      guard abs(bias) <= Self.biasMaximum || bias == -.infinity else {
        throw invalid(
          "logitBias",
          "logitBias[\(id)]: expected -\(Self.biasMaximum) to \(Self.biasMaximum), found \(bias); correct it")
      }
    }
  }

  /// NaN is outside of every range.
  private func check(_ field: String, _ value: Float, in range: ClosedRange<Float>) throws(GenerationError) {
    guard range.contains(value) else {
      throw invalid(
        field, "\(field): expected \(range.lowerBound) to \(range.upperBound), found \(value); correct it")
    }
  }
}
