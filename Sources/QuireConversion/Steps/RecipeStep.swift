import QuireJSON
package import QuireOptimization

/// One entry of a recipe: which step it is. Everything else is answered by its settings.
package enum RecipeStep: Sendable, Equatable {
  case pruneHeads(HeadPruningSettings)
  case pruneNeurons(NeuronPruningSettings)
  case smooth(SmoothingSettings)
  case rotate(RotationSettings)
  case quantize(QuantizationSettings)
  /// `quantize` with a format chosen for each matrix so that together they meet a limit.
  case budget(BudgetSettings)

  var settings: any ConversionStep {
    switch self {
    case .pruneHeads(let settings): settings
    case .pruneNeurons(let settings): settings
    case .smooth(let settings): settings
    case .rotate(let settings): settings
    case .quantize(let settings): settings
    case .budget(let settings): settings
    }
  }

  private static let types: [any ConversionStep.Type] = [
    RotationSettings.self, HeadPruningSettings.self, NeuronPruningSettings.self, SmoothingSettings.self,
    QuantizationSettings.self, BudgetSettings.self,
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
  /// The formats that the step rounds to; nil for steps that do not round.
  package var quantization: QuantizationSettings? { settings.rounding }
  /// Whether the step needs no survey of the whole model.
  package var isSettled: Bool { settings.isSettled }
  /// Whether the step may remove parts of a layer and refit the rest.
  func repairs(layer: Int) -> Bool { settings.repairs(layer: layer) }
}
