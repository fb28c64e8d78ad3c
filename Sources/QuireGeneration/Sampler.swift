/// Chooses the tokens of one request from its rows of logits.
///
///     var sampler = Sampler(parameters, prompt: tokens, maximumTokens: 256, seed: 42, vocabularySize: 151_669)
///     let token = try sampler.next(logits: row, workspace: workspace)  // once per step
///
/// A sampler is a value: its choices depend only on its parameters, its seed, its tokens and the logits, not on other
/// requests. Ids from `vocabularySize` on (padding of the vocabulary) are never chosen.
package struct Sampler: Sendable {
  package let parameters: SamplingParameters
  private let vocabularySize: Int
  private let stream: RandomStream
  /// Bias per token id, sorted by id.
  private let biases: [(id: Int32, bias: Float)]
  /// Stored only when a penalty is on.
  private var history: TokenHistory?
  /// Number of tokens chosen so far, which is the index of the next draw in the stream.
  private var chosenCount: UInt64 = 0

  /// `seed` is used when `parameters.seed` is `nil`.
  package init(
    _ parameters: SamplingParameters, prompt: some Sequence<Int32>, maximumTokens: Int, seed: UInt64,
    vocabularySize: Int
  ) {
    precondition(vocabularySize >= 1)
    self.parameters = parameters
    self.vocabularySize = vocabularySize
    self.stream = RandomStream(seed: parameters.seed ?? seed)
    self.biases = parameters.logitBias.sorted { $0.key < $1.key }.map { (id: $0.key, bias: $0.value) }
    let hasPenalty =
      parameters.presencePenalty != 0 || parameters.frequencyPenalty != 0 || parameters.repetitionPenalty != 1
    self.history = hasPenalty ? TokenHistory(prompt: prompt, maximumTokens: maximumTokens) : nil
  }

  /// The next token. `logits` is a row of at least `vocabularySize` elements and is not changed. With a restriction,
  /// all other tokens have probability 0 before any filter.
  ///
  /// Throws `unusableLogits` when a logit is NaN or +infinity, or all are −infinity, and `unusableConstraint` when only
  /// those are −infinity that the restriction leaves.
  package mutating func next(
    logits: UnsafeBufferPointer<Float>, workspace: SamplerWorkspace, among tokens: TokenRestriction? = nil
  ) throws(GenerationError) -> Int32 {
    let (row, survey) = try adjusted(logits, workspace: workspace, tokens)
    let token: Int32
    if parameters.temperature == 0 {
      token = Int32(workspace.firstIndex(of: survey.maximumKey, in: row, count: vocabularySize))
    } else {
      filter(row, survey: survey, workspace: workspace)
      token = workspace.draw(stream.uniform(at: chosenCount))
    }
    note(token)
    return token
  }

  /// Records a token that was not chosen from logits, as if it had been.
  mutating func note(_ token: Int32) {
    history?.append(token)
    chosenCount += 1
  }

  /// The distribution that `next` would draw from: ascending ids with probabilities that sum to 1. Not for a
  /// temperature of 0. Throws as `next` does.
  package func distribution(
    logits: UnsafeBufferPointer<Float>, workspace: SamplerWorkspace, among tokens: TokenRestriction? = nil
  ) throws(GenerationError) -> [(id: Int32, probability: Double)] {
    precondition(parameters.temperature > 0)
    let (row, survey) = try adjusted(logits, workspace: workspace, tokens)
    filter(row, survey: survey, workspace: workspace)
    return Self.normalized(workspace)
  }

  /// The row after bias, penalties and restriction, with its survey. It is stored in `logits` or in the workspace.
  private func adjusted(
    _ logits: UnsafeBufferPointer<Float>, workspace: SamplerWorkspace, _ tokens: TokenRestriction?
  ) throws(GenerationError) -> (row: UnsafePointer<Float>, survey: LogitSurvey) {
    precondition(logits.count >= vocabularySize && workspace.capacity >= vocabularySize)
    guard var row = logits.baseAddress else { preconditionFailure("no logits") }
    if !biases.isEmpty || history != nil {
      adjust(row, into: workspace.adjusted)
      row = UnsafePointer(workspace.adjusted)
    }
    if let tokens {
      workspace.restrict(row, count: vocabularySize, to: tokens)
      row = UnsafePointer(workspace.adjusted)
    }
    let survey = workspace.survey(row, count: vocabularySize)
    guard survey.isUsable else {
      let isRestricted = tokens != nil || !biases.isEmpty
      if isRestricted && survey.maximumKey == OrderedKey.negativeInfinity { throw .nothingAllowed }
      throw .unusableLogits(tokenIndex: Int(chosenCount))
    }
    return (row, survey)
  }

  /// Stores the weighted candidates of a row in the workspace.
  private func filter(_ row: UnsafePointer<Float>, survey: LogitSurvey, workspace: SamplerWorkspace) {
    if parameters.topK > 0 {
      workspace.collectLargest(parameters.topK, of: row, count: vocabularySize)
    } else {
      workspace.collectAll(row, count: vocabularySize)
    }
    workspace.weigh(maximum: survey.maximum, temperature: parameters.temperature)
    if parameters.topP < 1 { workspace.keepMass(parameters.topP) }
    if parameters.minP > 0 { workspace.keepShareOfMaximum(parameters.minP) }
  }

  /// Copies the row and applies bias, repetition penalty, presence and frequency penalties, in this order.
  private func adjust(_ row: UnsafePointer<Float>, into adjusted: UnsafeMutablePointer<Float>) {
    adjusted.update(from: row, count: vocabularySize)
    for (id, bias) in biases { adjusted[Int(id)] += bias }
    guard let history else { return }
    let repetition = parameters.repetitionPenalty
    for (index, token) in history.tokens.enumerated() {
      var logit = adjusted[Int(token)]
      logit = logit < 0 ? logit * repetition : logit / repetition
      let answerCount = history.answerCounts[index]
      if answerCount > 0 {
        logit -= parameters.presencePenalty + parameters.frequencyPenalty * Float(answerCount)
      }
      adjusted[Int(token)] = logit
    }
  }
}
