import QuireModel
import QuireTensors

/// Measures what a budget's choices would cost each matrix: the damage of the smallest to the whole model's answers, and
/// the squared errors of all of them to the matrix's own output.
final class SensitivityMeter {
  private let settings: BudgetSettings
  private let formats: TensorFormats
  private let configuration: ModelConfiguration
  private let compute: Compute
  /// The embedding in its smallest format where it is the head too.
  private(set) var tiedHead: WeightMatrix?
  private var errors: [TensorName: [(format: WeightFormat, error: Double)]] = [:]

  /// nil when there is no budget.
  init?(
    _ settings: BudgetSettings?, _ configuration: ModelConfiguration, _ compute: Compute
  ) throws(OptimizationError) {
    guard let settings else { return nil }
    self.settings = settings
    self.configuration = configuration
    self.compute = compute
    formats = try TensorFormats(settings.quantization, configuration)
  }

  /// The matrices that read at `site`, one by one.
  func measure(
    _ layer: LayerWeights, index: Int, at site: ActivationSite, _ gram: GramMatrix, _ probes: ProbeRun?
  ) throws(OptimizationError) {
    let quantizer = LayerQuantizer(settings: settings.quantization, formats: formats, compute: compute)
    let statistics = quantizer.statistics(of: gram)
    for tensor in site.readers {
      let name = TensorName.layer(index, tensor)
      let importances = settings.quantization.importances(columns: gram.order, gram)
      let choices = choices(name, columns: gram.order)
      guard let smallest = choices.first else { continue }
      errors[name] = choices.map { format in
        guard format.scheme != .bf16 else { return (format, 0) }
        let trial = RoundingTrial([(layer[tensor], format, importances)], gram: gram, compute: compute)
        return (format, trial.error(scales: nil))
      }
      guard let probes, smallest.scheme != .bf16 else { continue }
      var changed = layer
      changed[tensor] = .quantized(
        try quantizer.quantized(layer[tensor], as: name, smallest, statistics).0)
      probes.tryLayer(changed, as: .tensor(name))
    }
  }

  func tryEmbedding(_ embedding: WeightMatrix, _ probes: ProbeRun?) throws(OptimizationError) {
    guard let other = try tryTable(embedding, as: .embedding) else { return }
    probes?.tryEmbedding(other)
    if configuration.tiesEmbeddings { tiedHead = other }
  }

  /// The head in its smallest format; nil when it is the embedding or not up for choice.
  func otherHead(_ head: WeightMatrix?) throws(OptimizationError) -> WeightMatrix? {
    try head.flatMap { head throws(OptimizationError) in try tryTable(head, as: .head) }
  }

  /// Embedding or head, of whose inputs nothing is known: rounded to nearest, judged by their weights.
  private func tryTable(_ matrix: WeightMatrix, as name: TensorName) throws(OptimizationError)
    -> WeightMatrix?
  {
    let importances = settings.quantization.importances(columns: matrix.columns, nil)
    var found: [(format: WeightFormat, error: Double)] = []
    var first: WeightMatrix?
    for format in choices(name, columns: matrix.columns) {
      guard format.scheme != .bf16 else {
        found.append((format, 0))
        continue
      }
      let result = try NearestQuantizer(format, importances: importances).quantize(
        matrix, named: name.string, compute)
      found.append((format, result.relativeError * result.relativeError))
      if first == nil { first = .quantized(result.matrix) }
    }
    if !found.isEmpty { errors[name] = found }
    return first
  }

  /// What a tensor may become; empty when an override has decided.
  private func choices(_ name: TensorName, columns: Int) -> [WeightFormat] {
    guard formats.override(of: name) == nil else { return [] }
    return settings.choices.filter { (try? $0.validate(columns: columns, name: name.string)) != nil }
  }

  /// In the model's order.
  func sensitivities(_ divergences: [ProbeRun.Probe: Double]) -> [Sensitivity] {
    configuration.tensorNames.compactMap { name in
      guard let options = errors[name], let smallest = options.first else { return nil }
      let measured = divergences[.tensor(name)] ?? 0
      return Sensitivity(
        tensor: name,
        options: options.map { format, error in
          Sensitivity.Option(
            format: format, divergence: smallest.error > 0 ? measured * error / smallest.error : 0)
        })
    }
  }
}
