import QuireGeneration
import QuireModel
import QuireTensors
import QuireText

/// Measures the effect of drafting from the text itself (prompt lookup) on the decoding of one sequence: the engine
/// as it serves, sampling and delivery included, on answers that are given in advance (`ScriptedForward`).
///
/// An engine without drafts and one for each text take turns of a few tokens; each has its own forward pass and
/// cache.
struct LookupBenchmark {
  let model: Model
  let plan: SpeedPlan
  let compute: Compute

  static let turnTokens = 8
  /// The engine without drafts, and the others.
  static let engineCount = 1 + LookupText.allCases.count
  /// Prompt tokens of one step; they are not computed.
  private static let promptRowsMaximum = 4096
  /// A token and the largest number of drafts.
  static let rowsMaximum = 1 + DraftPlanner.draftCountMaximum

  /// The engine of one text during the measurement.
  private struct MeasuredEngine {
    let text: LookupText
    let lookup: LookupMode
    let answer: [Int32]
    let taker: TurnTaker
    let forward: ScriptedForward
  }

  /// Turns of all engines.
  static func turnCount(_ measured: SpeedPlan.Case) -> Int {
    engineCount * ((measured.tokens + turnTokens - 1) / turnTokens)
  }

  /// `sample` is called between turns and measures the limits; `onTurn` is called after each turn.
  func run(
    _ measured: SpeedPlan.Case, sample: () -> MachineLimits, onTurn: () -> Void
  ) throws(GenerationError) -> [SpeedReport.Row] {
    var engines = [try engine(.novel, .off, measured)]
    for text in LookupText.allCases { engines.append(try engine(text, .adaptive, measured)) }
    var samples: [MachineLimits] = []
    TurnTaker.takeTurns(
      engines.map(\.taker), beforeRound: { samples.append(sample()) }, afterTurn: onTurn)
    let plain = rate(engines[0], measured)
    return engines.dropFirst().map { engine in
      row(engine, measured, plain: plain, limits: MachineLimits(medianOf: samples))
    }
  }

  private func engine(
    _ text: LookupText, _ lookup: LookupMode, _ measured: SpeedPlan.Case
  ) throws(GenerationError) -> MeasuredEngine {
    let configuration = model.configuration
    // The token that follows the prompt is not measured.
    let (prompt, answer) = text.tokens(
      promptCount: measured.context, answerCount: measured.tokens + 1,
      vocabularySize: configuration.vocabularySize)
    let shape = try EngineShape(
      EngineOptions(
        threadCount: compute.team.threadCount, maximumSlots: 1, tokenBudget: Self.promptRowsMaximum,
        logitRowBudget: Self.rowsMaximum, contextLength: prompt.count + answer.count,
        cacheBlockCount: measured.blocksPerSequence, keyValueElement: plan.keyValueElement, lookup: lookup),
      configuration: configuration, vocabularySize: configuration.vocabularySize)
    let cache = KeyValueCache(configuration, blockCount: shape.blockCount, element: plan.keyValueElement)
    cache.fillRandomly(seed: 1, compute: compute)
    let pass = ForwardPass(
      model: model, cache: cache, compute: compute, maximumRows: Self.rowsMaximum)
    let forward = ScriptedForward(pass, text: prompt + answer, promptCount: prompt.count)
    let engine = Engine(
      EngineParts(
        forward: forward, rowWidth: configuration.vocabularySize, tokenizer: .bytes(), shape: shape,
        endOfSequenceIDs: []))
    let taker = TurnTaker(engine: engine, turnTokens: Self.turnTokens)
    try taker.begin([GenerationRequest(promptTokens: prompt, maximumTokens: answer.count)])
    return MeasuredEngine(text: text, lookup: lookup, answer: answer, taker: taker, forward: forward)
  }

  private func rate(_ engine: MeasuredEngine, _ measured: SpeedPlan.Case) -> Double {
    Double(measured.tokens) / engine.taker.measured.seconds
  }

  private func row(
    _ engine: MeasuredEngine, _ measured: SpeedPlan.Case, plain: Double, limits: MachineLimits
  ) -> SpeedReport.Row {
    let seconds = engine.taker.measured.seconds
    precondition(engine.taker.answers == [engine.answer], "drafts changed an answer")
    let metrics = engine.taker.metrics
    return SpeedReport.Row(
      plan: measured, seconds: [seconds], limits: limits, work: engine.forward.work,
      lookup: LookupOutcome(
        text: engine.text, plainTokensPerSecond: plain, stepCount: metrics.stepCount - 1,
        draftCount: metrics.draftedTokenCount, acceptedDraftCount: metrics.acceptedDraftCount), draft: nil)
  }
}
