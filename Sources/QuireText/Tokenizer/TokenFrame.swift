import QuireJSON

/// Tokens that a tokenizer adds before and after a text that is not a chat, such as one that begins a sequence: the
/// post-processor of kind `TemplateProcessing`. A chat template writes such tokens itself.
struct TokenFrame: Sendable, Equatable {
  var before: [Int32] = []
  var after: [Int32] = []

  /// None.
  init() {}

  /// From `post_processor` of tokenizer.json: a ByteLevel, which changes only offsets, a TemplateProcessing, or a
  /// Sequence of both.
  init(_ json: JSONValue?) throws(TextError) {
    let field = "post_processor"
    guard let json, !json.isNull else { return }
    let isSequence = json["type"] == "Sequence"
    let steps = isSequence ? json["processors"]?.arrayValue ?? [] : [json]
    for (index, step) in steps.enumerated() {
      let name = isSequence ? "\(field).processors[\(index)]" : field
      switch step["type"]?.stringValue {
      case "ByteLevel": break
      case "TemplateProcessing" where self == TokenFrame(): try read(step, name)
      default:
        throw .unsupported(
          field: name + ".type", expected: "ByteLevel or one TemplateProcessing",
          found: step["type"]?.serialized() ?? "nothing")
      }
    }
  }

  /// `single` is a list of added tokens, and of the text, which is its sequence A.
  private mutating func read(_ json: JSONValue, _ name: String) throws(TextError) {
    guard let pieces = json["single"]?.arrayValue else {
      throw .field(
        name: name + ".single", expected: "an array", found: json["single"]?.kindDescription ?? "nothing")
    }
    var hasText = false
    for (index, piece) in pieces.enumerated() {
      let path = "\(name).single[\(index)]"
      if piece["Sequence"]?["id"] == "A" && !hasText {
        hasText = true
        continue
      }
      guard let token = piece["SpecialToken"]?["id"]?.stringValue else {
        throw .unsupported(
          field: path, expected: "a special token or the text once", found: piece.serialized())
      }
      let ids = json["special_tokens"]?[token]?["ids"]?.arrayValue?.map {
        $0.intValue.flatMap(Int32.init(exactly:))
      }
      guard let ids, !ids.isEmpty, !ids.contains(nil) else {
        throw .field(name: "\(name).special_tokens", expected: "ids of \"\(token)\"", found: "none")
      }
      if hasText { after += ids.compactMap(\.self) } else { before += ids.compactMap(\.self) }
    }
    guard hasText else {
      throw .unsupported(field: name + ".single", expected: "the text in it", found: "none")
    }
  }

  /// Throws for an id that is not in the vocabulary.
  func check(vocabularySize: Int) throws(TextError) {
    guard let id = (before + after).first(where: { $0 < 0 || Int($0) >= vocabularySize }) else { return }
    throw .field(
      name: "post_processor", expected: "ids of tokens", found: "\(id)")
  }
}
