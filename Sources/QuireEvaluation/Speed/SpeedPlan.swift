package import QuireModel
package import QuireTensors

/// What a speed benchmark measures: one row for each combination.
package struct SpeedPlan: Sendable, Equatable {
  package enum Phase: String, Sendable { case prompt, decode, lookup, draft }

  /// One row: the prompt tokens of one sequence in order, one token per step of several sequences, or the tokens of
  /// one sequence with drafts (one row for each text).
  package struct Case: Sendable, Equatable {
    package let phase: Phase
    package let batch: Int  // sequences
    package let context: Int  // positions that each sequence's cache holds when the row begins
    package let tokens: Int  // of each sequence: the prompt, the steps, or the answer

    /// Positions of each sequence when the row ends. The first token after a lookup's prompt is not measured. With a
    /// draft model, one sequence may get more of the measured tokens than another.
    var positions: Int {
      switch phase {
      case .prompt, .decode: context + tokens
      case .lookup: context + tokens + 1
      case .draft: context + 2 * tokens + 64
      }
    }
    /// Blocks of each sequence when the row ends.
    var blocksPerSequence: Int { KeyValueCache.blockCount(positions: positions) }
  }

  /// Prompt lengths; each is a row. Empty: prompts are not measured.
  package var promptTokens: [Int]
  /// Decode steps of a row; 0: decoding is not measured.
  package var generateTokens: Int
  /// Sequences that decode together; each is a row.
  package var batches: [Int]
  /// Positions in the cache when a row begins; each gives the rows above once. Empty: 0 for prompts, the first prompt
  /// length for decoding.
  package var contexts: [Int]
  /// Prompt tokens of one forward pass, as the engine's token budget.
  package var stepTokens: Int
  /// How often a prompt is computed.
  package var promptRepeats: Int
  package var keyValueElement: KeyValueElement
  /// Whether answers of one sequence are also measured with drafts from their own text.
  package var measuresLookup: Bool
  /// Whether answers are also measured with drafts of a draft model, for each number of sequences.
  package var measuresDraftModel: Bool

  package init(
    promptTokens: [Int] = [512], generateTokens: Int = 64, batches: [Int] = [1, 4, 16], contexts: [Int] = [],
    stepTokens: Int = 512, promptRepeats: Int = 3, keyValueElement: KeyValueElement = .float16,
    measuresLookup: Bool = false, measuresDraftModel: Bool = false
  ) {
    self.promptTokens = promptTokens
    self.generateTokens = generateTokens
    self.batches = batches
    self.contexts = contexts
    self.stepTokens = stepTokens
    self.promptRepeats = promptRepeats
    self.keyValueElement = keyValueElement
    self.measuresLookup = measuresLookup
    self.measuresDraftModel = measuresDraftModel
  }

  /// The rows in the order in which they are measured.
  package var cases: [Case] { passCases + lookupCases + draftCases }

  /// Rows of plain forward passes.
  var passCases: [Case] {
    let promptContexts = contexts.isEmpty ? [0] : contexts
    let decodeContexts = contexts.isEmpty ? [promptTokens.first ?? 0] : contexts
    let prompts = promptContexts.flatMap { context in
      promptTokens.map { Case(phase: .prompt, batch: 1, context: context, tokens: $0) }
    }
    let decodes = decodeContexts.flatMap { context in
      batches.map { Case(phase: .decode, batch: $0, context: context, tokens: generateTokens) }
    }
    return prompts + (generateTokens > 0 ? decodes : [])
  }

  /// Rows of answers with drafts. A prompt is at least as long as its answer, so that it can be quoted.
  var lookupCases: [Case] {
    guard measuresLookup else { return [] }
    let decodeContexts = contexts.isEmpty ? [promptTokens.first ?? 0] : contexts
    return decodeContexts.map { context in
      Case(phase: .lookup, batch: 1, context: max(context, generateTokens, 1), tokens: generateTokens)
    }
  }

  /// Rows of answers with a draft model.
  var draftCases: [Case] {
    guard measuresDraftModel else { return [] }
    let decodeContexts = contexts.isEmpty ? [promptTokens.first ?? 0] : contexts
    return decodeContexts.flatMap { context in
      batches.map { Case(phase: .draft, batch: $0, context: max(context, 1), tokens: generateTokens) }
    }
  }

  var maximumRows: Int {
    passCases.map { $0.phase == .prompt ? min($0.tokens, stepTokens) : $0.batch }.max() ?? 1
  }
  var maximumLogitRows: Int { passCases.map(\.batch).max() ?? 1 }
  var cacheBlockCount: Int { passCases.map { $0.batch * $0.blocksPerSequence }.max() ?? 0 }
}

extension SpeedPlan {
  /// Throws a sentence when a model of this configuration cannot run the plan.
  package func check(_ configuration: ModelConfiguration) throws(SpeedError) {
    let positions = cases.map(\.positions).max() ?? 0
    if positions > configuration.contextPositions {
      throw .positions(wanted: positions, most: configuration.contextPositions)
    }
  }
}
