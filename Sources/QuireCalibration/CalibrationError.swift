import QuireFiles
package import QuireCheckpoints
package import QuireModel
package import QuireText

/// Why calibration text or statistics cannot be used. Each description is one sentence.
package enum CalibrationError: Error, Sendable {
  case unreadableFile(path: String, purpose: String)
  case folderForFile(path: String, purpose: String)
  /// A calibration text that cannot be used.
  case text(source: String, problem: String)
  /// A statistics file that cannot be used.
  case statistics(path: String, problem: String)
  /// An activation that is not a number.
  case notFinite(what: String)
  /// A file for hidden states that do not fit into memory cannot be written or read.
  case scratch(path: String, reason: String)
  case checkpoint(CheckpointError)
  case model(ModelError)
  case tokenizer(TextError)
}

extension CalibrationError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadableFile(let path, let purpose):
      "cannot read \(purpose) \(path); check that the file exists and may be read"
    case .folderForFile(let path, let purpose):
      "expected a file that holds \(purpose), found the folder \(path); give the path of the file"
    case .text(let source, let problem): "the calibration text \(source) \(problem)"
    case .statistics(let path, let problem): "the statistics file \(path) \(problem)"
    case .notFinite(let what):
      "expected finite numbers in \(what), found a NaN or an infinity; check the checkpoint's files"
    case .scratch(let path, let reason):
      "expected to write \(path), found: \(reason)"
    case .checkpoint(let error): error.description
    case .model(let error): error.description
    case .tokenizer(let error): error.description
    }
  }
}

extension CalibrationError {
  init(_ failure: HiddenStates.Failure) { self = .scratch(path: failure.path, reason: failure.reason) }
}
