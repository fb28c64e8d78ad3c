package import QuireJSON

/// A GGUF file's tokenizer: its tokens and merges, and the contents of tokenizer_config.json. The rest of tokenizer.json
/// is the same for all Qwen2 and Qwen3 tokenizers.
package struct GGUFTokens: Sendable {
  private static let prefix = "tokenizer.ggml."
  private let tokens: [String]
  private let kinds: [GGUFTokenKind]
  /// The number of tokens before the first that byte-pair encoding does not know.
  private let normalCount: Int

  init(_ metadata: GGUFFields) throws(CheckpointError) {
    try Self.check(metadata)
    tokens = try metadata.texts(Self.prefix + "tokens")
    let numbers = try metadata.integers(Self.prefix + "token_type")
    guard numbers.count == tokens.count else {
      throw metadata.wrong(Self.prefix + "token_type", "\(tokens.count) kinds, one for each token,")
    }
    let kinds = numbers.compactMap(GGUFTokenKind.init)
    guard kinds.count == numbers.count, !kinds.contains(.unknown), !kinds.contains(.byte) else {
      throw Self.foreign(
        metadata, "tokens of the kinds 1, 3, 4 and 5", "others", "choose a file made from a Qwen3 checkpoint")
    }
    self.kinds = kinds
    normalCount = kinds.firstIndex { $0 != .normal } ?? kinds.count
    if let index = kinds.lastIndex(of: .normal), index >= normalCount {
      throw Self.foreign(
        metadata, "all normal tokens before the first special one, \(normalCount)",
        "a normal token with the id \(index)", "choose a file made from a Qwen3 checkpoint")
    }
    merges = try metadata.texts(Self.prefix + "merges")
    before = try Self.added("bos", metadata, kinds)
    after = try Self.added("eos", metadata, kinds)
    configuration = try Self.configuration(metadata, tokens)
  }

  /// The tokenizer's algorithm.
  private static func check(_ metadata: GGUFFields) throws(CheckpointError) {
    for (name, expected) in [("model", "gpt2"), ("pre", "qwen2")] {
      let found = try metadata.optionalText(prefix + name)
      guard found == expected else {
        throw foreign(
          metadata, "the tokenizer of Qwen3, \(prefix)\(name) \"\(expected)\",",
          found.map { "\"\($0.prefix(40))\"" } ?? "none", "choose a file made from a Qwen3 checkpoint")
      }
    }
    for name in ["add_sep_token", "add_space_prefix"] {
      if try metadata.optionalBool(prefix + name) ?? false {
        throw foreign(
          metadata, "\(prefix)\(name) false", "true", "choose a file made from a Qwen3 checkpoint")
      }
    }
  }

  /// The token that programs add to each text: bos before it, eos after it. nil for none.
  private static func added(
    _ name: String, _ metadata: GGUFFields, _ kinds: [GGUFTokenKind]
  ) throws(CheckpointError) -> Int? {
    guard try metadata.optionalBool("\(prefix)add_\(name)_token") ?? false else { return nil }
    let key = "\(prefix)\(name)_token_id"
    let id = try metadata.optionalInteger(key, in: 0...Int(Int32.max))
    guard let id, kinds.indices.contains(id), kinds[id] == .control || kinds[id] == .userDefined else {
      throw foreign(
        metadata, "the id of a special token as \(key), because \(prefix)add_\(name)_token is true",
        id.map { "\($0)" } ?? "none", "choose a file made from a Qwen3 checkpoint")
    }
    return id
  }

  private static func foreign(
    _ metadata: GGUFFields, _ expected: String, _ found: String, _ advice: String
  ) -> CheckpointError {
    .foreign(path: metadata.path, expected: expected, found: found, advice: advice)
  }

  /// The number of ids.
  package var count: Int { tokens.count }

  /// About the size of a tokenizer.json with the same contents.
  package var byteCount: Int {
    // bounded: the texts are in memory
    (tokens + merges).reduce(0) { $0 + $1.utf8.count + 16 }
  }

  /// The tokens of byte-pair encoding, in order of id from 0.
  package var vocabulary: ArraySlice<String> { tokens[..<normalCount] }

  /// The other tokens with their ids; whole texts. Ids that are not in use are left out.
  package var added: [(id: Int, text: String, isSpecial: Bool)] {
    (normalCount..<tokens.count).filter { kinds[$0] != .unused }
      .map { ($0, tokens[$0], kinds[$0] == .control) }
  }

  /// The id of the token before each text that is not a chat, and of the one after it.
  package let before: Int?
  package let after: Int?

  /// Pairs of tokens with a space between them, in order of rank.
  package let merges: [String]

  /// The contents of tokenizer_config.json.
  package let configuration: JSONValue

  private static func configuration(_ metadata: GGUFFields, _ tokens: [String]) throws(CheckpointError)
    -> JSONValue
  {
    let addsFirst = try metadata.optionalBool(prefix + "add_bos_token") ?? false
    var members: JSONObject = ["add_bos_token": .bool(addsFirst), "add_prefix_space": false]
    for (key, name) in [("bos", "bos_token"), ("eos", "eos_token"), ("padding", "pad_token")] {
      let id = try metadata.optionalInteger("\(prefix)\(key)_token_id", in: 0...Int(Int32.max))
      members[name] = id.flatMap { tokens.indices.contains($0) ? .string(tokens[$0]) : nil } ?? .null
    }
    if let template = try template(metadata) { members["chat_template"] = template }
    members["tokenizer_class"] = "Qwen2Tokenizer"
    return .object(members)
  }

  /// The default chat template, and those with names, if there are any.
  private static func template(_ metadata: GGUFFields) throws(CheckpointError) -> JSONValue? {
    let key = "tokenizer.chat_template"
    let main = try metadata.optionalText(key)
    guard case .texts(let names)? = metadata["tokenizer.chat_templates"], !names.isEmpty else {
      return main.map { .string($0) }
    }
    var all: [JSONValue] = main.map { [["name": "default", "template": .string($0)]] } ?? []
    for name in names where name != "default" {
      if let text = try metadata.optionalText("\(key).\(name)") {
        all.append(["name": .string(name), "template": .string(text)])
      }
    }
    return all.isEmpty ? nil : .array(all)
  }
}
