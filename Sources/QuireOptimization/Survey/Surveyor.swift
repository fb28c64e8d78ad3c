import QuireModel
import QuireTensors

/// Takes the calibration text through the model once, as it is, and measures what a recipe's steps would cost.
struct Surveyor {
  let recipe: Recipe
  let loader: LayerLoader
  let calibration: CalibrationSet
  let compute: Compute
  /// The steps to measure, by index.
  let steps: [Int: RecipeStep]

  private var configuration: ModelConfiguration { loader.configuration }
  private var budget: BudgetSettings? {
    steps.values.lazy.compactMap { if case .budget(let settings) = $0 { settings } else { nil } }.first
  }
  private var heads: [(step: Int, settings: HeadPruningSettings)] {
    steps.sorted { $0.key < $1.key }.compactMap {
      if case .pruneHeads(let settings) = $0.value { ($0.key, settings) } else { nil }
    }
  }
  private var neurons: [(step: Int, settings: NeuronPruningSettings)] {
    steps.sorted { $0.key < $1.key }.compactMap {
      if case .pruneNeurons(let settings) = $0.value { ($0.key, settings) } else { nil }
    }
  }

  /// How many changes will be tried on the whole model, at most.
  static func probeCount(_ steps: [RecipeStep], _ configuration: ModelConfiguration) -> Int {
    steps.reduce(0) { sum, step in
      switch step {
      case .budget: sum + 7 * configuration.layerCount + 2
      case .pruneHeads(let settings) where settings.tries:
        sum + configuration.layers.reduce(0) { $0 + HeadPruning.blocks(settings.unit, of: $1).count }
      default: sum
      }
    }
  }

  func run(progress: (_ done: Int, _ total: Int) -> Void) throws(OptimizationError) -> Survey {
    var survey = Survey()
    for (step, settings) in heads {
      survey.pruning[step] = PruningTable(step: "prune-heads", unit: settings.unit.rawValue)
    }
    for (step, settings) in neurons {
      survey.pruning[step] = PruningTable(step: "prune-neurons", unit: "\(settings.group) channels")
    }
    let embedding = try wrapping(OptimizationError.model, try loader.embedding(of: configuration))
    let run = try CalibrationRun(
      calibration, embedding: embedding, configuration: configuration, compute: compute)
    let probeCount = Self.probeCount(Array(steps.values), configuration)
    let probes =
      probeCount == 0
      ? nil
      : ProbeRun(
        calibration, probeCount: probeCount, embedding: embedding, configuration: configuration,
        compute: compute)
    let meter = try SensitivityMeter(self.budget, configuration, compute)
    try meter?.tryEmbedding(embedding, probes)
    for index in 0..<configuration.layerCount {
      progress(index, configuration.layerCount + 1)
      let layer = try smoothed(
        try wrapping(OptimizationError.model, try loader.layer(index)), index: index, run)
      try measure(layer, index: index, run, probes, meter, &survey)
      probes?.advance(through: layer)
      if index + 1 < configuration.layerCount { try run.advance(through: layer) }
    }
    progress(configuration.layerCount, configuration.layerCount + 1)
    if let probes { try finish(probes, embedding, meter, &survey) }
    progress(configuration.layerCount + 1, configuration.layerCount + 1)
    return survey
  }

  /// The layer as it will be rounded: smoothing before a budget changes what rounding costs, though not what the layer
  /// computes. Scales are those that the smallest formats would get.
  private func smoothed(
    _ layer: LayerWeights, index: Int, _ run: CalibrationRun
  ) throws(OptimizationError) -> LayerWeights {
    guard let budget, case .smooth(let settings)? = recipe.steps.first(where: { $0.name == "smooth" }) else {
      return layer
    }
    let smoother = LayerSmoother(
      settings: settings, quantization: budget.quantization,
      formats: try TensorFormats(budget.quantization, configuration), headSize: configuration.headSize,
      compute: compute)
    var result = layer
    _ = try smoother.smooth(&result, layer: index, activations: run)
    return result
  }

