import QuireGeneration
import QuireModel
import QuireTensors
import QuireText

/// Measures the effect of a draft model or head on decoding: the engine as it serves, with model and draft computing every
/// row, on an answer that is given in advance. The mistakes of the draft are given, too (`ScriptedMistakes`).
///
/// An engine without drafts and one for each acceptance take turns of a few tokens; each has its own forward passes and
/// caches. Prompts are not measured, and not computed, but for a short one of another request at the start: an engine learns
/// from prompts how long a row takes to multiply (`StepCosts`).
struct DraftBenchmark {
  let model: Model
  let draft: EngineDraft
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
  /// Tokens of the prompt that is computed at the start.
  private static let computedPromptCount = 128
  /// The same with a head, for which the target's pass keeps the hidden states of every row.
  private static let keptRowsMaximum = 256

  /// Rows of a step that are computed: a token of each sequence, and drafts.
  static func rowsMaximum(batch: Int) -> Int { batch + DraftPlanner.stepDraftCountMaximum }

  /// The most rows of the target's pass.
  static func passRowsMaximum(_ draft: DraftSizes, batch: Int) -> Int {
    let rows = max(rowsMaximum(batch: batch), computedPromptCount)
    guard case .head = draft else { return rows }
    return max(keptRowsMaximum, rows)
  }

  /// The options of the engines of a row.
  static func options(
    _ measured: SpeedPlan.Case, _ draft: DraftSizes, element: KeyValueElement, threadCount: Int
  ) -> EngineOptions {
    let rows = rowsMaximum(batch: measured.batch)
    let isHead = if case .head = draft { true } else { false }
    return EngineOptions(
      threadCount: threadCount, maximumSlots: measured.batch,
      tokenBudget: isHead
        ? passRowsMaximum(draft, batch: measured.batch) : max(promptRowsMaximum, rows),
      logitRowBudget: rows, contextLength: measured.positions,
      cacheBlockCount: measured.batch * measured.blocksPerSequence, keyValueElement: element)
  }

  /// The engine of one acceptance during the measurement; nil without drafts.
  private struct MeasuredEngine {
    let acceptance: Double?
    let taker: TurnTaker
    let forward: ScriptedForward
    let draft: ScriptedDraft?
    /// The work of the steps before the first turn, whose time does not count.
    var untimedWork = SpeedWork()

    /// The work of all steps so far, with that of the draft.
    var allWork: SpeedWork {
      guard let draft else { return forward.work }
      return forward.work.adding(draft.work())
    }
  }

  /// Turns of all engines, about: the last one of each may be shorter.
  static func turnCount(_ measured: SpeedPlan.Case) -> Int {
    engineCount * ((measured.tokens + turnTokens - 1) / turnTokens)
  }

  /// `sample` is called between turns and measures the limits; `onTurn` is called after each turn.
  func run(
    _ measured: SpeedPlan.Case, sample: () -> MachineLimits, onTurn: () -> Void
  ) throws(GenerationError) -> [SpeedReport.Row] {
    let (prompt, answer) = texts(measured)
    var engines = [try engine(nil, measured, prompt, answer)]
    for acceptance in Self.acceptances {
      engines.append(try engine(acceptance, measured, prompt, answer))
    }
    var samples: [MachineLimits] = []
    TurnTaker.takeTurns(
      engines.map(\.taker), beforeRound: { samples.append(sample()) }, afterTurn: onTurn)
    for engine in engines {
      for tokens in engine.taker.answers {
        precondition(targetTokens(answer).starts(with: tokens), "drafts changed an answer")
      }
    }
    return engines.dropFirst().map { engine in
      row(engine, measured, plain: engines[0], limits: MachineLimits(medianOf: samples))
    }
  }

  /// Prompt and answer. A head has a part of the target's tokens, which they are made of.
  private func texts(_ measured: SpeedPlan.Case) -> (prompt: [Int32], answer: [Int32]) {
    LookupText.novel.tokens(
      promptCount: measured.context, answerCount: measured.positions - measured.context,
      vocabularySize: min(
        model.configuration.vocabularySize, draft.sizes.configuration.vocabularySize))
  }

