import QuireJSON
import Testing

/// Every refusal is one sentence with line and column; the sentences themselves are the contract.
@Suite struct HostileInputTests {
  private func sentence(_ bytes: [UInt8], _ syntax: JSONSyntax = .json) -> String {
    do throws(JSONError) {
      return "accepted: " + (try JSONValue.parse(bytes, syntax: syntax)).serialized()
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [
    ("", "line 1, column 1: expected a value, found the end of the text"),
    ("  \n ", "line 2, column 2: expected a value, found the end of the text"),
    (
      "{\"a\":1,\n \"a\":2}", "line 2, column 2: the key \"a\" is already in this object; keep one of the two"
    ),
    ("[1e400]", "line 1, column 2: the number 1e400 does not fit a 64-bit float; write a finite number"),
    ("NaN", "line 1, column 1: NaN is not accepted; write a finite number or null"),
    ("-Infinity", "line 1, column 1: Infinity is not accepted; write a finite number or null"),
    (
      #""\ud800""#,
      "line 1, column 2: a \\u escape names half of a surrogate pair; write both halves or the character itself"
    ),
    (
      #""é\udc00\ud800""#,
      "line 1, column 3: a \\u escape names half of a surrogate pair; write both halves or the character itself"
    ),
    (
      #""\ud800\u0041""#,
      "line 1, column 2: a \\u escape names half of a surrogate pair; write both halves or the character itself"
    ),
    (
      "\"a\tb\"",
      "line 1, column 3: the control character U+0009 is not allowed in a string; write it as an escape"
    ),
    (
      "{} x",
      "line 1, column 4: expected the end of the text after the value, found 'x'; remove what follows the value"
    ),
    (
      "1 2",
      "line 1, column 3: expected the end of the text after the value, found '2'; remove what follows the value"
    ),
    ("[1,]", "line 1, column 4: expected a value, found ']'"),
    ("{\"a\":1,}", "line 1, column 8: expected a key in double quotes, found '}'"),
    ("{\"a\" 1}", "line 1, column 6: expected ':' after a key, found '1'"),
    ("{a:1}", "line 1, column 2: expected a key in double quotes, found 'a'"),
    ("{'a':1}", "line 1, column 2: expected a key in double quotes, found '''"),
    ("[1 2]", "line 1, column 4: expected ',' or ']' after an element, found '2'"),
    ("{\"a\":1", "line 1, column 7: expected ',' or '}' after a member, found the end of the text"),
    ("[1,\r\n\"abc", "line 2, column 1: the text ends inside a string that starts here; close it"),
    ("tru", "line 1, column 1: expected a value, found the word tru"),
    ("truex", "line 1, column 1: expected a value, found the word truex"),
    ("// note\n1", "line 1, column 1: expected a value, found '/'"),
    ("\u{a0}1", "line 1, column 1: expected a value, found the character U+00A0"),
    ("01", "line 1, column 1: 01 is not a number; remove the leading zeros"),
    ("-", "line 1, column 1: - is not a number; write at least one digit"),
    ("1.", "line 1, column 1: 1. is not a number; write a digit after the point"),
    (".5", "line 1, column 1: expected a value, found '.'"),
    ("+1", "line 1, column 1: expected a value, found '+'"),
    ("1e", "line 1, column 1: 1e is not a number; write a digit in the exponent"),
    ("0x10", "line 1, column 1: 0x is not a number; separate it from what follows"),
    (
      #""\q""#, #"line 1, column 2: expected an escape such as \n, \" or \u00e9, found a backslash and 'q'"#
    ),
    (
      #""\u12g4""#,
      #"line 1, column 2: expected an escape such as \n, \" or \u00e9, found 'g' where a hexadecimal digit belongs"#
    ),
  ])
  func refusesWithOneSentence(text: String, expected: String) {
    #expect(sentence(Array(text.utf8)) == expected)
  }

  @Test func refusesByteOrderMark() {
    #expect(
      sentence([0xEF, 0xBB, 0xBF] + Array("1".utf8))
        == "line 1, column 1: expected a value, found a byte order mark; save the text without one")
  }

  @Test(
    arguments: [
      [0xFF], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xF5, 0x80, 0x80, 0x80],
      [0x80], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
    ] as [[UInt8]])
  func refusesInvalidUTF8(bytes: [UInt8]) {
    let text = Array("[1,\n\"longer than eight bytes, é ".utf8) + bytes + Array("\"]".utf8)
    #expect(
      sentence(text)
        == "line 2, column 29: expected UTF-8, found an invalid byte; save the text as UTF-8")
  }

  @Test func everyTruncationIsRefused() {
    let text = Array(#"{"a":[1.5e3,"é\u00e9\ud83d\ude00",true,null],"b":{"c":-1}}"#.utf8)
    #expect(sentence(text).hasPrefix("accepted"))
    for count in 0..<text.count { #expect(!sentence(Array(text[..<count])).hasPrefix("accepted")) }
  }

  @Test func longFindingsAreCut() {
    let key = String(repeating: "k", count: 1000)
    #expect(sentence(Array("{\"\(key)\":1,\"\(key)\":1}".utf8)).utf8.count < 150)
    #expect(sentence(Array(key.utf8)).utf8.count < 150)
    #expect(sentence(Array("[\(String(repeating: "9", count: 1000))]".utf8)).utf8.count < 150)
  }

  @Test func replacingAnyByteNeverCrashes() {
    let text = Array(#"{"a":[1.5e3,"é\u00e9\ud83d\ude00",true],'b':{c:-.1,/*x*/}}"#.utf8)
    var accepted = 0
    for position in text.indices {
      for byte in UInt8.min...UInt8.max {
        var changed = text
        changed[position] = byte
        if sentence(changed, .json5).hasPrefix("accepted") { accepted += 1 }
        if sentence(changed).hasPrefix("accepted") { accepted += 1 }
      }
    }
    #expect(accepted > 0)
  }
}
