import QuireJSON
import QuireCalibration
import QuireModel
import QuireOptimization

extension NeuronPruningSettings: PruningStep {
  static let name = "prune-neurons"
  var step: RecipeStep { .pruneNeurons(self) }

  init(_ node: RecipeNode) throws(ConversionError) {
    let what = "the step \"\(Self.name)\""
    try node.checkMembers(["step", "group", "remove", "removeShare", "errorBudget", "repair"], of: what)
    let group = try node.member("group")?.group() ?? NeuronPruningSettings.standardGroup
    let removal = try node.removal(in: what)
    if let bad = removal.givenCounts.first(where: { $0 % group != 0 }), let member = node.member("remove") {
      let below = bad / group * group
      let (above, isTooLarge) = below.addingReportingOverflow(group)
      throw member.refusal(
        "expected multiples of the group, \(group), so that what is left can be rounded in groups, found \(bad); "
          + "use \(isTooLarge ? "a smaller count" : "\(below) or \(above)"), or a smaller group")
    }
    let repair = try node.repair()
    self.init(group: group, removal: removal, repairs: repair != 0, repairShare: repair == 0 ? nil : repair)
  }

  func shapes(after layers: [LayerShape]) throws(ConversionError) -> [LayerShape] {
    try removal.shapes(
      after: layers, unit: NeuronPruning.unit, unitSize: group, units: { $0.intermediateSize / group },
      largest: { NeuronPruning.largestRemoval(group: group, shape: $0) },
      shape: { $0.keepingNeurons($0.intermediateSize - $1) })
  }

  func addWork(to layer: inout LayerWork) {
    guard removal.mayRemove(layer: layer.index) else { return }
    layer.addMoments(.mlpOutput)
    layer.addPruning(.mlpOutput)
    if repairs, layer.hasReference { layer.addRefit(.mlpOutput) }
    layer.shape = layer.shape.keepingNeurons(
      layer.shape.intermediateSize - (removal.count(layer: layer.index) ?? 0))
  }

  /// As for heads, by the MLP's width; the gate and up projections that lose rows; for the repair, the cross
  /// moments with the unpruned model, the residuals, and the statistics of the kept channels with their factor.
  func memoryBytes(_ configuration: ModelConfiguration, threadCount: Int) -> Int {
    let width = configuration.maximumIntermediateSize
    let projection = width * configuration.hiddenSize
    return width * width * (4 + 3 * 8) + projection * (4 + 4 + 2 * 8 + 2 * 2)
      + (repairs ? width * width * 4 + 2 * projection * 4 : 0)
  }

  func planSentence(_ plan: ConversionPlan) -> String? {
    removal.isSettled
      ? nil
      : "channels: a survey of the model decides how many are removed from each layer; the sizes above are before that"
  }

  var isSettled: Bool { removal.isSettled }

  func settled(
    by survey: Survey, index: Int, _ configuration: ModelConfiguration
  ) throws(ConversionError) -> NeuronPruningSettings {
    guard let table = survey.pruning[index] else { return self }
    var result = self
    result.removal = removal.settled(by: table, unitSize: group) {
      configuration.layers[$0].intermediateSize / group
    }
    return result
  }

  func apply(to layer: inout LayerState) throws(OptimizationError) {
    guard let count = removal.count(layer: layer.index) else {
      preconditionFailure("a survey settles how many channels go")
    }
    guard count > 0 else { return }
    let moments = try layer.moments(at: .mlpOutput)
    let result = try layer.pruner.prune(&layer.weights, self, count: count, moments, layer: layer.index)
    layer.record.changes[layer.stepIndex] = LayerChange(
      neurons: result, layer: layer.index, shape: layer.weights.shape)
    layer.activations?.follow(.kept(result.kept), at: .mlpOutput)
  }
}
