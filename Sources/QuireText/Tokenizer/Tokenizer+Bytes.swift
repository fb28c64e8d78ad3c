import QuireJSON

extension Tokenizer {
  /// A tokenizer of 256 tokens, one for each byte, for runs without meaningful text. Larger ids decode to nothing.
  package static func bytes() -> Tokenizer {
    let vocabulary = (0..<256).map { byte in
      JSONObject.Member(key: ByteAlphabet.text(of: [UInt8(byte)]), value: .int(byte))
    }
    let split: JSONValue = [
      "type": "Split", "pattern": ["Regex": .string(SplitPattern.source)], "behavior": "Isolated",
    ]
    let byteLevel: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false]
    let file: JSONValue = [
      "added_tokens": [], "normalizer": ["type": "NFC"], "decoder": ["type": "ByteLevel"],
      "pre_tokenizer": ["type": "Sequence", "pretokenizers": [split, byteLevel]],
      "model": ["type": "BPE", "vocab": .object(JSONObject(uniqueMembers: vocabulary)), "merges": []],
    ]
    do { return try Tokenizer(tokenizer: file) } catch {
      preconditionFailure("a tokenizer of bytes is well formed: \(error)")
    }
  }
}
