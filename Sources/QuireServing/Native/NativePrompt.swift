import QuireJSON
import QuireText

/// A prompt of `/completion`: texts and token ids in any order.
struct NativePrompt: Sendable, Equatable {
  let parts: [CompletionRequest.Prompt]

  /// Each text becomes tokens by itself. Special tokens spelled out in it count as such.
  func tokens(_ tokenizer: Tokenizer) -> [Int32] { parts.flatMap { $0.tokens(tokenizer) } }

  var textByteCount: Int { parts.reduce(0) { $0 + $1.textByteCount } }
}

extension NativePrompt {
  private static let name = "prompt"
  private static let expected =
    "a text, an array of token ids and texts, an object with 'prompt_string', or an array of prompts"

  /// The prompts of a request. An array is one prompt if a number is among its elements and neither an array nor an
  /// object; otherwise each element is a prompt.
  static func read(_ reader: FieldReader, vocabularySize: Int) throws(ServingError) -> [NativePrompt] {
    guard let value = reader.value(name) else {
      throw .rejected(
        .badField(name, "\(name): expected a text or an array of token ids, found none; send one"))
    }
    guard let elements = value.arrayValue else {
      return [try prompt(value, name, reader, vocabularySize)]
    }
    guard !elements.isEmpty else {
      throw reader.wrong(name, expected: expected, found: value, advice: .correct)
    }
    let isOne =
      elements.contains { $0.numberValue != nil }
      && !elements.contains { $0.arrayValue != nil || $0.objectValue != nil }
    if isOne { return [try prompt(value, name, reader, vocabularySize)] }
    var prompts: [NativePrompt] = []
    for (index, element) in elements.enumerated() {
      prompts.append(try prompt(element, "\(name)[\(index)]", reader, vocabularySize))
    }
    return prompts
  }

  private static func prompt(
    _ value: JSONValue, _ path: String, _ reader: FieldReader, _ vocabularySize: Int
  ) throws(ServingError) -> NativePrompt {
    if let text = value.stringValue { return NativePrompt(parts: [.text(text)]) }
    if let object = value.objectValue { return try prompt(FieldReader(object, prefix: "\(path).")) }
    guard let elements = value.arrayValue else {
      throw reader.wrong(path, expected: expected, found: value, advice: .correct)
    }
    var parts: [CompletionRequest.Prompt] = []
    var ids: [Int32] = []
    for (index, element) in elements.enumerated() {
      if let text = element.stringValue {
        if !ids.isEmpty { parts.append(.tokens(ids)) }
        ids = []
        parts.append(.text(text))
      } else if let id = FieldReader.tokenID(element, vocabularySize: vocabularySize) {
        ids.append(id)
      } else {
        throw reader.wrong(
          "\(path)[\(index)]", expected: "a token id from 0 to \(vocabularySize - 1) or a text",
          found: element,
          advice: .correct)
      }
    }
    if !ids.isEmpty { parts.append(.tokens(ids)) }
    return NativePrompt(parts: parts)
  }

  /// An object with a text; images and sounds in it are refused.
  private static func prompt(_ members: FieldReader) throws(ServingError) -> NativePrompt {
    guard let text = try members.string("prompt_string") else {
      let path = members.prefix + "prompt_string"
      throw .rejected(.badField(path, "\(path): expected a text, found none; send one"))
    }
    try members.require("multimodal_data", isOneOf: [[]], because: "prompts are text or token ids")
    return NativePrompt(parts: [.text(text)])
  }
}
