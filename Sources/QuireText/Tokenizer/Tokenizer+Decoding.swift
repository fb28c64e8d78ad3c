extension Tokenizer {
  /// The bytes that ids stand for. They are valid UTF-8 when the ids came from text, and can be anything when a
  /// model made them: `String(decoding:as:)` shows what is not UTF-8 as U+FFFD.
  ///
  /// - Parameter skipSpecial: Whether special added tokens (`<|im_end|>`, but not `<think>`) are left out.
  package func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool = false) -> [UInt8] {
    var output: [UInt8] = []
    for id in ids where !(skipSpecial && isSpecial(id)) { output += bytes(of: id) }
    return output
  }
}