  private func engine(
    _ acceptance: Double?, _ measured: SpeedPlan.Case, _ prompt: [Int32], _ answer: [Int32]
  ) throws(GenerationError) -> MeasuredEngine {
    let configuration = model.configuration
    let rows = Self.rowsMaximum(batch: measured.batch)
    let shape = try EngineShape(
      Self.options(
        measured, draft.sizes, element: plan.keyValueElement, threadCount: compute.team.threadCount),
      configuration: configuration, draft: acceptance == nil ? nil : draft.configuration,
      vocabularySize: vocabularySize)
    let cache = KeyValueCache(configuration, blockCount: shape.blockCount, element: plan.keyValueElement)
    cache.fillRandomly(seed: 1, compute: compute)
    let pass = ForwardPass(
      model: model, cache: cache, compute: compute,
      maximumRows: Self.passRowsMaximum(draft.sizes, batch: measured.batch), maximumLogitRows: rows,
      featureLayers: acceptance == nil ? [] : draft.head?.featureLayers ?? [])
    let text = prompt + answer
    let scripted = ScriptedForward(pass, text: targetTokens(text), promptCount: prompt.count)
    let drafting = acceptance.map { acceptance in
      ScriptedDraft(
        draft, for: pass, shape: shape, text: text, promptCount: prompt.count, acceptance: acceptance)
    }
    let engine = Engine(
      EngineParts(
        forward: scripted, rowWidth: configuration.vocabularySize, tokenizer: .bytes(), shape: shape,
        endOfSequenceIDs: [], draftModel: drafting?.model, draftHead: drafting?.head))
    let taker = TurnTaker(
      engine: engine, turnTokens: measured.batch * Self.turnTokens, goal: measured.batch * measured.tokens)
    scripted.computesPrompts = true
    try taker.warmUp(
      GenerationRequest(
        promptTokens: targetTokens(Array(text.prefix(min(Self.computedPromptCount, text.count - 1)))),
        maximumTokens: 1))
    scripted.computesPrompts = false
    try taker.begin(
      (0..<measured.batch).map { _ in
        GenerationRequest(promptTokens: targetTokens(prompt), maximumTokens: answer.count)
      })
    var measuredEngine = MeasuredEngine(
      acceptance: acceptance, taker: taker, forward: scripted, draft: drafting)
    // The engine's thread waits for its first turn.
    measuredEngine.untimedWork = measuredEngine.allWork
    return measuredEngine
  }

  /// Ids that the engine accepts: of a draft model, those that both have.
  private var vocabularySize: Int {
    let own = model.configuration.vocabularySize
    return draft.model.map { min(own, $0.configuration.vocabularySize) } ?? own
  }

  /// The target's ids of tokens of the draft.
  private func targetTokens(_ tokens: [Int32]) -> [Int32] {
    guard let head = draft.head else { return tokens }
    return tokens.map { head.targetIDs[Int($0)] }
  }

  private func row(
    _ engine: MeasuredEngine, _ measured: SpeedPlan.Case, plain: MeasuredEngine, limits: MachineLimits
  ) -> SpeedReport.Row {
    let (tokenCount, seconds) = engine.taker.measured
    let plainMeasured = plain.taker.measured
    let metrics = engine.taker.metrics
    return SpeedReport.Row(
      plan: measured, seconds: [seconds], limits: limits,
      work: engine.allWork.adding(engine.untimedWork, times: -1),
      lookup: nil,
      draft: DraftOutcome(
        acceptance: engine.acceptance ?? 0, tokenCount: tokenCount,
        plainTokensPerSecond: Double(plainMeasured.tokenCount) / plainMeasured.seconds,
        stepCount: metrics.stepCount, draftCount: metrics.modelDraftedTokenCount,
        acceptedDraftCount: metrics.modelAcceptedDraftCount,
        draftModelTokenCount: metrics.draftModelTokenCount))
  }
}

/// The effect of a draft model or head at one acceptance.
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
  /// Rows that the draft model or head computed.
  package let draftModelTokenCount: Int
}
