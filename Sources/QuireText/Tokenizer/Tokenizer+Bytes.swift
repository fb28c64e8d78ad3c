import QuireJSON

extension Tokenizer {
  /// A tokenizer of 256 tokens, one for each byte, for runs without meaningful text. Larger ids decode to nothing.
  package static func bytes() -> Tokenizer {
    let vocabulary = (0..<256).map { byte in
      JSONObject.Member(key: ByteAlphabet.text(of: [UInt8(byte)]), value: .int(byte))
    }
    let file = qwenFile(vocabulary: .object(JSONObject(uniqueMembers: vocabulary)), merges: [])
    do { return try Tokenizer(tokenizer: file) } catch {
      preconditionFailure("a tokenizer of bytes is well formed: \(error)")
    }
  }
}
