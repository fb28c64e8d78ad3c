import QuireCalibration
import QuireModel
import QuireOptimization
import QuireTensors

extension SmoothingSettings: ConversionStep {
  static let name = "smooth"
  var step: RecipeStep { .smooth(self) }

  init(_ node: RecipeNode) throws(ConversionError) {
    let what = "the step \"\(Self.name)\""
    try node.checkMembers(["step", "method", "alpha"], of: what)
    let method = try node.required("method", in: what)
    switch try method.string("method") {
    case "awq":
      if let alpha = node.member("alpha") {
        throw alpha.refusal(
          "the method \"awq\" finds its exponent itself; remove the field \"alpha\", or use \"smoothquant\"")
      }
      self.init(method: .awq)
    case "smoothquant":
      self.init(
        method: .smoothQuant(
          alpha: try node.member("alpha")?.number("alpha", in: 0...1) ?? SmoothingMethod.standardAlpha))
    default:
      throw method.refusal(
        expected: "method to be \(RecipeNode.list(SmoothingMethod.names, joiner: "or"))")
    }
  }

  func needsActivations(layer: Int) -> Bool { true }
  var preparesRounding: Bool { true }

  /// The Gram matrices of the MLP's two sites, and for every thread a few bands of rows.
  func memoryBytes(_ configuration: ModelConfiguration, threadCount: Int) -> Int {
    let (hidden, intermediate) = (configuration.hiddenSize, configuration.maximumIntermediateSize)
    return 4 * (hidden * hidden + intermediate * intermediate)
      + 4 * 4 * RoundingTrial.sampledRows * max(intermediate, 2 * hidden)
  }

  func addWork(to layer: inout LayerWork) {
    for sites in [[ActivationSite.attentionInput, .attentionOutput], [.mlpInput, .mlpOutput]] {
      layer.observe(sites[1])
      for site in sites { layer.addGram(site) }
    }
    addTrials(to: &layer)
  }

  /// The trials of AWQ at every site; a survey makes them too.
  func addTrials(to layer: inout LayerWork) {
    guard method == .awq else { return }
    for site in ActivationSite.allCases {
      let tensors = site.readers.filter { layer.target(of: $0).scheme != .bf16 }
      let formats = tensors.map(layer.target(of:))
      layer.addTrials(Double(SmoothingScales.gridCount + 1), Array(zip(tensors, formats)), at: site)
    }
  }

  /// Names the places where the step has nothing to do. Before a survey the formats are not known.
  func planSentence(_ plan: ConversionPlan) -> String? {
    guard let formats = plan.formats, plan.survey == nil else { return nil }
    let layerCount = plan.source.configuration.layerCount
    let unrounded = (0..<layerCount).reduce(0) { sum, layer in
      sum
        + ActivationSite.allCases.count { site in
          site.readers.allSatisfy { formats.format(of: .layer(layer, $0)).scheme == .bf16 }
        }
    }
    guard unrounded > 0 else { return nil }
    let places = layerCount * ActivationSite.allCases.count
    return
      "smooth: has no effect at \(unrounded == places ? "any place" : "\(unrounded) of the \(places) places") where it could "
      + "divide activations, because the matrices that read them stay in bf16"
  }

  func apply(to layer: inout LayerState) throws(OptimizationError) {
    guard let activations = layer.activations, let formats = layer.formats,
      let quantization = layer.recipe.quantizationAhead
    else { preconditionFailure("smoothing prepares for a step that rounds, on activations") }
    let smoother = LayerSmoother(
      settings: self, quantization: quantization, formats: formats, headSize: layer.headSize,
      compute: layer.compute)
    let results = try smoother.smooth(&layer.weights, layer: layer.index, activations: activations)
    layer.record.changes[layer.stepIndex] = LayerChange(
      smoothing: results, layer: layer.index, shape: layer.weights.shape)
    layer.attentionMoments = nil
  }
}
