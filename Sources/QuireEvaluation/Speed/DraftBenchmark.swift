import QuireGeneration
import QuireModel
import QuireTensors
import QuireText

/// Measures the effect of a draft model on decoding: the engine as it serves, with both models computing every row, on an
/// answer that is given in advance. The draft model's mistakes are given, too (`DictatedForward`).
///
/// An engine without drafts and one for each acceptance take turns of a few tokens; each has its own forward passes and
/// caches. Prompts are not measured, and not computed by either model.
struct DraftBenchmark {
  let model: Model
  let draft: Model
  let plan: SpeedPlan
  let compute: Compute

  /// Probabilities that a draft is right, given that those before it are.
  static let acceptances = [0, 0.4, 0.7]
  /// Tokens of a turn and sequence.
  private static let turnTokens = 8
  /// The engine without drafts, and the others.
  static let engineCount = 1 + acceptances.count
  /// Prompt tokens of one step; they are not computed.
  private static let promptRowsMaximum = 4096

  /// Rows of a step: a token of each sequence, and drafts.
  static func rowsMaximum(batch: Int) -> Int { batch + DraftPlanner.stepDraftCountMaximum }

  /// The engine of one acceptance during the measurement; nil without drafts.
  private struct Contestant {
    let acceptance: Double?
    let taker: TurnTaker
    let forward: DictatedForward
    let draft: DictatedForward?
  }

  /// Turns of all engines, about: the last one of each may be shorter.
  static func turnCount(_ measured: SpeedPlan.Case) -> Int {
    engineCount * ((measured.tokens + turnTokens - 1) / turnTokens)
  }

  /// `sample` is called between turns and measures the limits; `onTurn` is called after each turn.
  func run(
    _ measured: SpeedPlan.Case, sample: () -> MachineLimits, onTurn: () -> Void
  ) throws(GenerationError) -> [SpeedReport.Row] {
    let (prompt, answer) = LookupText.novel.tokens(
      promptCount: measured.context, answerCount: measured.positions - measured.context,
      vocabularySize: min(model.configuration.vocabularySize, draft.configuration.vocabularySize))
    var contestants = [try contestant(nil, measured, prompt, answer)]
    for acceptance in Self.acceptances {
      contestants.append(try contestant(acceptance, measured, prompt, answer))
    }
    var samples: [MachineLimits] = []
    var running = contestants
    while !running.isEmpty {
      samples.append(sample())
      running.removeAll { contestant in
        defer { onTurn() }
        return !contestant.taker.turn()
      }
      // Nobody always comes first after the measurement of the limits, or last.
      running.reverse()
    }
    for contestant in contestants {
      for tokens in contestant.taker.answers {
        precondition(answer.starts(with: tokens), "drafts changed an answer")
      }
    }
    return contestants.dropFirst().map { contestant in
      row(contestant, measured, plain: contestants[0], limits: MachineLimits(medianOf: samples))
    }
  }

  private func contestant(
    _ acceptance: Double?, _ measured: SpeedPlan.Case, _ prompt: [Int32], _ answer: [Int32]
  ) throws(GenerationError) -> Contestant {
    let configuration = model.configuration
    let rows = Self.rowsMaximum(batch: measured.batch)
    let options = EngineOptions(
      threadCount: compute.team.threadCount, maximumSlots: measured.batch,
      tokenBudget: max(Self.promptRowsMaximum, rows), logitRowBudget: rows,
      contextLength: prompt.count + answer.count,
      cacheBlockCount: measured.batch * measured.blocksPerSequence, keyValueElement: plan.keyValueElement)
    let shape = try EngineShape(
      options, configuration: configuration, draft: acceptance == nil ? nil : draft.configuration,
      vocabularySize: min(configuration.vocabularySize, draft.configuration.vocabularySize))
    let pass = forward(model, blockCount: shape.blockCount, element: plan.keyValueElement, rows: rows, rows)
    let dictated = DictatedForward(pass, text: prompt + answer, promptCount: prompt.count)
    let drafting = acceptance.map { acceptance in
      DictatedForward(
        forward(
          draft, blockCount: DraftModelParts.blockCount(shape),
          element: options.draftElement(draft.configuration),
          rows: DraftModelParts.maximumRows(slots: measured.batch),
          measured.batch),
        text: prompt + answer, promptCount: prompt.count, acceptance: acceptance)
    }
    let parts = drafting.map { drafting in
      DraftModelParts(
        forward: drafting, rowWidth: draft.configuration.vocabularySize,
        maximumRows: DraftModelParts.maximumRows(slots: measured.batch),
        contextLength: draft.configuration.contextPositions,
        assumedShare: DraftModelParts.assumedShare(draft, model))
    }
    let engine = Engine(
      EngineParts(
        forward: dictated, rowWidth: configuration.vocabularySize, tokenizer: .bytes(), shape: shape,
        endOfSequenceIDs: [], draftModel: parts))
    let taker = TurnTaker(
      engine: engine, turnTokens: measured.batch * Self.turnTokens, goal: measured.batch * measured.tokens)
    try taker.begin(
      (0..<measured.batch).map { _ in
        GenerationRequest(promptTokens: prompt, maximumTokens: answer.count)
      })
    return Contestant(acceptance: acceptance, taker: taker, forward: dictated, draft: drafting)
  }

  /// A pass with a cache of random keys and values.
  private func forward(
    _ model: Model, blockCount: Int, element: KeyValueElement, rows: Int, _ logitRows: Int
  ) -> ForwardPass {
    let cache = KeyValueCache(model.configuration, blockCount: blockCount, element: element)
    cache.fillRandomly(seed: 1, compute: compute)
    return ForwardPass(
      model: model, cache: cache, compute: compute, maximumRows: rows, maximumLogitRows: logitRows)
  }

  private func row(
    _ contestant: Contestant, _ measured: SpeedPlan.Case, plain: Contestant, limits: MachineLimits
  ) -> SpeedReport.Row {
    let (tokenCount, seconds) = contestant.taker.measured
    let plainMeasured = plain.taker.measured
    let metrics = contestant.taker.metrics
    var work = contestant.forward.work
    if let draft = contestant.draft { work.add(draft.work) }
    return SpeedReport.Row(
      plan: measured, seconds: [seconds], limits: limits, work: work, lookup: nil,
      draft: DraftOutcome(
        acceptance: contestant.acceptance ?? 0, tokenCount: tokenCount,
        plainTokensPerSecond: Double(plainMeasured.tokenCount) / plainMeasured.seconds,
        stepCount: metrics.stepCount, draftCount: metrics.modelDraftedTokenCount,
        acceptedDraftCount: metrics.modelAcceptedDraftCount,
        draftModelTokenCount: metrics.draftModelTokenCount))
  }
}

/// The effect of a draft model at one acceptance.
package struct DraftOutcome: Sendable {
  /// The given probability that a draft is right.
  package let acceptance: Double
  /// Measured tokens of all sequences.
  package let tokenCount: Int
  /// The same engine without drafts, measured in turns with this one.
  package let plainTokensPerSecond: Double
  package let stepCount: Int
  package let draftCount: Int
  package let acceptedDraftCount: Int
  /// Rows that the draft model computed.
  package let draftModelTokenCount: Int
}
