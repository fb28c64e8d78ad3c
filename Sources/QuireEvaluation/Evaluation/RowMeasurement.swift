import Foundation
import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireConversion
import QuireModelFiles
import QuireTensors
import QuireText

/// Measures one row.
///
/// First the model alone: load, speed, answers; the peak memory is of this part. Then the text, compared with the
/// reference, whose layers are streamed, so that it is never loaded whole.
struct RowMeasurement {
  let plan: RowPlan.Entry
  let reference: TextReference?
  let material: EvaluationMaterial
  let compute: Compute
  let folder: WorkFolder

  typealias Progress = (_ stage: EvaluationProgress.Stage, _ done: Int, _ total: Int) -> Void

  func run(
    referenceSheet: AnswerSheet?, onProgress: Progress
  ) throws(EvaluationError) -> (EvaluationRow, AnswerSheet) {
    let start = ContinuousClock.now
    var row = plan.row
    let source = try prepare(&row, onProgress: onProgress)
    defer { if case .conversion = plan.source { try? FileManager.default.removeItem(atPath: source.path) } }
    let tellsPeak = PeakMemory.reset()
    row.size = try opening(source.size)
    let model = try load(source, &row, onProgress: onProgress)
    let sheet =
      try model.map { model throws(EvaluationError) in
        try converse(model, source, &row, onProgress: onProgress)
      } ?? AnswerSheet()
    row.peakMemoryBytes = tellsPeak ? PeakMemory.bytes : nil
    row.tasks = sheet.results(
      problems: material.problems, reference: row.isReference ? sheet : referenceSheet)
    if let windows = material.windows {
      row.text = try score(model, source, windows, onProgress: onProgress)
    }
    row.wallSeconds = (ContinuousClock.now - start).seconds
    return (row, sheet)
  }

  /// The model of this row on disk; converts the checkpoint when the row is a recipe's step.
  private func prepare(_ row: inout EvaluationRow, onProgress: Progress) throws(EvaluationError)
    -> ModelSource
  {
    switch plan.source {
    case .existing(let source):
      return source
    case .conversion(let recipe, let checkpoint):
      let start = ContinuousClock.now
      onProgress(.converting, 0, 0)
      let path = folder.path + "/row.quire"
      row.notes = try convert(checkpoint, by: recipe, to: path, onProgress: onProgress)
      row.conversionSeconds = (ContinuousClock.now - start).seconds
      return try opening { () throws(ModelFileError) in try ModelSource(path: path) }
    }
  }

  /// - Returns: notices, a sentence each
  private func convert(
    _ checkpoint: ModelSource, by recipe: Recipe, to path: String, onProgress: Progress
  ) throws(EvaluationError) -> [String] {
    let source = try checkpoint.asCheckpoint()
    let steps = 1000
    // The converter takes an escaping closure; this one does not escape, so it is lent.
    let outcome: Result<ConversionReport, ConversionError>
    outcome = withoutActuallyEscaping(onProgress) { onProgress in
      do throws(ConversionError) {
        let converter = try Converter(
          source, recipe: recipe, compute: compute, toolVersion: Self.toolVersion,
          chatFormat: material.askedChatFormat)
        let report = try converter.run(output: path, resumes: false) {
          onProgress(.converting, Int($0.fractionDone * Double(steps)), steps)
        }
        return .success(report)
      } catch {
        return .failure(error)
      }
    }
    do throws(ConversionError) {
      return try outcome.get().rows.flatMap(\.remarks)
    } catch {
      throw .conversion(error.description)
    }
  }

  /// The tool version that temporary packs name; they are deleted after the row.
  private static let toolVersion = "evaluation"

  private func engine(_ model: Model, _ source: ModelSource) throws(EvaluationError) -> Engine {
    let slots = material.method.tasks?.concurrency ?? 1
    let endIDs = try opening(source.endOfSequenceIDs)
    do throws(GenerationError) {
      return try Engine(
        model: model, tokenizer: material.tokenizer,
        options: EngineOptions(
          threadCount: compute.team.threadCount, instructionSet: compute.kernels.instructionSet,
          maximumSlots: slots, maximumWaiting: max(1, material.problems.count),
          contextLength: material.contextLength, keyValueElement: source.keyValueElement,
          endOfSequenceIDs: endIDs))
    } catch {
      throw .generation(error.description)
    }
  }

