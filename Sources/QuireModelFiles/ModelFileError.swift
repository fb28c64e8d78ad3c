/// Why a path is not a model, or a model cannot be read. Every description is one sentence.
package enum ModelFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Nothing exists at the path. `advice` says what to do instead.
  case notFound(path: String, advice: String)
  /// The path is not a model.
  case foreign(path: String, found: String, advice: String)
  /// A pack where a command needs a checkpoint, or the other way round.
  case wrongKind(path: String, expected: String, found: String, advice: String)
  /// A pack lacks a part.
  case incomplete(path: String, lacks: String)
  /// The model has no such tensor.
  case noTensor(path: String, name: String)
  /// The tokenizer has ids that the model does not have.
  case tokenizer(path: String, tokens: Int, rows: Int)
  /// The weights do not fit into memory.
  case memory(path: String, needed: String, available: String)
  /// The model could not be read; the sentence is the reader's.
  case unreadable(String)

  package var description: String {
    switch self {
    case .notFound(let path, let advice):
      "expected a checkpoint folder, a GGUF file or a .quire pack at \(path), found nothing; \(advice)"
    case .foreign(let path, let found, let advice):
      "expected a checkpoint folder, a GGUF file or a .quire pack at \(path), found \(found); \(advice)"
    case .wrongKind(let path, let expected, let found, let advice):
      "expected \(expected) at \(path), found \(found); \(advice)"
    case .incomplete(let path, let lacks):
      "expected \(lacks) in the pack \(path), found none; convert the checkpoint again"
    case .noTensor(let path, let name):
      "expected a tensor of the model \(path), found \"\(name.prefix(200))\"; `quire inspect` lists its tensors"
    case .tokenizer(let path, let tokens, let rows):
      "expected at most \(rows) tokens, as the model has, in the tokenizer of \(path), found \(tokens); "
        + "give a model and a tokenizer that belong together"
    case .memory(let path, let needed, let available):
      "expected \(needed) of free memory for the weights of \(path), found \(available); "
        + "convert the checkpoint to a smaller pack, or free memory"
    case .unreadable(let sentence):
      sentence
    }
  }
}

/// Turns another module's error into its sentence.
func reading<Value, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Value
) throws(ModelFileError) -> Value {
  do throws(Failure) {
    return try body()
  } catch {
    throw .unreadable(error.description)
  }
}
