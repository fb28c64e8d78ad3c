import QuireFiles
import QuireModelFiles

/// Why an evaluation cannot be done. Every description is one sentence.
package enum EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A file that cannot be opened or is not UTF-8 text. `purpose` says what it was needed for.
  case unreadableFile(path: String, purpose: String, found: String)
  /// A line of a task file that is not a problem. Lines count from 1.
  case malformedTask(file: String, line: Int, expected: String, found: String)
  /// A file that contains nothing to measure.
  case emptyFile(path: String, expected: String)
  /// Neither tasks nor text: the report would hold nothing but sizes.
  case nothingToMeasure(model: String)
  /// None of the asked techniques of an ablation can be switched for the model.
  case nothingToCompare(model: String, reasons: [String])
  /// An option that is out of range, contradicts another, is missing or does not fit the model: wrong usage.
  case invalidOption(name: String, sentence: String)
  /// A file or folder, or what it holds, that cannot be used; the sentence names it.
  case unusableFile(String)
  /// A reference that cannot be compared with the model token by token.
  case mismatchedReference(
    reference: String, role: String = "the reference of", model: String, difference: String)
  /// A model that could not be opened or loaded; the sentence is the reader's.
  case model(String)
  /// The logits of a model overflow or are not numbers.
  case notFinite(isReference: Bool)
  /// A file that should have been written by an evaluation.
  case malformedReport(path: String, found: String)
  /// A recipe that could not be applied; the sentence is the converter's.
  case conversion(String)
  /// The engine refused or failed; the sentence is the engine's.
  case generation(String)
  /// A server that cannot be used; the sentence is the client's.
  case server(String)

  /// Whether the options are wrong, and no file or machine is.
  package var isUsage: Bool {
    switch self {
    case .invalidOption, .nothingToMeasure, .nothingToCompare: true
    default: false
    }
  }

  package var description: String {
    switch self {
    case .unreadableFile(let path, let purpose, let found):
      "expected \(purpose) in \(path), found \(found); give the path of a readable UTF-8 text file"
    case .malformedTask(let file, let line, let expected, let found):
      "\(file), line \(line): expected \(expected), found \(found); correct or remove the line"
    case .emptyFile(let path, let expected):
      "expected \(expected) in \(path), found none; give a file that has some"
    case .nothingToMeasure(let model):
      "there is neither a task file nor a text to measure \(model) with, and none in its folder; "
        + "give one with --tasks or --text, or leave out one of --no-tasks and --no-text, or add --sensitivity"
    case .nothingToCompare(let model, let reasons):
      "expected a technique that can be switched for \(model), found none: \(reasons.joined(separator: "; ")); name others"
    case .invalidOption(_, let sentence), .unusableFile(let sentence):
      sentence
    case .mismatchedReference(let reference, let role, let model, let difference):
      "\(reference) cannot be \(role) \(model): \(difference); "
        + "give the checkpoint that the model was made from"
    case .notFinite(let isReference):
      "expected finite logits from the \(isReference ? "reference" : "model") on the text, found a NaN or an infinity; "
        + "its weights are damaged or too large, so there is nothing to score"
    case .malformedReport(let path, let found):
      "expected a report of an evaluation at \(path), found \(found); give the file that `quire evaluate --json` writes"
    case .model(let sentence), .conversion(let sentence), .generation(let sentence), .server(let sentence):
      sentence
    }
  }
}

extension EvaluationError {
  /// The bytes of a text file, without a byte order mark.
  static func text(path: String, purpose: String) throws(EvaluationError) -> [UInt8] {
    do throws(TextProblem) { return try TextFile.bytes(path: path) } catch {
      throw .unreadableFile(path: path, purpose: purpose, found: error.description)
    }
  }
}

/// The value of `body`; an error in a model's files becomes an evaluation error.
func opening<Value>(_ body: () throws(ModelFileError) -> Value) throws(EvaluationError) -> Value {
  do throws(ModelFileError) {
    return try body()
  } catch {
    throw .model(error.description)
  }
}
