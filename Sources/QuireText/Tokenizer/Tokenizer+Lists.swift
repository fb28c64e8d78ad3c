package import QuireJSON

extension Tokenizer {
  /// From the lists that a GGUF file has.
  ///
  /// - Parameters:
  ///   - vocabulary: tokens of byte-pair encoding in the byte-level alphabet, in order of id from 0
  ///   - added: the other tokens; ids that are not in use are left out
  ///   - merges: two tokens with a space between them, in order of rank
  ///   - configuration: the contents of tokenizer_config.json
  package convenience init(
    vocabulary: some Sequence<String>, added: [(id: Int, text: String, isSpecial: Bool)], merges: [String],
    configuration: JSONValue, chatFormat: ChatFormatOverride? = nil
  ) throws(TextError) {
    var members = JSONObject()
    for (id, token) in vocabulary.enumerated() where !members.appendIfNew(token, .int(id)) {
      throw .duplicateToken(token, first: members[token]?.intValue ?? 0, second: id)
    }
    // Ids that do not follow the vocabulary and each other are kept by listing the tokens there.
    let count = members.members.count
    let hasGaps = added.enumerated().contains { $0.element.id != count + $0.offset }
    for token in hasGaps ? added : [] where !members.appendIfNew(token.text, .int(token.id)) {
      throw .duplicateToken(token.text, first: members[token.text]?.intValue ?? 0, second: token.id)
    }
    let bytes: JSONValue = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    ]
    let split: JSONValue = [
      "type": "Split", "pattern": ["Regex": .string(SplitPattern.source)], "behavior": "Isolated",
      "invert": false,
    ]
    let file: JSONValue = [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": .array(added.map(Self.entry)), "normalizer": ["type": "NFC"],
      "pre_tokenizer": ["type": "Sequence", "pretokenizers": [split, bytes]], "post_processor": bytes,
      "decoder": bytes,
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": "",
        "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": .object(members), "merges": .array(merges.map { .string($0) }),
      ],
    ]
    try self.init(tokenizer: file, configuration: configuration, chatFormat: chatFormat)
  }

  private static func entry(_ token: (id: Int, text: String, isSpecial: Bool)) -> JSONValue {
    [
      "id": .int(token.id), "content": .string(token.text), "single_word": false, "lstrip": false,
      "rstrip": false, "normalized": false, "special": .bool(token.isSpecial),
    ]
  }
}
