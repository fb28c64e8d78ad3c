import QuireJSON
package import QuireOptimization

/// One entry of a recipe. Its settings answer every question; this only says which step it is.
package enum RecipeStep: Sendable, Equatable {
  case pruneHeads(HeadPruningSettings)
  case pruneNeurons(NeuronPruningSettings)
  case smooth(SmoothingSettings)
  case quantize(QuantizationSettings)
  /// `quantize` with a format for each matrix that fits them into a limit together.
  case budget(BudgetSettings)

  var settings: any ConversionStep {
    switch self {
    case .pruneHeads(let settings): settings
    case .pruneNeurons(let settings): settings
    case .smooth(let settings): settings
    case .quantize(let settings): settings
    case .budget(let settings): settings
    }
  }

  private static let types: [any ConversionStep.Type] = [
    HeadPruningSettings.self, NeuronPruningSettings.self, SmoothingSettings.self, QuantizationSettings.self,
    BudgetSettings.self,
  ]

  /// Reads the entry.
  init(_ node: RecipeNode) throws(ConversionError) {
    guard node.value.objectValue != nil else { throw node.refusal(expected: "a step, an object") }
    let kind = try node.required("step", in: "the step")
    let name = try kind.string("the step's name")
    guard let type = Self.types.first(where: { $0.name == name }) else {
      throw kind.refusal(expected: "the step to be \(RecipeNode.list(Self.names, joiner: "or"))")
    }
    self = try type.init(node).step
  }
}

extension RecipeStep {
  /// Every name that a step can have.
  package static let names = types.map { $0.name }

  /// The name that recipes, plans and evaluation rows use.
  package var name: String { type(of: settings).name }
  package var needsCalibration: Bool { settings.needsCalibration }
  /// How the step rounds; nil for steps that do not.
  package var quantization: QuantizationSettings? { settings.rounding }
  /// Whether the step says all by itself, without a survey of the whole model.
  package var isSettled: Bool { settings.isSettled }
  /// Whether the step may cut something out of a layer and refit what is left.
  func repairs(layer: Int) -> Bool { settings.repairs(layer: layer) }
}
