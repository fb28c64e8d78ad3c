import QuireJSON
import Testing

@Suite struct ParsingTests {
  @Test func readsEveryKindOfValue() throws {
    let value = try JSONValue.parse(
      #" { "a": [1, -2.5e3, true, false, null], "b": {"": "é\n\u00e9\uD83D\uDE00\/"} } "#)
    #expect(value["a"]?.arrayValue?.count == 5)
    #expect(value["a"]?[0]?.intValue == 1)
    #expect(value["a"]?[1]?.doubleValue == -2500)
    #expect(value["a"]?[1]?.intValue == -2500)
    #expect(value["a"]?[2]?.boolValue == true)
    #expect(value["a"]?[3]?.boolValue == false)
    #expect(value["a"]?[4]?.isNull == true)
    #expect(value["b"]?[""]?.stringValue == "é\né😀/")
    #expect(value["c"] == nil)
    #expect(value["a"]?[5] == nil)
  }

  @Test func keepsOrderAndLiterals() throws {
    let text = #"{"z":1.50,"a":-0,"m":1E+2,"long":123456789012345678901234567890}"#
    let value = try JSONValue.parse(text)
    #expect(value.objectValue?.keys == ["z", "a", "m", "long"])
    #expect(value.serialized() == text)
    #expect(value["long"]?.intValue == nil)
    #expect(value["long"]?.doubleValue == 0x1.8ee90ff6c373ep96)
  }

  @Test(arguments: [
    ("16", 16), ("-9223372036854775808", Int.min), ("9223372036854775807", Int.max), ("16.0", 16),
    ("1e3", 1000),
    ("-0", 0),
  ])
  func readsExactIntegers(literal: String, expected: Int) throws {
    #expect(try JSONValue.parse(literal).intValue == expected)
  }

  @Test(arguments: ["16.5", "9223372036854775808", "1e300", "1e-1", "18014398509481985.0"])
  func refusesIntegersThatAreNotExact(literal: String) throws {
    #expect(try JSONValue.parse(literal).intValue == nil)
  }

  @Test func canonicallyEqualKeysAreDistinct() throws {
    let value = try JSONValue.parse("{\"\u{e9}\": 1, \"e\u{301}\": 2}")
    #expect(value["\u{e9}"]?.intValue == 1)
    #expect(value["e\u{301}"]?.intValue == 2)
    #expect(JSONValue.string("\u{e9}") != JSONValue.string("e\u{301}"))
  }

  @Test func findsKeysInLargeObjects() throws {
    let members = (0..<5000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
    var object = try #require(try JSONValue.parse("{\(members)}").objectValue)
    for number in 0..<5000 { #expect(object["k\(number)"]?.intValue == number) }
    #expect(object["k5000"] == nil)
    object["k17"] = nil
    object["k18"] = "eighteen"
    object["new"] = 1
    #expect(object.count == 5000)
    #expect(object["k17"] == nil)
    #expect(object["k4999"]?.intValue == 4999)
    #expect(object["k18"]?.stringValue == "eighteen")
    #expect(object.keys.last == "new")
    #expect(throws: JSONError.duplicateKey("k3000", at: JSONPosition(line: 1, column: members.count + 3))) {
      try JSONValue.parse("{\(members),\"k3000\":1}")
    }
  }

  @Test func ambiguousTextsCanBeAccepted() throws {
    let text = #"{"a":1,"a":[1e400],"b":"x\ud83dy\ud83d\u0041\udc00"}"#
    #expect(throws: JSONError.self) { try JSONValue.parse(text) }
    let value = try JSONValue.parse(text, limits: JSONLimits(acceptsAmbiguous: true))
    #expect(value["a"]?.serialized() == "[1e400]")
    #expect(value["b"] == "x\u{FFFD}y\u{FFFD}A\u{FFFD}")
    for wrong in ["{\"a\":}", "{\"a\":\"\\u00\"}", "[01]"] {
      #expect(throws: JSONError.self) {
        try JSONValue.parse(wrong, limits: JSONLimits(acceptsAmbiguous: true))
      }
    }
  }

  @Test func depthIsLimited() throws {
    let deepest = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
    #expect(try JSONValue.parse(deepest).arrayValue != nil)
    for brackets in ["[", "{\"a\":"] {
      let hostile = String(repeating: brackets, count: 100_000)
      let column = 512 * brackets.utf8.count + 1
      #expect(throws: JSONError.tooDeep(limit: 512, at: JSONPosition(line: 1, column: column))) {
        try JSONValue.parse(hostile)
      }
    }
    #expect(throws: JSONError.tooDeep(limit: 1, at: JSONPosition(line: 1, column: 2))) {
      try JSONValue.parse("[[]]", limits: JSONLimits(depth: 1))
    }
  }
}
