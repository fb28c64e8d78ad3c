package import QuireCalibration
import QuireFiles
package import QuireModel
package import QuireTensors

/// Quantizes the matrices of one layer in the order in which the layer uses them. Each uses the statistics of its
/// inputs as computed by the quantized matrices before it.
package struct LayerQuantizer {
  let settings: QuantizationSettings
  let formats: TensorFormats
  let compute: Compute

  package init(settings: QuantizationSettings, formats: TensorFormats, compute: Compute) {
    self.settings = settings
    self.formats = formats
    self.compute = compute
  }

  /// Quantizes every matrix of `weights` whose format is not bf16; returns the rounding errors.
  ///
  /// A method that needs statistics takes them from `activations`, whose windows it runs through the layer's
  /// attention.
  package func quantize(
    _ weights: inout LayerWeights, layer: Int, activations: (any ActivationStatistics)?
  ) throws(OptimizationError) -> [RoundingRecord] {
    var records: [RoundingRecord] = []
    let float = weights
    for site in ActivationSite.allCases {
      let tensors = LayerTensor.projections.filter {
        $0.activationSite == site && formats.format(of: .layer(layer, $0)).scheme != .bf16
      }
      if !tensors.isEmpty {
        let statistics = try statistics(at: site, of: weights, float: float, activations)
        for tensor in tensors {
          let name = TensorName.layer(layer, tensor)
          let (matrix, record) = try quantized(
            weights[tensor], as: name, formats.format(of: name), statistics)
          weights[tensor] = .quantized(matrix)
          records.append(record)
        }
      }
      if site == .attentionOutput, settings.needsCalibration {
        try wrapping(OptimizationError.calibration, try activations?.advance(throughAttentionOf: weights))
      }
    }
    return records
  }

  /// Statistics of inputs that several matrices may share.
  package struct Statistics {
    let gram: GramMatrix
    /// For GPTQ; nil when H could not be factored.
    let factor: InverseFactor?
    /// nil for the outputs of the float matrices for these inputs.
    var target: AsymmetricTarget?
  }

  private func statistics(
    at site: ActivationSite, of weights: LayerWeights, float: LayerWeights,
    _ activations: (any ActivationStatistics)?
  ) throws(OptimizationError) -> Statistics? {
    guard settings.needsCalibration else { return nil }
    guard let activations else { preconditionFailure("the method looks at activations") }
    guard settings.isAsymmetric else {
      return self.statistics(
        of: try wrapping(OptimizationError.calibration, try activations.gram(at: site, of: weights)))
    }
    let moments = try wrapping(
      OptimizationError.calibration, try activations.inputMoments(at: site, of: weights, float: float))
    var result = self.statistics(of: moments.gram)
    result.target = moments.deviation.map {
      AsymmetricTarget(deviation: $0, share: Float(settings.asymmetry))
    }
    return result
  }

  package func statistics(of gram: GramMatrix) -> Statistics {
    Statistics(gram: gram, factor: settings.method == .gptq ? InverseFactor(gram, team: compute.team) : nil)
  }

  package func quantized(
    _ matrix: WeightMatrix, as name: TensorName, _ format: WeightFormat, _ statistics: Statistics?
  ) throws(OptimizationError) -> (QuantizedMatrix, RoundingRecord) {
    let importances = settings.importances(format, columns: matrix.columns, statistics?.gram)
    guard let statistics, let factor = statistics.factor else {
      let result = try NearestQuantizer(format, importances: importances).quantize(
        matrix, named: name.string, compute)
      let record = RoundingRecord(
        tensor: name, format: format, method: .nearest, isFallback: settings.method != .nearest,
        relativeError: result.relativeError)
      return (result.matrix, record.counting(result.matrix))
    }
    let quantizer = GPTQQuantizer(format, importances: importances, refitRounds: settings.refitRounds)
    let result = try quantizer.quantize(
      matrix, statistics.gram, factor, target: statistics.target, named: name.string, compute)
    let record = RoundingRecord(
      tensor: name, format: format, method: .gptq, relativeError: result.relativeError,
      outputError: result.outputError, damping: factor.damping)
    return (result.matrix, record.counting(result.matrix))
  }
}

extension QuantizationSettings {
  /// The weight of each input in the search for scales; nil when there is no search.
  ///
  /// Scales of a table are always searched for, by the unweighted error unless the recipe says otherwise: with the
  /// largest weight of each group on level −127 the error of a Gaussian matrix is a tenth larger.
  ///
  /// A hundredth of the mean is added to every input, so that inputs that are zero on the text count a little.
  /// Without usable statistics all count the same.
  package func importances(_ format: WeightFormat, columns: Int, _ gram: GramMatrix?) -> [Float]? {
    guard let scaleSearch = scaleSearch ?? (format.scheme.isNonlinear ? .weights : nil) else { return nil }
    let ones = [Float](repeating: 1, count: columns)
    guard scaleSearch == .activations, let diagonal = gram?.diagonal else { return ones }
    let mean = diagonal.reduce(0, +) / Float(columns)
    guard mean.isFinite, mean > 0, diagonal.allSatisfy({ $0 >= 0 }) else { return ones }
    return diagonal.map { $0 / mean + 0.01 }
  }
}
