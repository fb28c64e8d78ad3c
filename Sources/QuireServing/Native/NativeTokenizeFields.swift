import QuireJSON
import QuireText

/// llama-server's fields of `/tokenize`: `content` instead of `prompt`.
struct NativeTokenizeFields {
  static let names = ["add_special", "parse_special", "with_pieces"]

  private let content: String
  /// Whether special tokens spelled out in the text count as such.
  private let recognizesSpecial: Bool
  private let includesPieces: Bool

  /// - Parameter reader: Has `content`.
  init(_ reader: FieldReader) throws(ServingError) {
    content = try reader.string("content") ?? ""
    // Qwen3's tokenizer adds no tokens before or after a text.
    _ = try reader.bool("add_special")
    recognizesSpecial = try reader.bool("parse_special") ?? true
    includesPieces = try reader.bool("with_pieces") ?? false
  }

  func answer(_ service: Service) throws(ServingError) -> JSONValue {
    try service.textLimit.check(content.utf8.count, field: "content")
    let tokenizer = service.tokenizer
    let ids = tokenizer.encode(content, addedTokens: recognizesSpecial ? .recognized : .specialAsText)
    let tokens = ids.map { includesPieces ? piece($0, tokenizer.bytes(of: $0)) : .int($0) }
    return [
      "tokens": .array(tokens), "count": .int(ids.count),
      "max_model_len": .int(service.generator.contextLength),
    ]
  }

  /// A token with its text, or with its bytes if they are not whole characters.
  private func piece(_ id: Int32, _ bytes: ArraySlice<UInt8>) -> JSONValue {
    let text = String(validating: bytes, as: UTF8.self)
    return [
      "id": .int(id), "piece": text.map { .string($0) } ?? .array(bytes.map { .int($0) }),
    ]
  }
}
