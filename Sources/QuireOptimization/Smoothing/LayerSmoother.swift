package import QuireCalibration
import QuireFiles
package import QuireJSON
package import QuireModel
package import QuireTensors

/// Smooths one layer: finds scales at each of its four sites and folds them.
///
/// All four are found on the unchanged layer: folding does not change what the layer computes, and changes a site's
/// activations only by the site's own scales.
package struct LayerSmoother {
  let settings: SmoothingSettings
  /// The formats of the following `quantize` step.
  let quantization: QuantizationSettings
  let formats: TensorFormats
  let headSize: Int
  let compute: Compute

  package init(
    settings: SmoothingSettings, quantization: QuantizationSettings, formats: TensorFormats, headSize: Int,
    compute: Compute
  ) {
    self.settings = settings
    self.quantization = quantization
    self.formats = formats
    self.headSize = headSize
    self.compute = compute
  }

  /// The result of smoothing at one site.
  package struct SiteResult {
    package let site: ActivationSite
    /// AWQ's exponent; nil where no scales were better than none.
    let exponent: Double?
    /// Error of the output, rounded to nearest, as a share of its mean square, with and without the scales; nil for
    /// SmoothQuant, which does not measure it.
    let errors: (smoothed: Double, plain: Double)?
    package let problem: String?
  }

  package func smooth(_ weights: inout LayerWeights, layer: Int, activations: any ActivationStatistics)
    throws(OptimizationError)
    -> [SiteResult]
  {
    var results: [SiteResult] = []
    // Two passes rather than one or four: the MLP's statistics, the widest, are not held together with the
    // attention's.
    for sites in [[ActivationSite.attentionInput, .attentionOutput], [.mlpInput, .mlpOutput]] {
      let active = sites.filter { !matrices(at: $0, layer: layer).isEmpty }
      let grams = try wrapping(
        OptimizationError.calibration, try activations.grams(at: active, of: weights))
      for site in active {
        guard let gram = grams[site] else { continue }
        let (result, scales) = smooth(&weights, at: site, layer: layer, gram)
        if let scales { activations.follow(.divided(by: scales), at: site) }
        results.append(result)
      }
    }
    return results
  }

  /// The matrices at a site that will be quantized, with their formats.
  private func matrices(
    at site: ActivationSite, layer: Int
  ) -> [(tensor: LayerTensor, format: WeightFormat)] {
    site.readers.map { ($0, formats.format(of: .layer(layer, $0))) }.filter { $0.format.scheme != .bf16 }
  }

  /// - Returns: the result, and the divisor of each input; nil when nothing was folded
  private func smooth(
    _ weights: inout LayerWeights, at site: ActivationSite, layer: Int, _ gram: GramMatrix
  ) -> (SiteResult, scales: [Float]?) {
    guard let magnitudes = gram.magnitudes, gram.diagonal.allSatisfy(\.isFinite),
      magnitudes.means.allSatisfy(\.isFinite)
    else {
      return (
        SiteResult(site: site, exponent: nil, errors: nil, problem: "holds a NaN or an infinity"), nil
      )
    }
    let sources = weights.shape.sources(at: site, headSize: headSize, hiddenSize: weights.inputNorm.count)
    let matrices = matrices(at: site, layer: layer)
    let statistics = ColumnStatistics(matrices.map { (weights[$0.tensor], $0.format) }, compute)
    switch settings.method {
    case .smoothQuant(let alpha):
      let scales = weights.foldable(
        SmoothingScales.smoothQuant(
          activations: Self.merged(magnitudes.maxima, sources) { $0.max() ?? 0 },
          weights: Self.merged(statistics.maxima, sources) { $0.max() ?? 0 }, alpha: alpha), at: site)
      weights.fold(scales, at: site, headSize: headSize, compute)
      return (SiteResult(site: site, exponent: nil, errors: nil, problem: nil), sources.map { scales[$0] })
    case .awq:
      let search = RoundingTrial(
        matrices.map { tensor, format in
          (weights[tensor], format, quantization.importances(format, columns: gram.order, gram))
        }, gram: gram, compute: compute)
      let activations = Self.merged(magnitudes.means, sources, Self.mean)
      let shares = Self.merged(statistics.meanShares, sources, Self.mean)
      return awq(&weights, at: site, search, sources) {
        SmoothingScales.awq(activations: activations, weights: shares, exponent: $0)
      }
    }
  }

  /// Tries every exponent, and no scales at all; the first of equals is used.
  private func awq(
    _ weights: inout LayerWeights, at site: ActivationSite, _ trial: RoundingTrial, _ sources: [Int],
    scales: (Double) -> [Float]
  ) -> (SiteResult, scales: [Float]?) {
    let plain = trial.error(scales: nil)
    var best: (error: Double, exponent: Double, scales: [Float])?
    for step in 0..<SmoothingScales.gridCount {
      let exponent = Double(step) / Double(SmoothingScales.gridCount)
      let candidate = weights.foldable(scales(exponent), at: site)
      let error = trial.error(scales: sources.map { candidate[$0] })
      if error < best?.error ?? plain { best = (error, exponent, candidate) }
    }
    // Without scales a norm of a float32 checkpoint is scaled by as little as it takes to be bf16, too.
    let none = weights.foldable([Float](repeating: 1, count: (sources.max() ?? -1) + 1), at: site)
    let folded = best?.scales ?? (none.contains { $0 != 1 } ? none : nil)
    if let folded { weights.fold(folded, at: site, headSize: headSize, compute) }
    let energy = trial.outputEnergy
    func share(_ error: Double) -> Double { energy > 0 ? error / energy : 0 }
    let result = SiteResult(
      site: site, exponent: best?.exponent, errors: (share(best?.error ?? plain), share(plain)), problem: nil)
    return (result, folded.map { folded in sources.map { folded[$0] } })
  }

  /// One value for each channel of the norm or matrix before, from the values of the channels that it produces.
  private static func merged(
    _ values: [Float], _ sources: [Int], _ merge: ([Float]) -> Float
  ) -> [Float] {
    var parts = [[Float]](repeating: [], count: (sources.max() ?? -1) + 1)
    for (channel, source) in sources.enumerated() { parts[source].append(values[channel]) }
    return parts.map(merge)
  }

  private static func mean(_ values: [Float]) -> Float {
    values.reduce(0, +) / Float(max(1, values.count))
  }
}

extension LayerSmoother.SiteResult {
  package var json: JSONValue {
    var object = JSONObject()
    object["site"] = .string(site.rawValue)
    if let errors {
      object["exponent"] = exponent.map { .double($0) } ?? .null
      object["outputError"] = .double(errors.smoothed)
      object["outputErrorUnsmoothed"] = .double(errors.plain)
    }
    return .object(object)
  }
}
