import QuireJSON
import QuireText
import Testing

/// The class of every code point, as it shows in how text is split.
@Suite(.enabled(if: ReferenceData.isPresent, "needs ../shared/qwen3-tokenizer"))
struct CharacterClassTests {
  @Test func everyCodePointHasTheReferencesClass() throws {
    let ranges = try #require(try ReferenceData.json("codepoint_classes.json")["ranges"]?.objectValue)
    var classes = [String](repeating: "O", count: 0x110000)
    for member in ranges.members {
      for range in try #require(member.value.arrayValue) {
        let first = try #require(range[0]?.intValue)
        let last = try #require(range[1]?.intValue)
        for code in first...last { classes[code] = member.key }
      }
    }
    var wrong: [Int] = []
    for (code, expected) in classes.enumerated() where expected != "-" {
      guard let scalar = Unicode.Scalar(UInt32(code)) else { continue }
      if observedClass(of: scalar) != expected { wrong.append(code) }
    }
    #expect(wrong == [])
  }

  /// How many pieces a character makes with a neighbor tells its class: only a letter joins a letter before it;
  /// symbols join each other, and take line ends behind them; white space joins a letter behind it, a number nothing.
  private func observedClass(of scalar: Unicode.Scalar) -> String {
    if pieceCount("x\(scalar)") == 1 { return "L" }
    if pieceCount("!\(scalar)") == 1 { return pieceCount("\(scalar)!") == 1 ? "O" : "R" }
    return pieceCount("\(scalar)x") == 1 ? "S" : "N"
  }

  private func pieceCount(_ text: String) -> Int {
    var text = text
    return text.withUTF8 { bytes in
      var count = 0
      var start = 0
      while start < bytes.count {
        start = SplitPattern().endOfPiece(in: bytes, from: start)
        count += 1
      }
      return count
    }
  }
}
