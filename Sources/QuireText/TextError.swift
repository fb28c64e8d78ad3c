package import QuireJSON

/// Why a tokenizer, a chat or their folder was refused.
package enum TextError: Error, Equatable, Sendable {
  /// A file that is missing or cannot be read.
  case unreadable(path: String, reason: String)
  /// A file that is not JSON.
  case json(path: String, JSONError)
  /// A file of a known other type, with what to do about it.
  case foreign(path: String, found: String, advice: String)
  /// A field of tokenizer.json that has the wrong type or is missing.
  case field(name: String, expected: String, found: String)
  /// A well-formed tokenizer that is not of Qwen2's and Qwen3's kind.
  case unsupported(field: String, expected: String, found: String)
  /// Two entries for one token.
  case duplicateToken(String, first: Int, second: Int)
  /// An id that is too large, or belongs to two tokens.
  case tokenID(Int, problem: String)
  /// A merge that names a token outside the vocabulary, or that is listed twice.
  case merge(rank: Int, problem: String)
  /// A chat message, counted from 0.
  case message(index: Int, expected: String, found: String)
  /// A chat as a whole.
  case chat(expected: String, found: String)
  /// A model with a chat template that cannot be rendered.
  case chatFormat(found: String)
  /// A tokenizer without tokens that the model's chats need.
  case chatTokens([String])
  /// A template that the model does not have, with the names of those that it has.
  case templateName(String, known: [String])
  /// A chat that the model's template does not render.
  case template(TemplateFault)
}

extension TextError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "expected to read \(path), found: \(reason); check that the whole checkpoint is there and readable"
    case .json(let path, let error):
      "expected valid JSON in \(path), found a fault at \(error); download the file again"
    case .foreign(let path, let found, let advice):
      "expected the tokenizer's file at \(path), found \(found); \(advice)"
    case .field(let name, let expected, let found):
      "tokenizer.json: \(name): expected \(expected), found \(found); copy the file from the original checkpoint"
    case .unsupported(let field, let expected, let found):
      "tokenizer.json: \(field): expected \(expected), found \(found); only tokenizers of Qwen2's and Qwen3's form are read"
    case .duplicateToken(let token, let first, let second):
      "tokenizer.json: the token \"\(token)\" has the ids \(first) and \(second); every token must have one"
    case .tokenID(let id, let problem):
      "tokenizer.json: id \(id): \(problem); each id must have at most one token"
    case .merge(let rank, let problem):
      "tokenizer.json: model.merges[\(rank)]: \(problem); copy the file from the original checkpoint"
    case .message(let index, let expected, let found):
      "messages[\(index)]: expected \(expected), found \(found)"
    case .chat(let expected, let found):
      "messages: expected \(expected), found \(found)"
    case .chatFormat(let found):
      "expected a chat template that can be rendered, found \(found); add --chat-format qwen3 to render chats as "
        + "Qwen3 does, or use only raw prompts and completions, and conversions without chats"
    case .chatTokens(let missing):
      "expected the tokens of chats among the tokenizer's added tokens, found no \(missing.joined(separator: " and no ")); copy "
        + "tokenizer.json and tokenizer_config.json from the original checkpoint, or use only raw prompts and completions"
    case .templateName(let name, let known):
      "chat_template: expected the name of one of the model's templates, \(known.joined(separator: ", ")), found "
        + "\(foundTemplate(name)); name one of them or leave it out"
    case .template(let fault): fault.description
    }
  }
}

/// What a request has as a template's name: its beginning, or that it is a template itself.
private func foundTemplate(_ name: String) -> String {
  if name.contains("{") { return "the text of a template" }
  return JSONValue.string(String(String.UnicodeScalarView(name.unicodeScalars.prefix(40)))).serialized()
}
