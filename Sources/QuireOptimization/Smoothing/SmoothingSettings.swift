import QuireCalibration
import QuireModel

/// `{ step: "smooth", … }`: moves magnitude from activations into weights, channel by channel, before rounding.
///
/// Every scale is folded into the norm or matrix before it, so the graph and its function stay the same; only the
/// rounding error of the weights changes. Scales before a norm are chosen so that the norm stays bf16.
package struct SmoothingSettings: Sendable, Equatable {
  package var method: SmoothingMethod

  package init(method: SmoothingMethod) {
    self.method = method
  }
}

/// How the scale of each channel is found.
package enum SmoothingMethod: Sendable, Equatable {
  /// The exponent of 20 candidates with the least output error when the weights are rounded in the format of the
  /// following `quantize` step (AWQ, arXiv 2306.00978).
  case awq
  /// Half of the magnitude, or the share alpha of it, moves from activations to weights (SmoothQuant, arXiv
  /// 2211.10438).
  case smoothQuant(alpha: Double)

  /// The method's name in recipes.
  package var name: String {
    switch self {
    case .awq: "awq"
    case .smoothQuant: "smoothquant"
    }
  }

  package static let names = ["awq", "smoothquant"]
  package static let standardAlpha = 0.5
}
