import Foundation
import QuireCheckpoints
import QuireGeneration
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText

/// Measures one row, except for what an earlier run has kept.
///
/// First the model alone: load, speed, answers; the peak memory is of this part. Then the text, compared with the
/// reference, whose layers are streamed, so that it is never loaded whole.
struct RowMeasurement {
  let plan: RowPlan.Entry
  let reference: TextReference?
  let material: EvaluationMaterial
  let compute: Compute
  let conversion: RowConversion
  let store: ResultStore
  let keys: RowKeys

  typealias Progress = (_ stage: EvaluationProgress.Stage, _ done: Int, _ total: Int) -> Void

  func run(
    referenceAnswers: RowAnswers?, onProgress: Progress
  ) throws(EvaluationError) -> (EvaluationRow, RowAnswers) {
    let start = ContinuousClock.now
    var row = plan.row
    var kept = KeptRow(store, keys, material)
    if let basics = kept.basics, kept.isComplete(material) {
      basics.restore(&row)
    } else {
      let source = try conversion.source(plan, &row, keys, onProgress: onProgress)
      row.size = try opening(source.size)
      row.notes += source.deltaNotice.map { [$0] } ?? []
      try measure(source, &row, &kept, onProgress: onProgress)
      row.wallSeconds = (ContinuousClock.now - start).seconds
      try store.keep(KeptBasics(row).json, keys.row)
    }
    conversion.finish(plan, keys)
    row.speed = kept.speed
    row.text = kept.text
    let answers = RowAnswers(kept.replies, to: material.problems)
    row.tasks = answers.results(
      problems: material.problems, groups: material.groups,
      reference: row.isReference ? answers : referenceAnswers)
    // It depends on the reference, and so is not kept with the row.
    row.notes += try adapterNotice.map { [$0] } ?? []
    return (row, answers)
  }

  private var adapterNotice: String? {
    get throws(EvaluationError) {
      guard case .existing(let source) = plan.source, let reference else { return nil }
      return try source.adapterNotice(besides: reference.source)
    }
  }

  private func measure(
    _ source: ModelSource, _ row: inout EvaluationRow, _ kept: inout KeptRow, onProgress: Progress
  ) throws(EvaluationError) {
    let tellsPeak = PeakMemory.reset()
    let needsEngine = !kept.hasAnswers(material) || material.method.speed != nil && kept.speed == nil
    let needsText = material.windows != nil && kept.text == nil
    let isStreamed = source === reference?.source
    var model: Model?
    if needsEngine || needsText && !isStreamed {
      onProgress(.loading, 0, 0)
      let start = ContinuousClock.now
      let loaded = try opening { () throws(ModelFileError) in try source.load(team: compute.team) }
      row.loadSeconds = (ContinuousClock.now - start).seconds
      model = loaded
      if needsEngine { try converse(loaded, source, &kept, onProgress: onProgress) }
    }
    row.peakMemoryBytes = tellsPeak ? PeakMemory.bytes : nil
    if needsText, let windows = material.windows {
      let score = try score(model, source, windows, onProgress: onProgress)
      kept.text = score
    }
  }

  private func engine(_ model: Model, _ source: ModelSource) throws(EvaluationError) -> Engine {
    let slots = material.method.tasks?.concurrency ?? 1
    let endIDs = try opening(source.endOfSequenceIDs)
    do throws(GenerationError) {
      return try Engine(
        model: model, tokenizer: material.tokenizer,
        options: EngineOptions(
          threadCount: compute.team.threadCount, instructionSet: compute.kernels.instructionSet,
          maximumSlots: slots, maximumWaiting: slots, contextLength: material.contextLength,
          keyValueElement: plan.cacheType, endOfSequenceIDs: endIDs))
    } catch {
      throw .generation(error.description)
    }
  }