  /// Nil for a reference that only predicts the text.
  private func load(
    _ source: ModelSource, _ row: inout EvaluationRow, onProgress: Progress
  ) throws(EvaluationError) -> Model? {
    let isAsked = material.method.speed != nil || !material.problems.isEmpty
    guard isAsked || source !== reference?.source else { return nil }
    onProgress(.loading, 0, 0)
    let start = ContinuousClock.now
    let model = try opening { () throws(ModelFileError) in try source.load(team: compute.team) }
    row.loadSeconds = (ContinuousClock.now - start).seconds
    return model
  }

  /// Speed and answers, with an engine that exists only during this call.
  private func converse(
    _ model: Model, _ source: ModelSource, _ row: inout EvaluationRow, onProgress: Progress
  ) throws(EvaluationError) -> AnswerSheet {
    guard material.method.speed != nil || !material.problems.isEmpty else { return AnswerSheet() }
    let engine = try engine(model, source)
    defer { engine.stop() }
    let runner = RequestRunner(engine: engine)
    if let settings = material.method.speed {
      row.speed = try StreamSpeed(
        settings: settings, vocabularySize: material.tokenizer.vocabularySize
      ).run(on: runner) { onProgress(.measuringSpeed, $0, $1) }
    }
    return try ask(runner, onProgress: onProgress)
  }

  private func ask(_ runner: RequestRunner, onProgress: Progress) throws(EvaluationError) -> AnswerSheet {
    var sheet = AnswerSheet()
    guard let method = material.method.tasks else { return sheet }
    let tasks = TaskRunner(runner: runner, tokenizer: material.tokenizer)
    for mode in method.modes {
      let answers = try tasks.answers(
        to: material.problems, mode: mode, maximumTokens: method.maximumTokens(mode)
      ) { onProgress(.answering(mode), $0, material.problems.count) }
      switch mode {
      case .thinking: sheet.thinking = answers
      case .nonThinking: sheet.nonThinking = answers
      }
    }
    return sheet
  }

  private func score(
    _ model: Model?, _ source: ModelSource, _ windows: TextWindows, onProgress: Progress
  ) throws(EvaluationError) -> TextScore {
    let scorer = TextScorer(windows: windows, compute: compute)
    let vocabularySize = try opening(source.configuration).vocabularySize
    let plan = scorer.plan(vocabularySize: vocabularySize)
    let other = try reference?.predictor(plan) { onProgress(.readingReference, $0, $1) }
    let own: any Predictor
    if let other, reference?.source === source {
      own = other
    } else if let model {
      own = LoadedPredictor(model, keyValueElement: source.keyValueElement, plan: plan, compute: compute)
    } else {
      preconditionFailure("a model that is not the reference is loaded")
    }
    return try scorer.score(own, reference: other, plan: plan, vocabularySize: vocabularySize) {
      onProgress(.predicting, $0, $1)
    }
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
    _ plan: ScoringPlan, onLayer: (_ done: Int, _ total: Int) -> Void
  ) throws(EvaluationError) -> StreamedPredictor {
    if let predictor { return predictor }
    let made = try StreamedPredictor(
      source.asCheckpoint(), plan: plan, compute: compute, onLayer: onLayer)
    predictor = made
    return made
  }
}

extension ModelSource {
  /// A checkpoint is the reference and runs in float32 throughout; a pack runs as it does for its users.
  fileprivate var keyValueElement: KeyValueElement { isPack ? .float16 : .float32 }

  fileprivate func asCheckpoint() throws(EvaluationError) -> Checkpoint {
    try opening { () throws(ModelFileError) in try checkpoint(for: "an evaluation").checkpoint }
  }
}

extension Duration {
  /// As a floating-point number of seconds.
  var seconds: Double {
    Double(components.seconds) + 1e-18 * Double(components.attoseconds)
  }
}
