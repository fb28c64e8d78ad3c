import QuireFiles
package import QuireCalibration
package import QuireCheckpoints
package import QuireJSON
package import QuireModel
package import QuireOptimization
package import QuirePacks
package import QuireText

/// Why a recipe was refused or a conversion stopped.
package enum ConversionError: Error, Sendable {
  case unreadableFile(path: String, purpose: String)
  case folderForFile(path: String, purpose: String)
  /// The recipe is not JSON5.
  case malformedRecipe(file: String, reason: JSONError)
  /// The recipe is JSON5, but asks for something unknown.
  case recipe(file: String, line: Int, problem: String)
  /// A removal that leaves no head, or counts that do not fit the layers.
  case removalCounts(found: Int, layers: Int)
  case removesTooMuch(layer: Int, unit: String, asked: Int, largest: Int)
  case removesTooLargeShare(unit: String, asked: Double, largest: Double)
  /// A limit that is too small for the given choices.
  case budget(String)
  /// A rotation that the model or the recipe's other parts do not permit.
  case rotation(String)
  /// A temporary file for data that does not fit into memory cannot be written or read.
  case scratch(path: String, reason: String)
  /// The checkpoint's files are not those that the conversion began with.
  case checkpointChanged(folder: String)
  case calibration(CalibrationError)
  case optimization(OptimizationError)
  case checkpoint(CheckpointError)
  case model(ModelError)
  case pack(PackError)
  case text(TextError)
}

extension ConversionError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadableFile(let path, let purpose):
      "cannot read \(purpose) \(path); check that the file exists and may be read"
    case .folderForFile(let path, let purpose):
      "expected a file that holds \(purpose), found the folder \(path); give the path of the file"
    case .malformedRecipe(let file, let reason):
      "\(file), \(reason)"
    case .recipe(let file, let line, let problem):
      "\(file), line \(line): \(problem)"
    case .removalCounts(let found, let layers):
      "\"remove\" has \(found) counts, but the checkpoint has \(layers) layers; "
        + "write one count per layer, or one integer for all"
    case .removesTooMuch(let layer, let unit, let asked, let largest):
      "\"remove\" asks for \(asked) of unit \"\(unit)\" in layer \(layer), but a "
        + "\(unit == NeuronPruning.unit ? "group" : "head") must stay; "
        + "expected at most \(largest)"
    case .budget(let sentence), .rotation(let sentence): sentence
    case .removesTooLargeShare(let unit, let asked, let largest):
      "\"removeShare\" asks for \(asked) of all units \"\(unit)\", but a "
        + "\(unit == NeuronPruning.unit ? "group" : "head") must stay in every layer; expected at most \(largest)"
    case .scratch(let path, let reason):
      "expected to write \(path), found: \(reason)"
    case .checkpointChanged(let folder):
      "expected the files of \(folder) as they were when the conversion began, found that they have changed since; "
        + "run it again with --force"
    case .calibration(let error): error.description
    case .optimization(let error): error.description
    case .checkpoint(let error): error.description
    case .model(let error): error.description
    case .pack(let error): error.description
    case .text(let error): error.description
    }
  }
}