  /// Speed and answers, with an engine that exists only during this call.
  private func converse(
    _ model: Model, _ source: ModelSource, _ kept: inout KeptRow, onProgress: Progress
  ) throws(EvaluationError) {
    let engine = try engine(model, source)
    defer { engine.stop() }
    if let settings = material.method.speed, kept.speed == nil {
      let speed = try StreamSpeed(
        settings: settings, vocabularySize: material.tokenizer.vocabularySize
      ).run(on: RequestRunner(engine: engine)) { onProgress(.measuringSpeed, $0, $1) }
      try store.keep(speed.keptJSON, keys.speed)
      kept.speed = speed
    }
    guard let method = material.method.tasks else { return }
    let tasks = TaskRunner(
      runner: RequestRunner(engine: engine, outstandingMaximum: 2 * method.concurrency),
      tokenizer: material.tokenizer)
    for mode in method.askModes where kept.replies[mode] == nil {
      kept.replies[mode] = try ask(tasks, mode, method.maximumTokens(mode), onProgress: onProgress)
    }
  }

  private func ask(
    _ tasks: TaskRunner, _ mode: AskMode, _ maximumTokens: Int, onProgress: Progress
  ) throws(EvaluationError) -> [ReplyRecord] {
    let count = material.problems.count
    let file = try store.log(keys.answers(mode))
    var log = ReplyLog(file, count: count)
    try tasks.ask(material.problems, mode: mode, maximumTokens: maximumTokens, log: &log) {
      onProgress(.answering(mode), $0, count)
    }
    let records = (0..<count).compactMap { log.records[$0] }
    precondition(records.count == count, "every problem has a reply")
    try store.keep(
      .array(records.enumerated().map { $0.element.json(index: $0.offset) }), keys.answers(mode))
    file.finish()
    return records
  }

  private func score(
    _ model: Model?, _ source: ModelSource, _ windows: TextWindows, onProgress: Progress
  ) throws(EvaluationError) -> TextScore {
    let scorer = TextScorer(windows: windows, compute: compute)
    let vocabularySize = try opening(source.configuration).vocabularySize
    let plan = scorer.plan(vocabularySize: vocabularySize)
    let other = try reference?.predictor(plan, KeptStates(store, keys.states)) {
      onProgress(.readingReference, $0, $1)
    }
    let own: any Predictor
    if let other, reference?.source === source {
      own = other
    } else if let model {
      own = LoadedPredictor(
        model, keyValueElement: self.plan.cacheType, plan: plan, compute: compute)
    } else {
      preconditionFailure("a model that is not the reference is loaded")
    }
    let file = try store.log(keys.text)
    var log = ScoreLog(file)
    let score = try scorer.score(
      own, reference: other, plan: plan, vocabularySize: vocabularySize, log: &log
    ) {
      onProgress(.predicting, $0, $1)
    }
    try store.keep(score.keptJSON, keys.text)
    file.finish()
    return score
  }
}

/// The reference of all rows' texts: run through its layers when the first row needs it, then kept.
final class TextReference {
  let source: ModelSource
  private let compute: Compute
  private var predictor: StreamedPredictor?

  init(_ source: ModelSource, compute: Compute) {
    self.source = source
    self.compute = compute
  }

  func predictor(
    _ plan: ScoringPlan, _ states: KeptStates?, onLayer: (_ done: Int, _ total: Int) -> Void
  ) throws(EvaluationError) -> StreamedPredictor {
    if let predictor { return predictor }
    let made = try StreamedPredictor(
      source.asCheckpoint(), plan: plan, compute: compute, states: states, onLayer: onLayer)
    predictor = made
    return made
  }
}

extension ModelSource {
  func asCheckpoint() throws(EvaluationError) -> Checkpoint {
    try opening { () throws(ModelFileError) in try checkpoint(for: "an evaluation").checkpoint }
  }
}

extension Duration {
  /// As a floating-point number of seconds.
  var seconds: Double {
    Double(components.seconds) + 1e-18 * Double(components.attoseconds)
  }
}
