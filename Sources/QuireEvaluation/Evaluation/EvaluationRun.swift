import QuireModelFiles
import QuireTensors

/// An evaluation in progress: what all rows share, and what has been measured.
struct EvaluationRun {
  let store: ResultStore
  private(set) var report: EvaluationReport

  private let plan: RowPlan
  private let servers: [ServerModel]
  private let material: EvaluationMaterial
  private let compute: Compute
  private let conversion: RowConversion
  private let reference: TextReference?
  private let referenceIdentity: String?
  private var referenceAnswers: RowAnswers?
  private var clock: EvaluationClock

  typealias OnProgress = (EvaluationProgress) -> Void
  typealias OnRow = (EvaluationRow) -> Void

  init(
    models: [String], plan: RowPlan, servers: [ServerModel], _ material: EvaluationMaterial,
    _ options: EvaluationOptions
  ) throws(EvaluationError) {
    self.plan = plan
    self.servers = servers
    self.material = material
    compute = Compute(
      threadCount: material.method.threadCount, instructionSet: options.instructionSet)
    let folder = try WorkFolder(inside: options.workFolder)
    store = try ResultStore(folder: options.resultsFolder, isFresh: options.isFresh)
    conversion = RowConversion(
      compute: compute, chatFormat: material.askedChatFormat, folder: folder, store: store)
    report = EvaluationReport(model: models[0], reference: plan.reference?.path, method: material.method)
    report.otherModels = Array(models.dropFirst())
    if let reference = plan.reference { report.adapters = try opening(reference.mergedAdapters) }
    reference = plan.reference.map { [compute] in TextReference($0, compute: compute) }
    referenceIdentity = try plan.reference.map { source throws(EvaluationError) in try source.identity() }
    clock = EvaluationClock(converts: plan.rows.map(\.isConverted) + servers.map { _ in false })
  }

  private var rowCount: Int { plan.rows.count + servers.count }

  /// The reference, the other models and the steps of the recipes.
  mutating func measureRows(_ onProgress: OnProgress, _ onRow: OnRow) throws(EvaluationError) {
    // A recipe that does not fit would otherwise be refused after the rows before it, which take hours.
    for entry in plan.rows { try conversion.check(entry) }
    for (index, entry) in plan.rows.enumerated() {
      let keys = RowKeys(
        model: try conversion.identity(entry), reference: referenceIdentity,
        isReference: entry.identity == .reference, cacheType: entry.cacheType, material: material,
        compute: compute)
      let measurement = RowMeasurement(
        plan: entry, reference: reference, material: material, compute: compute, conversion: conversion,
        store: store, keys: keys)
      let (row, answers) = try measurement.run(referenceAnswers: referenceAnswers) { stage, done, total in
        onProgress(progress(entry.label, index, stage, done, total))
      }
      if row.isReference { referenceAnswers = answers }
      finish(row, answers, onRow)
    }
  }

  mutating func measureServers(_ onProgress: OnProgress, _ onRow: OnRow) throws(EvaluationError) {
    for (index, server) in servers.enumerated() {
      let label = RowPlan.label(server.label, besides: report.rows.map(\.label))
      let keys = RowKeys(
        model: server.identity, reference: referenceIdentity, isReference: false, material: material,
        compute: compute)
      let measurement = ServerMeasurement(
        model: server, index: index, label: label, reference: reference, material: material,
        compute: compute, store: store, keys: keys)
      let (row, answers) = try measurement.run(referenceAnswers: referenceAnswers) { stage, done, total in
        onProgress(progress(label, plan.rows.count + index, stage, done, total))
      }
      finish(row, answers, onRow)
    }
  }

  /// What it costs to change each part of the reference alone.
  mutating func measureSensitivity(_ onProgress: OnProgress) throws(EvaluationError) {
    guard let source = plan.reference else { return }
    let label = report.referenceRow?.label ?? ""
    report.sensitivity = try SensitivityMeasurement(
      source: source, chatFormat: material.askedChatFormat, compute: compute, store: store,
      programVersion: material.programVersion
    ).run { done, total in
      onProgress(
        EvaluationProgress(
          row: label, rowIndex: 0, rowCount: rowCount, stage: .measuringSensitivity, done: done,
          total: total))
    }
  }

  private mutating func progress(
    _ label: String, _ index: Int, _ stage: EvaluationProgress.Stage, _ done: Int, _ total: Int
  ) -> EvaluationProgress {
    clock.enter(stage, done: done)
    return EvaluationProgress(
      row: label, rowIndex: index, rowCount: rowCount, stage: stage, done: done, total: total,
      secondsLeft: clock.secondsLeft(done: done, total: total, isLast: stage == material.lastStage))
  }

  private mutating func finish(_ row: EvaluationRow, _ answers: RowAnswers, _ onRow: OnRow) {
    clock.finishRow()
    report.rows.append(row)
    report.flipped += flips(row, answers)
    onRow(row)
  }

  private func flips(_ row: EvaluationRow, _ own: RowAnswers) -> [FlippedAnswer] {
    guard let reference = referenceAnswers, !row.isReference else { return [] }
    return (material.method.tasks?.askModes ?? []).flatMap { mode -> [FlippedAnswer] in
      guard let before = reference.answers[mode], let after = own.answers[mode] else { return [] }
      return FlippedAnswer.list(
        row: row.label, mode: mode, problems: material.problems, reference: before, own: after)
    }
  }
}
