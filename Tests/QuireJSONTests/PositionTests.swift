import QuireJSON
import Testing

/// Lines and columns, whatever the lines end with.
@Suite struct PositionTests {
  private func position(_ text: String, _ syntax: JSONSyntax) -> String {
    do throws(JSONError) {
      return "accepted: " + (try JSONValue.parse(text, syntax: syntax)).serialized()
    } catch {
      return String("\(error)".prefix { $0 != ":" })
    }
  }

  @Test(arguments: ["\n", "\r", "\r\n"])
  func linesEndAsEditorsSay(end: String) {
    #expect(position("[1,\(end)\(end) x]", .json) == "line 3, column 2")
    #expect(position("[1, // note\(end) x]", .json5) == "line 2, column 2")
    #expect(position("[1, /* note\(end)\(end) */ x]", .json5) == "line 3, column 5")
    #expect(position("['a\\\(end)b', x]", .json5) == "line 2, column 5")
    #expect(position("[\"a\(end)\"]", .json).hasPrefix("line 1, column 4"))
  }

  @Test func otherSeparatorsEndNoLine() {
    for separator in ["\u{2028}", "\u{2029}", "\u{0B}", "\u{0C}"] {
      #expect(position("[1,\(separator) x]", .json5) == "line 1, column 6")
    }
    // They end a comment all the same.
    #expect(position("[1 // note\u{2028}, 2]", .json5) == "accepted: [1,2]")
  }

  @Test func aByteOrderMarkIsNoColumn() {
    #expect(position("\u{FEFF}{a: x}", .json5) == "line 1, column 5")
    #expect(position("\u{FEFF}{}", .json) == "line 1, column 1")
  }

  @Test func truncatedStringsAndZeroBytes() {
    #expect(position("[\n\"ab", .json) == "line 2, column 1")
    #expect(position("[\n\"ab\\", .json) == "line 2, column 4")
    #expect(position("[\n'ab\\\r\n", .json5) == "line 2, column 1")
    #expect(position("[\n'a\\u00", .json5) == "line 2, column 3")
    #expect(position("[\n'a\\x4", .json5) == "line 2, column 3")
    #expect(position("\0", .json) == "line 1, column 1")
    #expect(position("[1,\r\0]", .json5) == "line 2, column 1")
  }

  /// The texts are JSON5 of every awkward kind; the last member stands on the line that is expected.
  @Test(arguments: [
    ("{//\r x:\"\\\n\", zzz:1}", 3), ("{ a: 1, // }\r zzz: 1}", 2), ("{ /* \" */ a: 1,\r\nzzz: 1}", 2),
    ("{ 'a\\'}': '\\\r\n', \"b\": [1, '}'],\n 'z\\u007az': 1}", 3), ("{ // x\u{2028} a: 1,\n zzz: 1}", 2),
    ("{ a: {zzz: 1},\n\n'zzz': 1}", 3), ("\u{FEFF}{\n'\\\n': 1,\rzzz: 1}//\":1,\"", 4), ("{zzz: 1,}", 1),
  ])
  func valuesAreFound(text: String, line: Int) throws {
    let bytes = Array(text.utf8)
    _ = try JSONValue.parse(bytes, syntax: .json5)
    #expect(JSONValue.line(of: [.key("zzz")], in: bytes, syntax: .json5) == line)
  }

  @Test func pathsLeadInward() {
    let text = Array("{\n steps: [\r {a: 1},\r\n {b: [1,\n 2]},\n],}".utf8)
    func line(_ path: JSONPathStep...) -> Int { JSONValue.line(of: path, in: text, syntax: .json5) }
    #expect(line() == 1)
    #expect(line(.key("steps")) == 2)
    #expect(line(.key("steps"), .index(0), .key("a")) == 3)
    #expect(line(.key("steps"), .index(1), .key("b"), .index(1)) == 5)
    #expect(line(.key("steps"), .index(1), .key("none")) == 4)
    #expect(line(.key("steps"), .index(7)) == 2)
    #expect(line(.key("none")) == 1)
    #expect(line(.index(0)) == 1)
  }

  @Test func anyTextLeadsSomewhere() {
    let text = Array("{//\r x:\"\\\n\", zzz:1}//\":1,\"".utf8)
    for count in 0...text.count {
      for byte in [0, 0x0D, 0x22, 0x27, 0x2F, 0x5C, 0x7D, 0xFF] as [UInt8] {
        let changed = Array(text[..<count]) + [byte] + Array(text[count...])
        _ = JSONValue.line(of: [.key("zzz")], in: changed, syntax: .json5)
        #expect(JSONValue.line(of: [.key("zzz"), .index(1)], in: Array(text[..<count]), syntax: .json5) >= 1)
      }
    }
  }
}
