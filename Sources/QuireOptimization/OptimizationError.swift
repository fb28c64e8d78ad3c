import QuireFiles
import QuireModel
package import QuireCalibration
package import QuireTensors

/// Why a method cannot be applied to a layer. Each description is one sentence.
package enum OptimizationError: Error, Sendable {
  /// A group that does not divide the inputs of a matrix.
  case group(tensor: String, columns: Int, group: Int, cause: String)
  /// An override that matches no tensor of this checkpoint.
  case unmatchedOverride(pattern: String)
  /// A weight or an activation that is not a number.
  case notFinite(what: String)
  case calibration(CalibrationError)
  case tensor(TensorError)
}

extension OptimizationError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .group(let tensor, let columns, let group, let cause):
      "group \(group) does not divide the \(columns) inputs of \(tensor)\(cause); "
        + "use a group that does, or an override for this tensor"
    case .unmatchedOverride(let pattern):
      "the override \"\(pattern)\" matches no tensor of this checkpoint; "
        + "write a part of a name such as \"lm_head\" or \"down_proj\", or remove it"
    case .notFinite(let what):
      "\(what) holds a NaN or an infinity; expected finite numbers, so check the checkpoint's files"
    case .calibration(let error): error.description
    case .tensor(let error): error.description
    }
  }
}
