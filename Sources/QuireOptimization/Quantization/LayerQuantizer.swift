import QuireModel
import QuireTensors

/// Quantizes the matrices of one layer in the order in which the layer uses them, each by the statistics of
/// what the quantized ones before it leave for it to read.
struct LayerQuantizer {
  let settings: QuantizationSettings
  let formats: TensorFormats
  let compute: Compute

  /// Quantizes every matrix of `weights` whose format is not bf16; says what each cost.
  ///
  /// A method that looks at activations takes them from `run`, and takes `run` through the layer's attention.
  func quantize(
    _ weights: inout LayerWeights, layer: Int, activations run: CalibrationRun?
  ) throws(OptimizationError) -> [RoundingRecord] {
    var records: [RoundingRecord] = []
    for site in ActivationSite.allCases {
      let tensors = LayerTensor.projections.filter {
        $0.activationSite == site && formats.format(of: .layer(layer, $0)).scheme != .bf16
      }
      if !tensors.isEmpty {
        let statistics = statistics(at: site, of: weights, activations: run)
        for tensor in tensors {
          let name = TensorName.layer(layer, tensor)
          let (matrix, record) = try quantized(weights[tensor], as: name, statistics)
          weights[tensor] = .quantized(matrix)
          records.append(record)
        }
      }
      if site == .attentionOutput, settings.needsCalibration {
        run?.advance(throughAttentionOf: weights)
      }
    }
    return records
  }

  /// What GPTQ knows of the inputs that several matrices may share.
  private struct Statistics {
    let gram: GramMatrix
    /// nil when H could not be factored.
    let factor: InverseFactor?
  }

  private func statistics(
    at site: ActivationSite, of weights: LayerWeights, activations run: CalibrationRun?
  ) -> Statistics? {
    guard settings.needsCalibration else { return nil }
    guard let run else { preconditionFailure("the method looks at activations") }
    let gram = run.gram(at: site, of: weights)
    return Statistics(gram: gram, factor: InverseFactor(gram))
  }

  private func quantized(
    _ matrix: WeightMatrix, as name: TensorName, _ statistics: Statistics?
  ) throws(OptimizationError) -> (QuantizedMatrix, RoundingRecord) {
    let format = formats.format(of: name)
    guard let statistics, let factor = statistics.factor else {
      let result = try NearestQuantizer(format).quantize(matrix, named: name.string, compute)
      return (
        result.matrix,
        RoundingRecord(
          tensor: name, format: format, method: .nearest, isFallback: statistics != nil,
          relativeError: result.relativeError)
      )
    }
    let result = try GPTQQuantizer(format).quantize(
      matrix, statistics.gram, factor, named: name.string, compute)
    return (
      result.matrix,
      RoundingRecord(
        tensor: name, format: format, method: .gptq, relativeError: result.relativeError,
        outputError: result.outputError, damping: factor.damping)
    )
  }
}
