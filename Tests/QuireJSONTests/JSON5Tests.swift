import QuireJSON
import Testing

@Suite struct JSON5Tests {
  private func parse(_ text: String) throws(JSONError) -> JSONValue {
    try JSONValue.parse(text, syntax: .json5)
  }

  @Test func readsARecipe() throws {
    let value = try parse(
      """
      // A comment.
      {
        steps: [ { step: 'prune-heads', share: .125, /* inner */ "kept": +7, }, ],
        $key_1: 0x1F, ünï: -0xff, \\u0061b: 5., n: null, "q": 'it\\'s "it"',
      } // the end
      """)
    #expect(value["steps"]?[0]?["step"]?.stringValue == "prune-heads")
    #expect(value["steps"]?[0]?["share"]?.numberValue?.literal == "0.125")
    #expect(value["steps"]?[0]?["kept"]?.intValue == 7)
    #expect(value["$key_1"]?.intValue == 31)
    #expect(value["ünï"]?.intValue == -255)
    #expect(value["ab"]?.numberValue?.literal == "5.0")
    #expect(value["q"]?.stringValue == "it's \"it\"")
  }

  @Test(arguments: [
    ("'\\x41\\v\\0\\a\\\nb'", "A\u{0B}\u{0}ab"), ("'\u{2028}'", "\u{2028}"), ("'\\\u{2029}x'", "x"),
    ("'\t'", "\t"),
    ("'\\\r\nx'", "x"),
  ])
  func readsStrings(text: String, expected: String) throws {
    #expect(try parse(text) == .string(expected))
  }

  @Test(arguments: [
    ("+.5e1", "0.5e1"), ("-5.e2", "-5.0e2"), ("0", "0"), ("0xFFFFFFFFFFFFFFFF", "18446744073709551615"),
    ("+0.0", "0.0"),
  ])
  func rewritesNumbers(text: String, expected: String) throws {
    #expect(try parse(text).numberValue?.literal == expected)
  }

  @Test func skipsItsWhiteSpace() throws {
    #expect(try parse("\u{FEFF}\u{a0}\u{0B}\u{0C}\u{2028}\u{2003}1//x\u{2029}").intValue == 1)
  }

  @Test(arguments: [
    ("/* open", "line 1, column 1: the text ends inside a comment that starts here; close it"),
    ("[1, /x", "line 1, column 6: expected '//' or '/*' to start a comment, found 'x'"),
    ("{a:1,,}", "line 1, column 6: expected a key or '}', found ','"),
    ("{1a:1}", "line 1, column 2: expected a key or '}', found '1'"),
    ("[,]", "line 1, column 2: expected a value, found ','"),
    ("{a:Infinity}", "line 1, column 4: Infinity is not accepted; write a finite number or null"),
    (
      "'a\nb'",
      "line 1, column 3: the control character U+000A is not allowed in a string; write it as an escape"
    ),
    (
      #"'\1'"#, #"line 1, column 2: expected an escape such as \n, \" or \u00e9, found a backslash and '1'"#
    ),
    ("0x", "line 1, column 1: 0x is not a number; write at least one hexadecimal digit"),
    (
      "0x1FFFFFFFFFFFFFFFF",
      "line 1, column 1: 0x1FFFFFFFFFFFFFFF is not a number; a hexadecimal number may have 64 bits"
    ),
    (".", "line 1, column 1: . is not a number; write a digit after the point"),
    ("{a:1, a:2}", "line 1, column 7: the key \"a\" is already in this object; keep one of the two"),
  ])
  func refusesWithOneSentence(text: String, expected: String) {
    do throws(JSONError) {
      Issue.record("accepted: \(try parse(text).serialized())")
    } catch {
      #expect("\(error)" == expected)
    }
  }
}
