import QuireFiles
import QuireModel
package import QuireCalibration
package import QuireTensors

/// Why a method cannot be applied to a layer. Each description is one sentence.
package enum OptimizationError: Error, Sendable {
  /// A group that does not divide the inputs of a matrix.
  case group(tensor: String, columns: Int, group: Int, cause: String)
  /// An override that matches no matrix of this checkpoint.
  case unmatchedOverride(pattern: String)
  /// An override whose pattern cannot be read.
  case pattern(String, NamePatternError)
  /// A weight or an activation that is not a number.
  case notFinite(what: String)
  /// A weight beyond what codes and scales can represent.
  case tooLarge(tensor: String, value: Float, limit: Float)
  case calibration(CalibrationError)
  case tensor(TensorError)
}

extension OptimizationError: CustomStringConvertible {
  private static func shortened(_ pattern: String) -> String {
    pattern.count > 80 ? pattern.prefix(79) + "…" : pattern
  }

  package var description: String {
    switch self {
    case .group(let tensor, let columns, let group, let cause):
      "group \(group) does not divide the \(columns) inputs of \(tensor)\(cause); "
        + "use a group that does, or an override for this tensor"
    case .unmatchedOverride(let pattern):
      "the override \"\(Self.shortened(pattern))\" matches no matrix of this checkpoint, and norms are not rounded; "
        + "write a part of a name such as \"lm_head\" or \"down_proj\", or remove it"
    case .pattern(let pattern, let error):
      "the override \"\(Self.shortened(pattern))\" cannot be read: \(error); recipes/README.md lists what a match may hold"
    case .notFinite(let what):
      "expected finite numbers in \(what), found a NaN or an infinity; check the checkpoint's files"
    case .tooLarge(let tensor, let value, let limit):
      "expected weights of at most \(limit) in the tensor \(tensor), found \(value), which no scale can express; "
        + "keep it in bf16 by an override, or check the checkpoint's files"
    case .calibration(let error): error.description
    case .tensor(let error): error.description
    }
  }
}
