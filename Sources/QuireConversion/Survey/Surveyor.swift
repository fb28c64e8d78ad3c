import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireTensors

/// Runs the calibration text through the unchanged model once, layer by layer, and measures the cost of a recipe's
/// steps. Activation statistics that are in a file are read instead; then text only runs for trials on the whole
/// model.
final class Surveyor {
  let task: SurveyTask
  private let work: WorkMeter
  private let run: CalibrationRun?
  private let probes: ProbeRun?
  private let meter: SensitivityMeter?
  private let tables: SourceTables
  private(set) var layersDone = 0
  private var survey = Survey()

  var configuration: ModelConfiguration { task.configuration }
  var compute: Compute { task.compute }

  /// Starts before the first layer.
  ///
  /// - Parameter unfinished: where the hidden states are kept for a later run; nil for temporary files
  init(_ task: SurveyTask, in unfinished: UnfinishedFiles?, _ work: WorkMeter) throws(ConversionError) {
    self.task = task
    self.work = work
    tables = SourceTables(loader: task.loader, rotation: task.rotation)
    for (step, settings) in task.heads {
      survey.pruning[step] = PruningTable(step: HeadPruningSettings.name, unit: settings.unit.rawValue)
    }
    for (step, settings) in task.neurons {
      survey.pruning[step] = PruningTable(
        step: NeuronPruningSettings.name, unit: "\(settings.group) channels")
    }
    let (configuration, probeCount) = (task.configuration, task.work.probeCount)
    let embedding = try wrapping(ConversionError.model, try tables.matrix(.embedding))
    run = try task.runningText.map { text throws(ConversionError) in
      try wrapping(
        ConversionError.calibration,
        try CalibrationRun(
          text, embedding: embedding, configuration: configuration, compute: task.compute,
          files: unfinished.map(CalibrationRun.Files.init(ofSurvey:))))
    }
    probes = try task.triedText.map { text throws(ConversionError) in
      try wrapping(
        ConversionError.calibration,
        try ProbeRun(
          text, probeCount: probeCount, embedding: embedding, configuration: configuration,
          compute: task.compute, path: unfinished?.path(of: .trialStates)))
    }
    meter = try SensitivityMeter(task.budget, configuration, task.compute)
    if let other = try meter?.tried(embedding, as: .embedding) {
      try wrapping(ConversionError.calibration, try probes?.tryEmbedding(other))
    }
  }

  /// Resumes after the layers that `note` contains, with the hidden states kept next to the pack; nil when they are
  /// missing or do not belong to the note.
  init?(
    _ task: SurveyTask, from note: SurveyNote, _ unfinished: UnfinishedFiles, _ work: WorkMeter
  ) throws(ConversionError) {
    self.task = task
    self.work = work
    tables = SourceTables(loader: task.loader, rotation: task.rotation)
    layersDone = note.layersDone
    survey = note.survey
    let configuration = task.configuration
    if let text = task.runningText, let hash = note.rowsHash {
      run = CalibrationRun(
        resuming: text, files: CalibrationRun.Files(ofSurvey: unfinished), boundary: note.layersDone,
        hash: hash, configuration: configuration, compute: task.compute)
    } else {
      run = nil
    }
    let probeCount = task.work.probeCount
    if let text = task.triedText, let hash = note.probesHash {
      probes = ProbeRun(
        resuming: text, probeCount: probeCount, probes: note.probes,
        path: unfinished.path(of: .trialStates), boundary: note.layersDone, hash: hash,
        configuration: configuration, compute: task.compute)
    } else {
      probes = nil
    }
    meter = try SensitivityMeter(task.budget, configuration, task.compute)
    meter?.errors = note.errors
    let isRunLost = run == nil && task.statistics == nil && !isPastLastLayer
    if isRunLost || probes == nil && probeCount > 0 { return nil }
  }

  var isPastLastLayer: Bool { layersDone == configuration.layerCount }

  /// Measures all remaining layers.
  func measureAll() throws(ConversionError) -> Survey {
    while !isPastLastLayer { try measureLayer() }
    return try finish()
  }

  /// The measurements after the finished layers, with the hidden states saved on disk.
  func note() throws(ConversionError) -> SurveyNote {
    SurveyNote(
      layersDone: layersDone, isFinished: false, survey: survey, errors: meter?.errors ?? [:],
      probes: probes?.probes ?? [],
      rowsHash: isPastLastLayer ? nil : try wrapping(ConversionError.calibration, try run?.seal()),
      probesHash: try wrapping(ConversionError.calibration, try probes?.seal()))
  }

  /// Measures the next layer and runs all hidden states through it.
  func measureLayer() throws(ConversionError) {
    let index = layersDone
    work.add(Work())
    let stored = try wrapping(ConversionError.model, try task.loader.layer(index))
    let layer = tables.rotation?.rotated(stored, index: index) ?? stored
    let activations = try statistics(of: layer, index: index)
    work.add(task.work.statistics(index))
    try measure(try smoothed(layer, index: index, activations), index: index, activations)
    do throws(CalibrationError) {
      try probes?.advance(through: layer) { work.add(task.work.pass(index)) }
    } catch {
      throw .calibration(error)
    }
    layersDone += 1
    work.set(left: task.work.total(from: layersDone))
  }

