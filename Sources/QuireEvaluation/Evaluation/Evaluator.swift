import Foundation
package import QuireConversion
import QuireModelFiles
import QuireFiles
import QuireTensors
import QuireModelFiles

/// Evaluates models: what each step of a recipe, or each pack, saves and what it costs.
///
///     let evaluator = try Evaluator(model: "Qwen3-8B", recipes: [recipe])
///     let report = try evaluator.run { progress in … }
///     print(report.table())
///
/// Rows, in this order: the reference, which is the checkpoint run in float32 throughout; the other models; then, for
/// each recipe, the model after its first step, after its first two steps and so on, each converted to a pack, loaded and
/// run as users run packs; last the servers.
package struct Evaluator: Sendable {
  package let models: [String]
  package let recipes: [Recipe]
  package let reference: String?
  package let options: EvaluationOptions

  /// - Parameters:
  ///   - models: checkpoints' folders and packs; at least one.
  ///   - recipes: their steps become rows; they need a checkpoint, given as a model or as the reference.
  ///   - reference: the checkpoint to compare with; nil: the first checkpoint among the models.
  ///
  /// Throws for options that are out of range or contradict each other.
  package init(
    models: [String], recipes: [Recipe] = [], reference: String? = nil,
    options: EvaluationOptions = EvaluationOptions()
  ) throws(EvaluationError) {
    precondition(!models.isEmpty, "a model to evaluate")
    try options.validate()
    self.models = models
    self.recipes = recipes
    self.reference = reference
    self.options = options
  }

  /// One model.
  package init(
    model: String, recipes: [Recipe] = [], reference: String? = nil,
    options: EvaluationOptions = EvaluationOptions()
  ) throws(EvaluationError) {
    try self.init(models: [model], recipes: recipes, reference: reference, options: options)
  }

  /// Measure every row.
  ///
  /// - Parameters:
  ///   - onProgress: called often, on the calling thread.
  ///   - onRow: called with each row as soon as it is complete.
  ///   - onKept: called at the end with the number of results that earlier runs had kept, if there are any.
  ///   - onStart: called once, before any model is loaded.
  package func run(
    onProgress: (EvaluationProgress) -> Void = { _ in }, onRow: (EvaluationRow) -> Void = { _ in },
    onKept: (Int) -> Void = { _ in }, onStart: (EvaluationMethod) -> Void = { _ in }
  ) throws(EvaluationError) -> EvaluationReport {
    let plan = try RowPlan.plan(
      models: models, recipes: recipes, reference: reference, adapters: options.adapters,
      cacheTypes: options.cacheTypes)
    guard plan.reference != nil || !options.measuresSensitivity else {
      throw .invalidOption(
        name: "measuresSensitivity",
        sentence: "expected a checkpoint to measure the sensitivity of, found only packs; give the "
          + "checkpoint as the reference")
    }
    guard options.cacheTypes == [.float16] || plan.rows.contains(where: { $0.identity != .reference }) else {
      throw .invalidOption(
        name: "cacheTypes",
        sentence:
          "expected a pack or a recipe for the types of the cache, found only the reference, whose cache is "
          + "float32; give one or leave the types out")
    }
    let material = try EvaluationMaterial(plan: plan, options: options)
    let servers = try ServerModel.open(options.servers, material)
    onStart(material.method)
    let compute = Compute(threadCount: material.method.threadCount, instructionSet: options.instructionSet)
    let folder = try WorkFolder(inside: options.workFolder)
    let store = try ResultStore(folder: options.resultsFolder, isFresh: options.isFresh)
    let conversion = RowConversion(
      compute: compute, chatFormat: material.askedChatFormat, folder: folder, store: store)
    var report = EvaluationReport(
      model: models[0], reference: plan.reference?.path, method: material.method)
    report.otherModels = Array(models.dropFirst())
    if let reference = plan.reference { report.adapters = try opening(reference.mergedAdapters) }
    var referenceAnswers: RowAnswers?
    let reference = plan.reference.map { TextReference($0, compute: compute) }
    let referenceIdentity = try plan.reference.map { source throws(EvaluationError) in
      try source.identity()
    }
    let rowCount = plan.rows.count + servers.count
    var clock = EvaluationClock(rowCount: rowCount)
    for (index, entry) in plan.rows.enumerated() {
      let keys = RowKeys(
        model: try conversion.identity(entry), reference: referenceIdentity,
        isReference: entry.identity == .reference, cacheType: entry.cacheType, material: material,
        compute: compute)
      let measurement = RowMeasurement(
        plan: entry, reference: reference, material: material, compute: compute, conversion: conversion,
        store: store, keys: keys)
      let (row, answers) = try measurement.run(referenceAnswers: referenceAnswers) { stage, done, total in
        onProgress(
          EvaluationProgress(
            row: entry.label, rowIndex: index, rowCount: rowCount, stage: stage, done: done,
            total: total, secondsLeft: clock.secondsLeft))
      }
      clock.finishRow()
      if row.isReference { referenceAnswers = answers }
      report.rows.append(row)
      report.flipped += flips(row, answers, referenceAnswers, material)
      onRow(row)
    }
    for (index, server) in servers.enumerated() {
      let label = RowPlan.label(server.label, besides: report.rows.map(\.label))
      let keys = RowKeys(
        model: server.identity, reference: referenceIdentity, isReference: false, material: material,
        compute: compute)
      let measurement = ServerMeasurement(
        model: server, index: index, label: label, reference: reference, material: material,
        compute: compute, store: store, keys: keys)
      let (row, answers) = try measurement.run(referenceAnswers: referenceAnswers) { stage, done, total in
        onProgress(
          EvaluationProgress(
            row: label, rowIndex: plan.rows.count + index, rowCount: rowCount, stage: stage, done: done,
            total: total, secondsLeft: clock.secondsLeft))
      }
      clock.finishRow()
      report.rows.append(row)
      report.flipped += flips(row, answers, referenceAnswers, material)
      onRow(row)
    }
    if options.measuresSensitivity, let source = plan.reference {
      report.sensitivity = try SensitivityMeasurement(
        source: source, chatFormat: material.askedChatFormat, compute: compute, store: store,
        programVersion: options.programVersion
      ).run { done, total in
        onProgress(
          EvaluationProgress(
            row: report.referenceRow?.label ?? "", rowIndex: 0, rowCount: rowCount,
            stage: .measuringSensitivity, done: done, total: total))
      }
    }
    if store.usedCount > 0 { onKept(store.usedCount) }
    return report
  }

  private func flips(
    _ row: EvaluationRow, _ own: RowAnswers, _ reference: RowAnswers?, _ material: EvaluationMaterial
  ) -> [FlippedAnswer] {
    guard let reference, !row.isReference else { return [] }
    return (material.method.tasks?.askModes ?? []).flatMap { mode -> [FlippedAnswer] in
      guard let before = reference.answers[mode], let after = own.answers[mode] else { return [] }
      return FlippedAnswer.list(
        row: row.label, mode: mode, problems: material.problems, reference: before, own: after)
    }
  }
}

/// Predicts when all rows are measured, from the rows that are.
private struct EvaluationClock {
  private let start = ContinuousClock.now
  private let rowCount: Int
  private var rowsDone = 0
  private var rowsEnd = ContinuousClock.now

  init(rowCount: Int) { self.rowCount = rowCount }

  mutating func finishRow() {
    rowsDone += 1
    rowsEnd = ContinuousClock.now
  }

  /// Nil before the first row is finished.
  var secondsLeft: Double? {
    guard rowsDone > 0 else { return nil }
    let perRow = (rowsEnd - start).seconds / Double(rowsDone)
    let inRow = (ContinuousClock.now - rowsEnd).seconds
    return max(0, perRow - inRow) + perRow * Double(rowCount - rowsDone - 1)
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
