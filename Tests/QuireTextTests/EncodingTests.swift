import QuireJSON
import QuireText
import Testing

/// Ids, pieces and normalized text against the reference implementation.
@Suite struct EncodingTests {
  @Test(.enabled(if: ReferenceData.isPresent, "needs ../shared/qwen3-tokenizer"))
  func agreesWithTheReferenceVectors() throws {
    try check(try ReferenceData.json("encode_vectors.json"), ReferenceData.tokenizer, caseCountMin: 580)
  }

  @Test func agreesWithTheDemoGoldens() throws {
    try check(try DemoData.json("encode.json"), DemoData.tokenizer, caseCountMin: 150)
  }

  private func check(_ vectors: JSONValue, _ tokenizer: Tokenizer, caseCountMin: Int) throws {
    let cases = try #require(vectors["cases"]?.arrayValue)
    #expect(cases.count >= caseCountMin)
    for vector in cases {
      let name = vector["id"]?.stringValue ?? "?"
      let text = try #require(vector["utf8_hex"]?.hexBytes)
      let ids = try #require(vector["ids"]?.ids)
      #expect(tokenizer.encode(utf8: text) == ids, "\(name)")
      #expect(tokenizer.encode(String(decoding: text, as: UTF8.self)) == ids, "\(name)")
      let plain = vector["ids_special_as_text"]?.ids ?? ids
      #expect(tokenizer.encode(utf8: text, addedTokens: .specialAsText) == plain, "\(name)")
      if let decoded = vector["decoded"]?.stringValue {
        #expect(tokenizer.decode(ids).elementsEqual(decoded.utf8), "\(name)")
      }
      let normalized = text.withUnsafeBufferPointer { Normalizer().normalized($0) }
      if let expected = vector["nfc_hex"]?.hexBytes { #expect((normalized ?? text) == expected, "\(name)") }
      // Recorded for texts without added tokens only.
      if let pieces = vector["pretokens_hex"]?.arrayValue, vector["ids_special_as_text"]?.isNull != false {
        #expect(self.pieces(of: normalized ?? text) == pieces.map { $0.hexBytes }, "\(name)")
      }
    }
  }

  private func pieces(of text: [UInt8]) -> [[UInt8]] {
    text.withUnsafeBufferPointer { bytes in
      var pieces: [[UInt8]] = []
      var start = 0
      while start < bytes.count {
        let end = SplitPattern().endOfPiece(in: bytes, from: start)
        pieces.append(Array(bytes[start..<end]))
        start = end
      }
      return pieces
    }
  }
}
