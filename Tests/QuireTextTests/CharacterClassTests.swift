import QuireJSON
import QuireText
import Testing

/// Which class each code point has shows in how `x` before it, and a space, are split.
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

  private func observedClass(of scalar: Unicode.Scalar) -> String {
    // A letter joins the letter before it; a number stands alone between letters; a symbol joins the space before
    // it; a line end joins the symbol before it.
    if pieceCount("x\(scalar)") == 1 { return "L" }
    if pieceCount("\(scalar)x") == 1 {
      return pieceCount(" \(scalar)") == 1 && pieceCount("! \(scalar)") == 2 ? spaceOrOther(scalar) : "O"
    }
    return pieceCount("!\(scalar)") == 1 ? "R" : "N"
  }

  private func spaceOrOther(_ scalar: Unicode.Scalar) -> String {
    // " s!" : white space leaves its last character to the symbol, a symbol joins what is around it.
    pieceCount("\(scalar) !") == 2 && pieceCount("!\(scalar)") == 2 ? "S" : "O"
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
