import Foundation
package import QuireConversion
import QuireModelFiles
import QuireFiles
import QuireTensors
import QuireModelFiles

/// Evaluates a model: what each step of its recipes saves and what it costs.
///
///     let evaluator = try Evaluator(model: "Qwen3-8B", recipes: [recipe])
///     let report = try evaluator.run { progress in … }
///     print(report.table())
///
/// Rows, in this order: the reference, which is the checkpoint run in float32 throughout; then, for each recipe,
/// the model after its first step, after its first two steps and so on, each converted to a pack, loaded and run as
/// users run packs. A pack given as the model is one row.
package struct Evaluator: Sendable {
  package let model: String
  package let recipes: [Recipe]
  package let reference: String?
  package let options: EvaluationOptions

  /// - Parameters:
  ///   - model: a checkpoint's folder or a pack.
  ///   - recipes: only for a checkpoint; their steps become rows.
  ///   - reference: for a pack, the checkpoint to compare it with; a checkpoint is its own reference.
  ///
  /// Throws for options that are out of range or contradict each other.
  package init(
    model: String, recipes: [Recipe] = [], reference: String? = nil,
    options: EvaluationOptions = EvaluationOptions()
  ) throws(EvaluationError) {
    try options.validate()
    self.model = model
    self.recipes = recipes
    self.reference = reference
    self.options = options
  }

  /// Measure every row.
  ///
  /// - Parameters:
  ///   - onStart: called once, before any model is loaded.
  ///   - onProgress: called often, on the calling thread.
  ///   - onRow: called with each row as soon as it is complete.
  package func run(
    onProgress: (EvaluationProgress) -> Void = { _ in }, onRow: (EvaluationRow) -> Void = { _ in },
    onStart: (EvaluationMethod) -> Void = { _ in }
  ) throws(EvaluationError) -> EvaluationReport {
    let plan = try RowPlan.plan(model: model, recipes: recipes, reference: reference)
    let material = try EvaluationMaterial(plan: plan, options: options)
    onStart(material.method)
    let compute = Compute(threadCount: material.method.threadCount, instructionSet: options.instructionSet)
    let folder = try WorkFolder(inside: options.workFolder)
    var report = EvaluationReport(model: model, reference: plan.reference?.path, method: material.method)
    var referenceSheet: AnswerSheet?
    let reference = plan.reference.map { TextReference($0, compute: compute) }
    for (index, entry) in plan.rows.enumerated() {
      let measurement = RowMeasurement(
        plan: entry, reference: reference, material: material, compute: compute, folder: folder)
      let (row, sheet) = try measurement.run(referenceSheet: referenceSheet) { stage, done, total in
        onProgress(
          EvaluationProgress(
            row: entry.label, rowIndex: index, rowCount: plan.rows.count, stage: stage, done: done,
            total: total))
      }
      if row.isReference { referenceSheet = sheet }
      report.rows.append(row)
      onRow(row)
    }
    return report
  }
}

/// A folder for temporary packs, deleted when its last reference is released.
final class WorkFolder: Sendable {
  let path: String

  init(inside parent: String?) throws(EvaluationError) {
    let parent = parent ?? FileManager.default.temporaryDirectory.path
    path = parent + "/quire-evaluation-" + UUID().uuidString
    let path = path
    do {
      try DisposableFiles.add(path) {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      }
    } catch {
      throw .invalidOption(
        name: "workFolder",
        sentence: "expected a folder for temporary packs at \(parent), found none that can be written to; "
          + "set TMPDIR to another folder")
    }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
    DisposableFiles.forget(path)
  }
}
