package import QuireCheckpoints
package import QuireJSON
package import QuireModel
package import QuirePacks
package import QuireTensors
package import QuireText

/// Why a recipe was refused or a conversion stopped.
package enum OptimizationError: Error, Sendable {
  case unreadableFile(path: String, purpose: String)
  /// The recipe is not JSON5.
  case malformedRecipe(file: String, reason: JSONError)
  /// The recipe is JSON5, but asks for something unknown.
  case recipe(file: String, line: Int, problem: String)
  /// A group that does not divide the inputs of a matrix.
  case group(tensor: String, columns: Int, group: Int, cause: String)
  /// An override that matches no tensor of this checkpoint.
  case unmatchedOverride(pattern: String)
  /// A removal that leaves no head, or counts that do not fit the layers.
  case removalCounts(found: Int, layers: Int)
  case removesTooMuch(layer: Int, unit: String, asked: Int, largest: Int)
  /// A calibration text that cannot serve.
  case calibration(source: String, problem: String)
  /// A file of statistics that cannot serve.
  case statistics(path: String, problem: String)
  /// A limit that the choices cannot meet.
  case budget(String)
  /// A weight or an activation that is not a number.
  case notFinite(what: String)
  /// A file for what does not fit into memory cannot be written or read.
  case scratch(path: String, reason: String)
  case checkpoint(CheckpointError)
  case model(ModelError)
  case pack(PackError)
  case text(TextError)
  case tensor(TensorError)
}

extension OptimizationError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadableFile(let path, let purpose):
      "cannot read \(purpose) \(path); check that the file exists and may be read"
    case .malformedRecipe(let file, let reason):
      "\(file), \(reason)"
    case .recipe(let file, let line, let problem):
      "\(file), line \(line): \(problem)"
    case .group(let tensor, let columns, let group, let cause):
      "group \(group) does not divide the \(columns) inputs of \(tensor)\(cause); "
        + "use a group that does, or an override for this tensor"
    case .unmatchedOverride(let pattern):
      "the override \"\(pattern)\" matches no tensor of this checkpoint; "
        + "write a part of a name such as \"lm_head\" or \"down_proj\", or remove it"
    case .removalCounts(let found, let layers):
      "\"remove\" has \(found) counts, but the checkpoint has \(layers) layers; "
        + "write one count per layer, or one integer for all"
    case .removesTooMuch(let layer, let unit, let asked, let largest):
      "\"remove\" asks for \(asked) of unit \"\(unit)\" in layer \(layer), but a "
        + "\(unit == NeuronPruning.unit ? "group" : "head") must stay; "
        + "expected at most \(largest)"
    case .calibration(let source, let problem):
      "the calibration text \(source) \(problem)"
    case .statistics(let path, let problem): "the statistics file \(path) \(problem)"
    case .budget(let sentence): sentence
    case .notFinite(let what):
      "\(what) holds a NaN or an infinity; expected finite numbers, so check the checkpoint's files"
    case .scratch(let path, let reason):
      "expected to write \(path), found: \(reason); make room or choose another place and run again"
    case .checkpoint(let error): error.description
    case .model(let error): error.description
    case .pack(let error): error.description
    case .text(let error): error.description
    case .tensor(let error): error.description
    }
  }
}

/// The value of `body`; an error of another module becomes one of this module's by `wrap`.
///
///     let layer = try wrapping(OptimizationError.model, try loader.layer(0))
func wrapping<Value, Failure: Error>(
  _ wrap: (Failure) -> OptimizationError, _ body: @autoclosure () throws(Failure) -> Value
) throws(OptimizationError) -> Value {
  do throws(Failure) {
    return try body()
  } catch {
    throw wrap(error)
  }
}