  /// The activation statistics of a layer. Where windows run, they are run through the layer for it.
  private func statistics(
    of layer: LayerWeights, index: Int
  ) throws(ConversionError) -> any ActivationStatistics {
    if let file = task.statistics { return file.layer(index) }
    guard let run else { preconditionFailure("a layer is left") }
    return try wrapping(
      ConversionError.calibration,
      try HeldStatistics(run, of: layer, isLast: index + 1 == configuration.layerCount))
  }

  /// The layer as it will be rounded: smoothing before a budget changes the rounding error, but not the layer's
  /// function. The scales are those for the smallest formats that fit.
  private func smoothed(
    _ layer: LayerWeights, index: Int, _ activations: any ActivationStatistics
  ) throws(ConversionError) -> LayerWeights {
    guard let budget = task.budget, let settings = task.smoothing else { return layer }
    let smallest = try budget.plannedRounding(configuration) ?? budget.quantization
    let smoother = LayerSmoother(
      settings: settings, quantization: smallest,
      formats: try wrapping(ConversionError.optimization, try TensorFormats(smallest, configuration)),
      headSize: configuration.headSize,
      compute: compute)
    var result = layer
    do throws(OptimizationError) {
      _ = try smoother.smooth(&result, layer: index, activations: activations)
    } catch {
      throw .optimization(error)
    }
    work.add(task.work.smoothing(index))
    return result
  }

  /// Processes one layer in two halves, so that the wide MLP statistics of a file are not held together with the
  /// attention's.
  private func measure(
    _ layer: LayerWeights, index: Int, _ activations: any ActivationStatistics
  ) throws(ConversionError) {
    let (heads, neurons) = (task.heads, task.neurons)
    let hidden =
      heads.isEmpty && neurons.isEmpty
      ? 0 : try wrapping(ConversionError.calibration, try activations.meanSquare())
    func magnitude(_ energy: Double) -> Double { hidden > 0 ? energy / hidden : 0 }
    for sites in [[ActivationSite.attentionInput, .attentionOutput], [.mlpInput, .mlpOutput]] {
      let wanted = sites.filter {
        meter != nil || $0 == .attentionOutput && !heads.isEmpty || $0 == .mlpOutput && !neurons.isEmpty
      }
      let grams = try wrapping(
        ConversionError.calibration, try activations.grams(at: wanted, of: layer))
      if let gram = grams[.attentionOutput] {
        for (step, settings) in heads {
          survey.pruning[step]?.layers.append(
            try measureHeads(settings, step: step, layer, index: index, gram, magnitude))
        }
      }
      if let gram = grams[.mlpOutput] {
        for (step, settings) in neurons {
          survey.pruning[step]?.layers.append(
            try measureNeurons(settings, layer, index: index, gram, magnitude))
        }
      }
      for site in wanted {
        guard let gram = grams[site] else { continue }
        try meter?.measure(layer, index: index, at: site, gram) { changed, name throws(ConversionError) in
          try tryLayer(changed, as: .tensor(name), index: index)
        }
        work.add(task.work.changes(at: site, index))
      }
    }
  }

  func tryLayer(
    _ changed: LayerWeights, as probe: ProbeRun.Probe, index: Int
  ) throws(ConversionError) {
    try wrapping(ConversionError.calibration, try probes?.tryLayer(changed, as: probe))
    work.add(task.work.pass(index))
  }

  /// After the last layer: the divergence of every trial, measured at lm_head.
  func finish() throws(ConversionError) -> Survey {
    guard let probes else { return survey }
    let isTied = configuration.tiesEmbeddings
    let name = isTied ? TensorName.embedding : .head
    let head = try wrapping(ConversionError.model, try tables.matrix(name))
    let finalNorm = try wrapping(ConversionError.model, try tables.finalNorm())
    let otherHead = try meter?.tried(head, as: name)
    let divergences = try wrapping(
      ConversionError.calibration,
      try probes.divergences(finalNorm: finalNorm, head: head, otherHead: otherHead, isTied: isTied))
    for (probe, divergence) in divergences {
      guard case .unit(let step, let layer, let unit) = probe else { continue }
      survey.pruning[step]?.layers[layer].trials[unit] = divergence
    }
    survey.sensitivities = meter?.sensitivities(divergences) ?? []
    work.set(left: Work())
    return survey
  }
}

extension CalibrationRun.Files {
  /// A survey keeps no unpruned states: it does not prune.
  fileprivate init(ofSurvey unfinished: UnfinishedFiles) {
    self.init(
      states: unfinished.path(of: .surveyStates), unprunedStates: unfinished.path(of: .unprunedStates))
  }
}
