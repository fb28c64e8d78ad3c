import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireTensors

/// Measures the cost of a budget's choices for each matrix: the KL divergence of the whole model with the smallest
/// choice, and the squared error of the matrix's own output for every choice.
final class SensitivityMeter {
  private let settings: BudgetSettings
  private let formats: TensorFormats
  private let configuration: ModelConfiguration
  private let compute: Compute
  /// The measurements so far.
  var errors: [TensorName: [FormatError]] = [:]

  /// The squared error of a matrix's output in one format; of its weights where its inputs are not known.
  struct FormatError: Codable {
    let format: WeightFormat
    let error: Double
    /// The error as a share of the output's mean square, or of that of the weights.
    var share: Double?
  }

  /// nil when there is no budget.
  init?(
    _ settings: BudgetSettings?, _ configuration: ModelConfiguration, _ compute: Compute
  ) throws(ConversionError) {
    guard let settings else { return nil }
    self.settings = settings
    self.configuration = configuration
    self.compute = compute
    formats = try wrapping(
      ConversionError.optimization, try TensorFormats(settings.quantization, configuration))
  }

  /// Measures the matrices that read at `site`, one by one. `tryLayer` is called with the layer that has one of
  /// them in its smallest format.
  func measure(
    _ layer: LayerWeights, index: Int, at site: ActivationSite, _ gram: GramMatrix,
    tryLayer: (LayerWeights, TensorName) throws(ConversionError) -> Void
  ) throws(ConversionError) {
    let quantizer = LayerQuantizer(settings: settings.quantization, formats: formats, compute: compute)
    let statistics = quantizer.statistics(of: gram)
    for tensor in site.readers {
      let name = TensorName.layer(index, tensor)
      let choices = choices(name, columns: gram.order)
      guard let smallest = choices.first else { continue }
      errors[name] = choices.map { format in
        guard format.scheme != .bf16 else { return FormatError(format: format, error: 0, share: 0) }
        let importances = settings.quantization.importances(format, columns: gram.order, gram)
        let trial = RoundingTrial([(layer[tensor], format, importances)], gram: gram, compute: compute)
        let (error, energy) = (trial.error(scales: nil), trial.outputEnergy)
        return FormatError(format: format, error: error, share: energy > 0 ? error / energy : nil)
      }
      guard smallest.scheme != .bf16 else { continue }
      var changed = layer
      changed[tensor] = .quantized(
        try wrapping(
          ConversionError.optimization,
          try quantizer.quantized(layer[tensor], as: name, smallest, statistics)
        ).0)
      try tryLayer(changed, name)
    }
  }

  /// Embedding or lm_head, whose inputs are not known: rounded to nearest and judged by the error of the weights.
  /// Returns it in its smallest format; nil when an override decides its format.
  ///
  /// Possible alternative: lm_head by GPTQ, as it is written with few bits. It then gets fewer of them, and the demo
  /// model's mean KL on held-out text rises (recipes/README.md).
  func tried(
    _ matrix: WeightMatrix, as name: TensorName
  ) throws(ConversionError) -> WeightMatrix? {
    var found: [FormatError] = []
    var first: WeightMatrix?
    for format in choices(name, columns: matrix.columns) {
      guard format.scheme != .bf16 else {
        found.append(FormatError(format: format, error: 0, share: 0))
        continue
      }
      let importances = settings.quantization.importances(format, columns: matrix.columns, nil)
      let result = try wrapping(
        ConversionError.optimization,
        try NearestQuantizer(format, importances: importances).quantize(matrix, named: name.string, compute))
      let error = result.relativeError * result.relativeError
      found.append(FormatError(format: format, error: error, share: error))
      if first == nil { first = .quantized(result.matrix) }
    }
    if !found.isEmpty { errors[name] = found }
    return first
  }

  /// The formats for a tensor; empty when an override decides.
  private func choices(_ name: TensorName, columns: Int) -> [WeightFormat] {
    settings.choices(name, columns: columns, formats)
  }

  /// The tensors in the model's order.
  func sensitivities(_ divergences: [ProbeRun.Probe: Double]) -> [Sensitivity] {
    configuration.tensorNames.compactMap { name in
      guard let options = errors[name], let smallest = options.first else { return nil }
      let measured = divergences[.tensor(name)] ?? 0
      return Sensitivity(
        tensor: name,
        options: options.map { option in
          Sensitivity.Option(
            format: option.format,
            divergence: smallest.error > 0 ? measured * option.error / smallest.error : 0,
            outputError: option.share)
        })
    }
  }
}
