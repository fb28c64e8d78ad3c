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
    let bytes: JSONValue = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    ]
    let split: JSONValue = [
      "type": "Split", "pattern": ["Regex": .string(SplitPattern.source)], "behavior": "Isolated",
      "invert": false,
    ]
    return [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": .array(try addedTokens(configuration, added)), "normalizer": ["type": "NFC"],
      "pre_tokenizer": ["type": "Sequence", "pretokenizers": [split, bytes]], "post_processor": bytes,
      "decoder": bytes,
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": "",
        "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": vocabulary, "merges": .array(lines),
      ],
    ]
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
      tokens.append([
        "id": member.value, "content": .string(member.key), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": .bool(member.key.utf8.starts(with: "<|".utf8)),
      ])
    }
    return tokens
  }
}
