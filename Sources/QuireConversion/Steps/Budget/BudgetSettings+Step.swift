import QuireCalibration
import QuireFiles
import QuireModel
import QuireOptimization
import QuireTensors

extension BudgetSettings: ConversionStep {
  static let name = "budget"
  var step: RecipeStep { .budget(self) }

  init(_ node: RecipeNode) throws(ConversionError) {
    let what = "the step \"\(Self.name)\""
    let limits = ["bitsPerWeight", "bytes", "kl"]
    try node.checkMembers(["step"] + limits + ["choices"] + RecipeNode.roundingFields, of: what)
    let given = limits.filter { node.member($0) != nil }
    guard given.count == 1, let limit = node.member(given[0]) else {
      throw node.refusal(
        "expected one of \(RecipeNode.list(limits, joiner: "or")) in \(what), found "
          + (given.isEmpty
            ? "none; say how large the model may be, or how much its output may change"
            : "\(RecipeNode.list(given, joiner: "and")); keep one"))
    }
    var choices: [WeightFormat] = []
    for choice in try node.member("choices")?.elements("the choices") ?? [] {
      try choice.checkMembers(["scheme", "group", "symmetric"], of: "a choice")
      let format = try choice.format(in: "the choice")
      guard !choices.contains(format) else {
        throw choice.refusal("expected each of the choices once, found \(format) again; remove one")
      }
      choices.append(format)
    }
    if let member = node.member("choices"), choices.isEmpty {
      throw member.refusal(
        "expected at least one of the choices, found none; add one or leave the field out")
    }
    if choices.isEmpty { choices = BudgetSettings.standardChoices }
    // For one wide matrix, the order of formats by size does not depend on its width.
    choices.sort { $0.byteCount(rows: 32, columns: 4096) < $1.byteCount(rows: 32, columns: 4096) }
    let budget = try BudgetLimit(limit, named: given[0])
    if budget == .divergence(0), !choices.contains(where: { $0.scheme == .bf16 }) {
      throw limit.refusal(
        "expected a KL divergence above 0, because every format of the choices changes the model's output, found 0; "
          + "raise \"kl\", or add the choice { scheme: \"bf16\" }")
    }
    self.init(limit: budget, choices: choices, quantization: try node.rounding(choices[0]))
  }

  func needsActivations(layer: Int) -> Bool { quantization.needsCalibration }
  var needsReference: Bool { quantization.isAsymmetric }
  func needsReference(layer: Int) -> Bool { quantization.isAsymmetric }
  var rounding: QuantizationSettings? { quantization }

  func plannedRounding(_ configuration: ModelConfiguration) throws(ConversionError) -> QuantizationSettings? {
    try assigning(configuration) { $0.smallest.format }
  }

  /// The largest formats that a survey can choose.
  func largestRounding(_ configuration: ModelConfiguration) throws(ConversionError) -> QuantizationSettings {
    try assigning(configuration) { $0.largest.format }
  }

  private func assigning(
    _ configuration: ModelConfiguration, _ format: (BudgetSizes.Matrix) -> WeightFormat
  ) throws(ConversionError) -> QuantizationSettings {
    guard decision == nil else { return quantization }
    var planned = quantization
    planned.assignments = try openMatrices(configuration).map {
      FormatAssignment(tensor: $0.tensor, format: format($0))
    }
    return planned
  }

  func check(_ configuration: ModelConfiguration, isExact: Bool) throws(ConversionError) {
    guard decision == nil else { return }
    let sizes = try sizes(configuration)
    guard !sizes.open.isEmpty else {
      throw .budget(
        "expected the step \"budget\" to have a matrix to choose a format for, found overrides that decide all of "
          + "them; remove an override, or use the step \"quantize\"")
    }
    guard isExact, let limit = limit.bytes(parameterCount: sizes.parameterCount), limit < sizes.smallest
    else { return }
    throw .budget(sizes.refusal(of: self.limit))
  }

  func memoryBytes(_ configuration: ModelConfiguration, threadCount: Int) -> Int {
    quantization.memoryBytes(configuration, threadCount: threadCount)
  }

  func addWork(to layer: inout LayerWork) { quantization.addWork(to: &layer) }

  func planSentence(_ plan: ConversionPlan) -> String? {
    guard let decision else {
      let sizes = try? sizes(plan.result.configuration)
      let isLoose =
        sizes.flatMap { sizes in
          limit.bytes(parameterCount: sizes.parameterCount).map { $0 >= sizes.largest }
        } ?? false
      return
        "budget: formats for at most \(limit.sentence) are chosen after a survey of the model on the "
        + "calibration text; the sizes above are those of the smallest choices"
        + (isLoose
          ? "; even the largest formats fit the limit, so every matrix gets the format with the lowest error"
          : "")
    }
    return
      "budget: formats chosen for at most \(limit.sentence); "
      + "\(ConversionPlan.scientific(decision.divergence)) is the sum of the KL divergences with one matrix rounded "
      + "at a time, on the calibration text: it orders the choices and is no forecast of the whole model's"
  }

  var isMeasurable: Bool { true }
  var isSettled: Bool { decision != nil }
  func trialCount(in shape: LayerShape) -> Int { LayerTensor.projections.count }

  func settled(
    by survey: Survey, index: Int, _ configuration: ModelConfiguration
  ) throws(ConversionError) -> BudgetSettings {
    decision == nil && !survey.sensitivities.isEmpty
      ? decided(try decide(survey.sensitivities, configuration)) : self
  }

  /// The survey does not depend on the limit.
  var surveyed: BudgetSettings {
    var result = self
    result.limit = .bytes(0)
    return result
  }

  func apply(to layer: inout LayerState) throws(OptimizationError) { try quantization.apply(to: &layer) }
}
