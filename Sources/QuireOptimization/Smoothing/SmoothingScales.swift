import QuireCalibration
import QuireModel
import Foundation

/// The scales of smoothing: activations are divided and input columns of weights multiplied by them.
package enum SmoothingScales {
  /// Exponents that AWQ tries: 0, 1/20, … 19/20.
  package static let gridCount = 20

  /// AWQ's scales for one exponent: `x̄ʳ / (w̄¹⁻ʳ + 10⁻⁴)`, at least 10⁻⁴, then divided by `√(max·min)`.
  ///
  /// - Parameters:
  ///   - activations: x̄, mean magnitude of each input (k)
  ///   - weights: w̄, mean over the outputs of each input's share in its group's largest weight (k)
  ///   - exponent: r
  package static func awq(activations: [Float], weights: [Float], exponent: Double) -> [Float] {
    normalized(
      zip(activations, weights).map { activation, weight in
        max(pow(Double(activation), exponent) / (pow(Double(weight), 1 - exponent) + 1e-4), 1e-4)
      })
  }

  /// SmoothQuant's scales: `max|X|^α / (2·max|W|)^(1−α)`, at least 10⁻⁵, then divided by `√(max·min)`: a common
  /// factor has no effect except to keep the scales near 1.
  ///
  /// - Parameters:
  ///   - activations: largest magnitude of each input (k)
  ///   - weights: largest magnitude of each input column (k)
  package static func smoothQuant(activations: [Float], weights: [Float], alpha: Double) -> [Float] {
    normalized(
      zip(activations, weights).map { activation, weight in
        let divisor = pow(2 * Double(weight), 1 - alpha)
        return max(divisor > 0 ? pow(Double(activation), alpha) / divisor : 1, 1e-5)
      })
  }

  /// A scale that is not a positive finite number becomes 1: that channel is unchanged.
  private static func normalized(_ scales: [Double]) -> [Float] {
    guard let largest = scales.max(), let smallest = scales.min() else { return [] }
    let middle = (largest * smallest).squareRoot()
    return scales.map {
      let scale = Float($0 / middle)
      return scale.isFinite && scale > 0 ? scale : 1
    }
  }
}
