import QuireCalibration
import QuireModel
import Foundation

/// The scales of smoothing: activations are divided and input columns of weights multiplied by them.
package enum SmoothingScales {
  /// Exponents that AWQ tries: 0, 1/20, … 19/20.
  package static let gridCount = 20

  /// AWQ's scales for one exponent: `x̄ʳ / (w̄¹⁻ʳ + 10⁻⁴)`, at least 10⁻⁴, then divided by `√(max·min)`. A channel without
  /// activations or weights keeps its scale of 1.
  ///
  /// - Parameters:
  ///   - activations: x̄, mean magnitude of each input (k)
  ///   - weights: w̄, mean over the outputs of each input's share in its group's largest weight (k)
  ///   - exponent: r
  package static func awq(activations: [Float], weights: [Float], exponent: Double) -> [Float] {
    normalized(activations, weights, least: 1e-4) { activation, weight in
      pow(activation, exponent) / (pow(weight, 1 - exponent) + 1e-4)
    }
  }

  /// SmoothQuant's scales: `max|X|^α / (2·max|W|)^(1−α)`, at least 10⁻⁵, then divided by `√(max·min)`, which
  /// keeps the scales near 1. A channel without activations or weights keeps its scale of 1.
  ///
  /// - Parameters:
  ///   - activations: largest magnitude of each input (k)
  ///   - weights: largest magnitude of each input column (k)
  package static func smoothQuant(activations: [Float], weights: [Float], alpha: Double) -> [Float] {
    normalized(activations, weights, least: 1e-5) { activation, weight in
      pow(activation, alpha) / pow(2 * weight, 1 - alpha)
    }
  }

  /// The scales of channels, divided by the middle of their range. A scale that is not a positive finite number becomes 1.
  ///
  /// Channels that say nothing do not count for the middle: those that are zero, as where a model was padded, and those
  /// whose scale is at the lower limit. Their scales lie far from all others, and with them the rows of the matrix before,
  /// which are divided by the scales, would become so small that their quantization loses them.
  private static func normalized(
    _ activations: [Float], _ weights: [Float], least: Double, _ scale: (Double, Double) -> Double
  ) -> [Float] {
    let scales: [Double?] = zip(activations, weights).map { activation, weight in
      activation > 0 && weight > 0 ? max(scale(Double(activation), Double(weight)), least) : nil
    }
    let live = scales.compactMap(\.self)
    let above = live.filter { $0 > least }
    let counted = above.isEmpty ? live : above
    guard let largest = counted.max(), let smallest = counted.min() else { return scales.map { _ in 1 } }
    let middle = (largest * smallest).squareRoot()
    return scales.map {
      let scale = Float(($0 ?? middle) / middle)
      return scale.isFinite && scale > 0 ? scale : 1
    }
  }
}
