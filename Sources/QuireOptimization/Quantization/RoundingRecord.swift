import QuireCalibration
package import QuireModel
package import QuireTensors

/// The rounding errors of one tensor.
package struct RoundingRecord: Sendable, Equatable, Codable {
  package let tensor: TensorName
  package let format: WeightFormat
  /// How the codes were chosen.
  package let method: QuantizationMethod
  /// Whether the recipe asks for another method, which failed on this tensor's numbers.
  package let isFallback: Bool
  /// Root mean square error relative to the root mean square of the weights.
  package let relativeError: Double
  /// Root mean square error of the matrix's output on the calibration activations, relative to that of the output;
  /// nil for methods without activations.
  package let outputError: Double?
  /// The value that `gptq` added to the diagonal of H, as a share of its mean.
  package let damping: Double?
  /// Scales that were raised to the smallest that every export holds (`representableScale`); nil for none.
  package var raisedScaleCount: Int?

  package init(
    tensor: TensorName, format: WeightFormat, method: QuantizationMethod, isFallback: Bool = false,
    relativeError: Double, outputError: Double? = nil, damping: Double? = nil
  ) {
    self.tensor = tensor
    self.format = format
    self.method = method
    self.isFallback = isFallback
    self.relativeError = relativeError
    self.outputError = outputError
    self.damping = damping
  }
}

extension RoundingRecord {
  /// The same with the count of scales that were raised.
  package func counting(_ matrix: QuantizedMatrix) -> RoundingRecord {
    var result = self
    let count = matrix.smallestScaleCount
    result.raisedScaleCount = count > 0 ? count : nil
    return result
  }
}
