import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireTensors

extension Recipe {
  /// How many of the steps, its own and then those to come, must be settled before its own can be carried out:
  /// smoothing looks ahead.
  private var relevantCount: Int {
    steps.contains { $0.name == "smooth" } ? steps.count + upcoming.count : steps.count
  }

  /// Whether every step that matters says all by itself, without a survey of the whole model.
  package var isSettled: Bool { unsettledSteps.isEmpty }

  /// The steps that a survey must settle, by index.
  var unsettledSteps: [Int: RecipeStep] {
    measurableSteps.filter { !$0.value.isSettled }
  }

  /// The steps that a survey can say something about, by index.
  var measurableSteps: [Int: RecipeStep] {
    var found: [Int: RecipeStep] = [:]
    for (index, step) in (steps + upcoming).prefix(relevantCount).enumerated() {
      switch step {
      case .pruneHeads, .pruneNeurons, .budget: found[index] = step
      case .smooth, .quantize: break
      }
    }
    return found
  }

  /// The recipe with what the survey decides written into its steps.
  func settled(by survey: Survey, _ configuration: ModelConfiguration) throws(ConversionError) -> Recipe {
    var all = steps + upcoming
    var layers = configuration.layers
    for index in all.indices.prefix(relevantCount) {
      switch all[index] {
      case .pruneHeads(var settings):
        if let table = survey.pruning[index] {
          settings.removal = settings.removal.settled(by: table, unitSize: 1) {
            $0.steps.count + 1
          }
          if settings.tries { settings.firstBlocks = table.layers.map(\.preferred) }
        }
        layers = try ConversionPlan.shapes(after: settings, layers)
        all[index] = .pruneHeads(settings)
      case .pruneNeurons(var settings):
        if let table = survey.pruning[index] {
          let widths = layers.map { $0.intermediateSize / settings.group }
          settings.removal = settings.removal.settled(by: table, unitSize: settings.group) { _ in
            widths.max() ?? 0
          }
        }
        layers = try ConversionPlan.shapes(after: settings, layers)
        all[index] = .pruneNeurons(settings)
      case .budget(let settings) where settings.decision == nil && !survey.sensitivities.isEmpty:
        all[index] = .budget(
          settings.decided(try settings.decide(survey, configuration.replacingLayers(layers))))
      case .smooth, .quantize, .budget: break
      }
    }
    return replacingSteps(all)
  }
}

extension Removal {
  /// Counts in place of a share or a budget.
  fileprivate func settled(
    by table: PruningTable, unitSize: Int, units: (PruningTable.Layer) -> Int
  ) -> Removal {
    switch self {
    case .uniform, .perLayer: self
    case .share(let share):
      .perLayer(table.counts(share: share, unitsInLayer: table.layers.map(units)).map { $0 * unitSize })
    case .errorBudget(let budget): .perLayer(table.counts(errorBudget: budget).map { $0 * unitSize })
    }
  }
}

extension BudgetSettings {
  /// The formats that fit the limit, for a model of the given shapes.
  fileprivate func decide(
    _ survey: Survey, _ configuration: ModelConfiguration
  ) throws(ConversionError) -> BudgetDecision {
    let formats = try wrapping(ConversionError.optimization, try TensorFormats(quantization, configuration))
    let stage = ConversionPlan.Stage(
      step: "budget", configuration: configuration, formats: formats.format(of:))
    let open = Set(survey.sensitivities.map(\.tensor))
    let fixedBytes = stage.tensors.reduce(0) { open.contains($1.name) ? $0 : $0 + $1.byteCount }
    let items = survey.sensitivities.map { Self.item($0, configuration) }
    let solver = BudgetSolver(items: items)
    switch limit {
    case .bitsPerWeight(let bits):
      let limit = Int(bits * Double(stage.parameterCount) / 8)
      if let decision = solver.solve(byteLimit: limit - fixedBytes) { return decision }
    case .bytes(let limit):
      if let decision = solver.solve(byteLimit: limit - fixedBytes) { return decision }
    case .divergence(let limit):
      if let decision = solver.solve(divergenceLimit: limit) { return decision }
      let best = items.reduce(0.0) { $0 + ($1.options.map(\.divergence).min() ?? 0) }
      throw .budget(
        "expected a KL divergence of at most \(limit), but the best of the choices are predicted to cost \(best); "
          + "raise \"kl\", or add a choice such as int8")
    }
    let smallest = fixedBytes + items.reduce(0) { $0 + $1.options[0].byteCount }
    throw .budget(
      "expected a size of at most \(limit.sentence), but the smallest choices take \(smallest) bytes, "
        + "\(8 * Double(smallest) / Double(max(1, stage.parameterCount))) bits per weight; "
        + "raise it, or add a smaller choice")
  }

  private static func item(_ sensitivity: Sensitivity, _ configuration: ModelConfiguration)
    -> BudgetSolver.Item
  {
    let shape = sensitivity.tensor.shape(in: configuration)
    let name = sensitivity.tensor.string
    let fitting = sensitivity.options.filter {
      (try? $0.format.validate(columns: shape[1], name: name)) != nil
    }
    // What fits no more after pruning is refused with a sentence when the settled plan is made.
    let options = (fitting.isEmpty ? sensitivity.options : fitting).map { option in
      BudgetDecision.Choice(
        tensor: sensitivity.tensor, format: option.format,
        byteCount: option.format.byteCount(rows: shape[0], columns: shape[1]), divergence: option.divergence)
    }
    return BudgetSolver.Item(options: options.sorted { $0.byteCount < $1.byteCount })
  }
}

extension BudgetLimit {
  /// "4.5 bits per weight".
  var sentence: String {
    switch self {
    case .bitsPerWeight(let bits): "\(bits) bits per weight"
    case .bytes(let bytes): "\(bytes) bytes"
    case .divergence(let limit): "a predicted mean KL divergence of \(limit)"
    }
  }
}
