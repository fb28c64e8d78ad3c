extension Tokenizer {
  /// The bytes of the tokens. They are valid UTF-8 when the ids come from text, but may be any bytes when a model
  /// generated them: `String(decoding:as:)` shows invalid UTF-8 as U+FFFD.
  ///
  /// - Parameter skipSpecial: Whether special added tokens (`<|im_end|>`, but not `<think>`) are left out.
  package func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool = false) -> [UInt8] {
    var output: [UInt8] = []
    for id in ids where !(skipSpecial && isSpecial(id)) { output += bytes(of: id) }
    return output
  }
}
