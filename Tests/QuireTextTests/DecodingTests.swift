import QuireJSON
import QuireText
import Testing

@Suite struct DecodingTests {
  @Test(.enabled(if: ReferenceData.isPresent, "needs ../shared/qwen3-tokenizer"))
  func agreesWithTheReferenceVectors() throws {
    let vectors = try ReferenceData.json("decode_vectors.json")
    try check(vectors, ReferenceData.tokenizer, caseCountMin: 92)
    for padding in try #require(vectors["padding_ids"]?.arrayValue) {
      let id = Int32(try #require(padding["id"]?.intValue))
      #expect(ReferenceData.tokenizer.decode([id]).isEmpty)
    }
    let byteIDs = try #require(vectors["byte_token_ids"]?.ids)
    for (byte, id) in byteIDs.enumerated() {
      #expect(Array(ReferenceData.tokenizer.bytes(of: id)) == [UInt8(byte)])
    }
  }

  @Test func agreesWithTheDemoGoldens() throws {
    try check(try DemoData.json("decode.json"), DemoData.tokenizer, caseCountMin: 60)
  }

  private func check(_ vectors: JSONValue, _ tokenizer: Tokenizer, caseCountMin: Int) throws {
    let cases = try #require(vectors["cases"]?.arrayValue)
    #expect(cases.count >= caseCountMin)
    for vector in cases {
      let name = vector["id"]?.stringValue ?? "?"
      let ids = try #require(vector["ids"]?.ids)
      let bytes = tokenizer.decode(ids)
      #expect(bytes == vector["bytes_hex"]?.hexBytes, "\(name)")
      #expect(String(decoding: bytes, as: UTF8.self) == vector["text"]?.stringValue, "\(name)")
      let rest = String(decoding: tokenizer.decode(ids, skipSpecial: true), as: UTF8.self)
      #expect(rest == vector["text_skip_special"]?.stringValue, "\(name)")
      try checkStream(vector["stream_deltas"], ids, skipSpecial: false, tokenizer, name)
      try checkStream(vector["stream_deltas_skip_special"], ids, skipSpecial: true, tokenizer, name)
    }
  }

  /// Deltas are the reference's, except that a U+FFFD the model wrote is not held back, and that the rest comes out at
  /// the end.
  private func checkStream(
    _ deltas: JSONValue?, _ ids: [Int32], skipSpecial: Bool, _ tokenizer: Tokenizer, _ name: String
  ) throws {
    let expected = try #require(deltas?.arrayValue)
    var decoder = IncrementalDecoder(tokenizer, skipSpecial: skipSpecial)
    var text = ""
    for (id, delta) in zip(ids, expected) {
      let found = decoder.append(id)
      if !found.unicodeScalars.contains("\u{FFFD}") || delta.stringValue != nil {
        #expect(found == delta.stringValue ?? "", "\(name)")
      }
      text += found
    }
    text += decoder.finish()
    // The beginning of a character that never ends is given by neither.
    var whole = tokenizer.decode(ids, skipSpecial: skipSpecial)[...]
    while String(decoding: whole, as: UTF8.self).utf8.count > text.utf8.count { whole.removeLast() }
    #expect(text == String(decoding: whole, as: UTF8.self), "\(name)")
  }

  /// A limit on tokens can cut a character; bytes that are none are still shown.
  @Test(
    arguments: [
      ([0xE2, 0x82, 0xAC], "€"), ([0xE2, 0x82], ""), ([0xE2], ""), ([0xC3], ""), ([0xF0, 0x9F, 0x98], ""),
      ([0xF0, 0x9F], ""), ([0xF4, 0x8F, 0xBF], ""), ([0xED, 0x9F], ""), ([0xE0, 0xA0], ""),
      ([0x61, 0xE2, 0x82], "a"), ([0x80], "\u{FFFD}"), ([0xFF], "\u{FFFD}"), ([0xC0], "\u{FFFD}"),
      ([0xFF, 0xE2, 0x82], "\u{FFFD}"), ([0xED, 0xA0], "\u{FFFD}\u{FFFD}"),
      ([0xF5, 0x80], "\u{FFFD}\u{FFFD}"),
      ([0xE2, 0x82, 0xE2], "\u{FFFD}"),
    ] as [([UInt8], String)])
  func endsInsideACharacter(bytes: [UInt8], text: String) throws {
    let tokenizer = DemoData.tokenizer
    var decoder = IncrementalDecoder(tokenizer)
    var found = ""
    for byte in bytes {
      let id = try #require(
        (0..<Int32(tokenizer.vocabularySize)).first { Array(tokenizer.bytes(of: $0)) == [byte] })
      found += decoder.append(id)
    }
    #expect(found + decoder.finish() == text)
    #expect(decoder.finish() == "")
  }

  @Test func aWrittenReplacementCharacterIsNotHeldBack() {
    let tokenizer = DemoData.tokenizer
    let ids = tokenizer.encode("\u{FFFD}")
    #expect(ids.count == 3)
    var decoder = IncrementalDecoder(tokenizer)
    #expect(decoder.append(ids[0]) == "")
    #expect(decoder.append(ids[1]) == "")
    #expect(decoder.append(ids[2]) == "\u{FFFD}")
    #expect(decoder.finish() == "")
  }

  @Test func idsOfNoTokenDecodeToNothing() {
    let tokenizer = DemoData.tokenizer
    let beyond = Int32(tokenizer.vocabularySize)
    #expect(tokenizer.decode([beyond, .max, -1, .min]).isEmpty)
    var decoder = IncrementalDecoder(tokenizer)
    #expect(decoder.append(beyond) == "")
    #expect(decoder.finish() == "")
  }
}
