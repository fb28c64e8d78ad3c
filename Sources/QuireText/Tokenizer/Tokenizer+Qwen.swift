import QuireJSON

extension Tokenizer {
  /// An added token with its id.
  typealias NamedToken = (text: String, id: Int)

  /// tokenizer.json with Qwen2's and Qwen3's algorithm, as `transformers` makes it.
  ///
  /// - Parameters:
  ///   - vocabulary: Ids by token.
  ///   - merges: Two tokens with a space between them, in order of rank.
  ///   - addedTokens: Entries of `added_tokens`.
  ///   - before: The token before each text that is not a chat.
  ///   - after: The token after it.
  static func qwenFile(
    vocabulary: JSONValue, merges: [JSONValue], addedTokens: [JSONValue] = [],
    before: NamedToken? = nil, after: NamedToken? = nil
  ) -> JSONValue {
    let bytes: JSONValue = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    ]
    let split: JSONValue = [
      "type": "Split", "pattern": ["Regex": .string(SplitPattern.source)], "behavior": "Isolated",
      "invert": false,
    ]
    return [
      "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(addedTokens),
      "normalizer": ["type": "NFC"],
      "pre_tokenizer": ["type": "Sequence", "pretokenizers": [split, bytes]],
      "post_processor": postProcessor(bytes, before, after), "decoder": bytes,
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": "",
        "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": vocabulary, "merges": .array(merges),
      ],
    ]
  }

  /// An entry of `added_tokens` that matches wherever its text stands.
  static func addedToken(_ id: JSONValue, _ text: String, isSpecial: Bool) -> JSONValue {
    [
      "id": id, "content": .string(text), "single_word": false, "lstrip": false, "rstrip": false,
      "normalized": false, "special": .bool(isSpecial),
    ]
  }

  private static func postProcessor(
    _ bytes: JSONValue, _ before: NamedToken?, _ after: NamedToken?
  ) -> JSONValue {
    if before == nil && after == nil { return bytes }
    var tokens = JSONObject()
    func pieces(_ token: NamedToken?) -> [JSONValue] {
      guard let token else { return [] }
      tokens[token.text] = [
        "id": .string(token.text), "ids": [.int(token.id)], "tokens": [.string(token.text)],
      ]
      return [["SpecialToken": ["id": .string(token.text), "type_id": 0]]]
    }
    let (first, last) = (pieces(before), pieces(after))
    let text: JSONValue = ["Sequence": ["id": "A", "type_id": 0]]
    let second: JSONValue = ["Sequence": ["id": "B", "type_id": 1]]
    let template: JSONValue = [
      "type": "TemplateProcessing", "single": .array(first + [text] + last),
      "pair": .array(first + [text] + last + [second]), "special_tokens": .object(tokens),
    ]
    return ["type": "Sequence", "processors": [bytes, template]]
  }
}
