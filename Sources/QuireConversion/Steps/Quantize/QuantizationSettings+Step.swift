import QuireJSON
import QuireCalibration
import QuireModel
import QuireOptimization
import QuireTensors

extension QuantizationSettings: ConversionStep {
  static let name = "quantize"
  var step: RecipeStep { .quantize(self) }

  init(_ node: RecipeNode) throws(ConversionError) {
    let what = "the step \"\(Self.name)\""
    try node.checkMembers(
      ["step", "scheme", "group", "symmetric"] + RecipeNode.roundingFields, of: what)
    let target = try node.format(in: what)
    if target.scheme == .bf16 {
      throw (node.member("scheme") ?? node).refusal(
        expected: "the scheme of a step to be \(RecipeNode.list(Self.schemes, joiner: "or"))")
    }
    self = try node.rounding(target)
  }

  /// The schemes that a step may round to.
  private static let schemes = WeightFormat.Scheme.allCases.filter { $0 != .bf16 }.map(\.rawValue)

  func needsActivations(layer: Int) -> Bool { needsCalibration }
  var needsReference: Bool { isAsymmetric }
  func needsReference(layer: Int) -> Bool { isAsymmetric }
  var rounding: QuantizationSettings? { self }

  /// For the widest input: the Gram matrix in float32; the factor in float64, plus a quarter of it while it is
  /// inverted, and in float32; with an asymmetric target the deviations of the inputs; for every thread a band of rows
  /// three to five times and its codes.
  func memoryBytes(_ configuration: ModelConfiguration, threadCount: Int) -> Int {
    guard needsCalibration else { return 0 }
    let width =
      configuration.layers.map { shape in
        ActivationSite.allCases.map { $0.width(in: shape, configuration) }.max() ?? 0
      }.max() ?? 0
    return width * width * (4 + 8 + 2 + 4 + (isAsymmetric ? 4 : 0))
      + threadCount
      * GPTQQuantizer.bandBytes(columns: width, isAimed: isAsymmetric, refits: refitRounds > 0)
  }

  func addWork(to layer: inout LayerWork) {
    for site in ActivationSite.allCases {
      let tensors = site.readers.filter { layer.target(of: $0).scheme != .bf16 }
      if needsCalibration, !tensors.isEmpty {
        if isAsymmetric {
          layer.observeReference(site)
          layer.addCross(targets: layer.width(site), site)
        }
        layer.observe(site)
        layer.addGram(site)
        layer.addFactor(site, self)
      }
      for tensor in tensors {
        layer.addRounding(tensor, layer.target(of: tensor), self, isAimed: isAsymmetric)
        layer.formats[tensor] = layer.target(of: tensor)
      }
      if site == .attentionOutput, needsCalibration { layer.advance(.attention) }
    }
  }

  func apply(to layer: inout LayerState) throws(OptimizationError) {
    guard let formats = layer.formats else { preconditionFailure("a step that rounds has formats") }
    let quantizer = LayerQuantizer(settings: self, formats: formats, compute: layer.compute)
    layer.keepFloat()
    layer.record.rounding = try quantizer.quantize(
      &layer.weights, layer: layer.index, activations: layer.activations)
  }
}

// Reading the fields that the rounding steps have in common.
extension RecipeNode {
  static let roundingFields = ["method", "scaleSearch", "refit", "asymmetry", "overrides"]

  func rounding(_ target: WeightFormat) throws(ConversionError) -> QuantizationSettings {
    var overrides: [QuantizationOverride] = []
    for node in try member("overrides")?.elements("the overrides") ?? [] {
      overrides.append(try node.override())
    }
    var settings = QuantizationSettings(
      target: target,
      method: try member("method")?.choice("method", as: QuantizationMethod.self) ?? .nearest,
      scaleSearch: try member("scaleSearch")?.choice("scaleSearch", as: ScaleSearchMeasure.self),
      overrides: overrides)
    if let refit = member("refit") { settings.refitRounds = try refit.integer("refit", in: 0...10) }
    if let asymmetry = member("asymmetry") {
      settings.asymmetry = try asymmetry.number("asymmetry", in: 0...1)
    }
    for name in ["refit", "asymmetry"] where settings.method != .gptq {
      guard let node = member(name) else { continue }
      throw node.refusal(
        "the field \"\(name)\" is for the method \"gptq\", found \"\(settings.method.rawValue)\"; remove the field, or "
          + "set the method to \"gptq\"")
    }
    return settings
  }

  private func override() throws(ConversionError) -> QuantizationOverride {
    try checkMembers(["match", "scheme", "group", "symmetric"], of: "an override")
    let match = try required("match", in: "the override")
    let pattern = try match.string("match")
    do throws(NamePatternError) { _ = try NameMatcher(pattern) } catch {
      throw match.refusal("match \(match.shown) is no pattern over tensor names: \(error)")
    }
    return QuantizationOverride(pattern: pattern, target: try format(in: "the override"))
  }

  /// `scheme`, `group` and `symmetric`: for int8 a group is optional, the others need one, bf16 has none. Only int8 and
  /// int4 may have zero points.
  func format(in what: String) throws(ConversionError) -> WeightFormat {
    let scheme = try required("scheme", in: what).choice("scheme", as: WeightFormat.Scheme.self)
    let symmetric = member("symmetric")
    if let symmetric, scheme == .bf16 || scheme.isNonlinear {
      throw symmetric.refusal(
        "the scheme \"\(scheme.rawValue)\" has no zero points; remove the field \"symmetric\"")
    }
    let isSymmetric = try symmetric?.boolean("symmetric") ?? true
    guard let node = member("group") else {
      guard scheme != .int4, !scheme.isNonlinear else {
        throw refusal(
          "the scheme \"\(scheme.rawValue)\" needs a group of 32, 64 or 128 in \(what); add the field \"group\""
        )
      }
      return WeightFormat(scheme: scheme, group: nil, isSymmetric: isSymmetric)
    }
    guard scheme != .bf16 else {
      throw node.refusal("the scheme \"bf16\" has no group; remove the field \"group\"")
    }
    return WeightFormat(scheme: scheme, group: try node.group(), isSymmetric: isSymmetric)
  }

  /// The value of a field "group".
  func group() throws(ConversionError) -> Int {
    guard let group = value.intValue, WeightFormat.groups.contains(group) else {
      throw refusal(expected: "group to be 32, 64 or 128")
    }
    return group
  }
}