  /// One layer: two passes, so that the MLP's wide statistics are not held beside the attention's.
  private func measure(
    _ layer: LayerWeights, index: Int, _ run: CalibrationRun, _ probes: ProbeRun?, _ meter: SensitivityMeter?,
    _ survey: inout Survey
  ) throws(OptimizationError) {
    let hidden = heads.isEmpty && neurons.isEmpty ? 0 : try run.meanSquare()
    func loudness(_ energy: Double) -> Double { hidden > 0 ? energy / hidden : 0 }
    for sites in [[ActivationSite.attentionInput, .attentionOutput], [.mlpInput, .mlpOutput]] {
      let wanted = sites.filter {
        meter != nil || $0 == .attentionOutput && !heads.isEmpty || $0 == .mlpOutput && !neurons.isEmpty
      }
      let grams = try run.grams(at: wanted, of: layer)
      if let gram = grams[.attentionOutput] {
        for (step, settings) in heads {
          survey.pruning[step]?.layers.append(
            try measureHeads(settings, step: step, layer, index: index, gram, probes, loudness))
        }
      }
      if let gram = grams[.mlpOutput] {
        for (step, settings) in neurons {
          let matrix = LayerPruner(headSize: configuration.headSize, compute: compute).floats(
            layer.downProjection)
          guard
            let found = NeuronPruning(width: matrix.columns).survey(
              group: settings.group, downProjection: matrix, gram: gram.view)
          else { throw .notFinite(what: "the MLP's activations of layer \(index)") }
          survey.pruning[step]?.layers.append(
            PruningTable.Layer(steps: found.steps, loudness: loudness(found.energy)))
        }
      }
      for site in wanted {
        if let gram = grams[site] { try meter?.measure(layer, index: index, at: site, gram, probes) }
      }
    }
  }

  private func measureHeads(
    _ settings: HeadPruningSettings, step: Int, _ layer: LayerWeights, index: Int, _ gram: GramMatrix,
    _ probes: ProbeRun?, _ loudness: (Double) -> Double
  ) throws(OptimizationError) -> PruningTable.Layer {
    let pruner = LayerPruner(headSize: configuration.headSize, compute: compute)
    let pruning = HeadPruning(unit: settings.unit, shape: layer.shape, headSize: configuration.headSize)
    guard
      let found = pruning.survey(outputProjection: pruner.floats(layer.outputProjection), gram: gram.view)
    else { throw .notFinite(what: "the attention output of layer \(index)") }
    let table = PruningTable.Layer(
      scores: found.scores, steps: found.steps, loudness: loudness(found.energy))
    guard settings.tries, let probes, settings.removal.count(layer: index) > 0, table.nearTies.count > 1
    else {
      return table
    }
    for unit in table.nearTies {
      var changed = layer
      _ = try pruner.prune(
        &changed, settings, count: 1, first: found.scores[unit].block, gram, layer: index)
      probes.tryLayer(changed, as: .unit(step: step, layer: index, index: unit))
    }
    return table
  }

  /// Through the head: what all changes on trial have cost.
  private func finish(
    _ probes: ProbeRun, _ embedding: WeightMatrix, _ meter: SensitivityMeter?, _ survey: inout Survey
  ) throws(OptimizationError) {
    let head = try wrapping(OptimizationError.model, try loader.head(of: configuration))
    let finalNorm = try wrapping(OptimizationError.model, try loader.finalNorm(of: configuration))
    let divergences = probes.divergences(
      finalNorm: finalNorm, head: head ?? embedding, otherHead: try meter?.otherHead(head),
      tiedHead: meter?.tiedHead)
    for (probe, divergence) in divergences {
      guard case .unit(let step, let layer, let unit) = probe else { continue }
      survey.pruning[step]?.layers[layer].trials[unit] = divergence
    }
    survey.sensitivities = meter?.sensitivities(divergences) ?? []
  }
}
