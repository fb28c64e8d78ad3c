import QuireCalibration
import QuireModel
import QuireOptimization

extension HeadPruningSettings: PruningStep {
  static let name = "prune-heads"
  var step: RecipeStep { .pruneHeads(self) }

  init(_ node: RecipeNode) throws(ConversionError) {
    let what = "the step \"\(Self.name)\""
    try node.checkMembers(
      ["step", "unit", "remove", "removeShare", "errorBudget", "repair", "trial"], of: what)
    let tries = try node.member("trial")?.boolean("trial") ?? false
    let removal = try node.removal(in: what)
    if tries, !removal.isSettled, let trial = node.member("trial") {
      throw trial.refusal(
        "trials decide which unit is removed first from a layer whose count is given; "
          + "use \"remove\", or leave the field \"trial\" out")
    }
    let repair = try node.repair()
    self.init(
      unit: try node.required("unit", in: what).choice("unit", as: HeadUnit.self), removal: removal,
      repairs: repair != 0, repairShare: repair == 0 ? nil : repair, tries: tries)
  }

  func shapes(after layers: [LayerShape]) throws(ConversionError) -> [LayerShape] {
    try removal.shapes(
      after: layers, unit: unit.rawValue, units: { HeadPruning.largestRemoval(unit, shape: $0) + 1 },
      largest: { HeadPruning.largestRemoval(unit, shape: $0) },
      shape: { HeadPruning.expectedShape(unit, removing: $1, from: $0) })
  }

  func planSentence(_ plan: ConversionPlan) -> String? {
    removal.isSettled
      ? plan.cacheSentence
      : "heads: a survey of the model decides how many are removed from each layer; the sizes above are before that"
  }

  var isSettled: Bool { removal.isSettled && (!tries || firstBlocks != nil) }

  func trialCount(in shape: LayerShape) -> Int { tries ? HeadPruning.blocks(unit, of: shape).count : 0 }

  func settled(
    by survey: Survey, index: Int, _ configuration: ModelConfiguration
  ) throws(ConversionError) -> HeadPruningSettings {
    guard let table = survey.pruning[index] else { return self }
    var result = self
    result.removal = removal.settled(by: table, unitSize: 1) { table.layers[$0].steps.count + 1 }
    if tries { result.firstBlocks = table.layers.map(\.preferred) }
    return result
  }

  func apply(to layer: inout LayerState) throws(OptimizationError) {
    guard let count = removal.count(layer: layer.index) else {
      preconditionFailure("a survey settles how many heads go")
    }
    guard count > 0 else { return }
    let moments =
      if let known = layer.attentionMoments { known } else { try layer.moments(at: .attentionOutput) }
    let (result, rest) = try layer.pruner.prune(
      &layer.weights, self, count: count, first: firstBlocks?[layer.index], moments, layer: layer.index)
    layer.record.pruning[layer.stepIndex] = result
    layer.attentionMoments = rest
    let pruning = HeadPruning(unit: unit, shape: result.shape, headSize: layer.headSize)
    layer.activations?.follow(
      .kept(pruning.columns(ofQueryHeads: result.keptQueryHeads)), at: .attentionOutput)
    // A later step prunes this layer's MLP and refits it then.
    guard repairs, !layer.isRepairedLater, moments.cross != nil else { return }
    try layer.pruner.refitMLP(
      &layer.weights, try layer.moments(at: .mlpOutput), share: repairShare ?? 1, layer: layer.index)
  }
}
