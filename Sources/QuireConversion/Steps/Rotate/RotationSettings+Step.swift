import QuireJSON
import QuireModel
import QuireOptimization

extension RotationSettings: ConversionStep {
  static let name = "rotate"
  var step: RecipeStep { .rotate(self) }

  init(_ node: RecipeNode) throws(ConversionError) {
    let what = "the step \"\(Self.name)\""
    try node.checkMembers(["step", "hiddenStates", "values", "seed"], of: what)
    self.init(
      hiddenStates: try node.member("hiddenStates")?.rotatedHiddenStates() ?? .rotated,
      rotatesValues: try node.member("values")?.boolean("values") ?? true,
      seed: UInt64(try node.member("seed")?.integer("seed", in: 0...Int.max) ?? 1))
    guard hiddenStates != .unchanged || rotatesValues else {
      throw node.refusal(
        "expected \(what) to rotate hidden states or values, found both false; set one to true, or remove the step"
      )
    }
  }

  var needsCalibration: Bool { false }
  func needsActivations(layer: Int) -> Bool { false }

  func check(_ configuration: ModelConfiguration, isExact: Bool) throws(ConversionError) {
    guard rotatesHiddenStates(of: configuration), !configuration.hiddenSize.isMultiple(of: 2) else { return }
    throw .rotation(
      "expected hidden states of an even dimension, which the step \"\(Self.name)\" pairs in sums and differences, "
        + "found \(configuration.hiddenSize); set \"hiddenStates\" to false")
  }

  /// A matrix is copied while its outputs are rotated.
  func memoryBytes(_ configuration: ModelConfiguration, threadCount: Int) -> Int {
    4 * configuration.hiddenSize * configuration.maximumIntermediateSize
  }

  func addWork(to layer: inout LayerWork) {
    layer.add(.rotation, width: layer.configuration.hiddenSize, layer.weightCount)
  }

  func planSentence(_ plan: ConversionPlan) -> String? {
    let before = plan.source.configuration
    guard configuration(after: before).tiesEmbeddings != before.tiesEmbeddings else { return nil }
    let added = ConversionPlan.count(before.vocabularySize * before.hiddenSize)
    return
      "rotate: the final norm is folded into lm_head, which the checkpoint shares with the embedding, so they become two "
      + "matrices with \(added) more parameters; with hiddenStates: \"untied\" only values are rotated and they stay one"
  }

  func apply(to layer: inout LayerState) throws(OptimizationError) {
    guard let rotation = layer.rotation else { preconditionFailure("a recipe that rotates has a rotation") }
    layer.change(basis: rotation.rotated(layer.weights, index: layer.index))
  }
}

extension RecipeNode {
  fileprivate func rotatedHiddenStates() throws(ConversionError) -> RotationSettings.HiddenStates {
    if value.stringValue == "untied" { return .rotatedIfUntied }
    guard let boolean = value.boolValue else {
      throw refusal(expected: "hiddenStates, true, false or \"untied\"")
    }
    return boolean ? .rotated : .unchanged
  }
}
