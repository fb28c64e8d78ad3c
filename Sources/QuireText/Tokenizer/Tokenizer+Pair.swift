import QuireJSON

extension Tokenizer {
  /// tokenizer.json of a checkpoint that has only vocab.json and merges.txt, with Qwen2's and Qwen3's algorithm, as
  /// `transformers` makes it.
  ///
  /// - Parameters:
  ///   - vocabulary: vocab.json: ids by token.
  ///   - merges: merges.txt: two tokens a line in order of rank, after a first line with a version.
  ///   - configuration: tokenizer_config.json, whose `added_tokens_decoder` has the added tokens.
  ///   - added: added_tokens.json: ids by added token, if the configuration lists none.
  static func file(
    vocabulary: JSONValue, merges: String, configuration: JSONValue?, added: JSONValue?
  ) throws(TextError) -> JSONValue {
    var lines: [JSONValue] = []
    for (number, line) in merges.split(whereSeparator: \.isNewline).enumerated() {
      if number == 0 && line.utf8.starts(with: "#version".utf8) { continue }
      lines.append(.string(String(line)))
    }
    return qwenFile(
      vocabulary: vocabulary, merges: lines, addedTokens: try addedTokens(configuration, added))
  }

  private static func addedTokens(
    _ configuration: JSONValue?, _ added: JSONValue?
  ) throws(TextError) -> [JSONValue] {
    var tokens: [JSONValue] = []
    for member in configuration?["added_tokens_decoder"]?.objectValue?.members ?? [] {
      guard let id = Int(member.key), var token = member.value.objectValue else {
        throw .field(
          name: "added_tokens_decoder", expected: "tokens by their ids", found: "\"\(member.key)\"")
      }
      token["id"] = .int(id)
      tokens.append(.object(token))
    }
    if !tokens.isEmpty { return tokens }
    for member in added?.objectValue?.members ?? [] {
      let isSpecial = member.key.utf8.starts(with: "<|".utf8)
      tokens.append(addedToken(member.value, member.key, isSpecial: isSpecial))
    }
    return tokens
  }
}
