import QuireJSON
import Testing

@Suite struct SerializationTests {
  /// Right-hand sides are what CPython 3.11 prints for `json.dumps(json.loads(text), ensure_ascii=False)`.
  @Test(arguments: [
    ("1e22", "1e+22"), ("0.00001", "1e-05"), ("0.0001", "0.0001"), ("-0.0", "-0.0"), ("-0", "0"),
    ("1E5", "100000.0"),
    ("1e16", "1e+16"), ("12e15", "1.2e+16"), ("9007199254740993.0", "9007199254740992.0"),
    ("1234567890123456.7", "1234567890123456.8"), ("1.0", "1.0"), ("100", "100"), ("5e-324", "5e-324"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"), ("0.1e1", "1.0"), ("1.10", "1.1"), ("0e5", "0.0"),
    ("123456789012345678901234567890", "123456789012345678901234567890"), ("1e-7", "1e-07"),
    ("2.5e-310", "2.5e-310"),
    ("0.30000000000000004", "0.30000000000000004"), ("9999999999999998.0", "9999999999999998.0"),
  ])
  func numbersAsPython(literal: String, expected: String) throws {
    #expect(try JSONValue.parse(literal).serialized(style: .python) == expected)
  }

  @Test func separatorsAsPython() throws {
    let value = try JSONValue.parse(#"{"b":[1,{},[],"é</script>"],"a":{"x":null,"y":true}}"#)
    #expect(
      value.serialized(style: .python) == #"{"b": [1, {}, [], "é</script>"], "a": {"x": null, "y": true}}"#)
  }

  @Test func controlCharactersAsPython() {
    let text =
      String(String.UnicodeScalarView((0..<0x20).map { Unicode.Scalar($0)! })) + "\u{7f}\u{2028}\"\\/"
    #expect(
      JSONValue.string(text).serialized(style: .python)
        == #""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0013"#
        + #"\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"# + "\u{7f}\u{2028}"
        + #"\"\\/""#)
  }

  @Test func prettyIsIndented() {
    let value: JSONValue = ["a": [1, ["b": nil]], "empty": [:], "none": []]
    #expect(
      value.serialized(pretty: true)
        == "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"empty\": {},\n  \"none\": []\n}"
    )
  }

  @Test func buildsNumbers() {
    #expect(JSONValue.double(0.1).serialized() == "0.1")
    #expect(JSONValue.float(0.1).serialized() == "0.1")
    #expect(JSONValue.double(.nan) == .null)
    #expect(JSONValue.float(.infinity) == .null)
    #expect(JSONValue.double(1e100).serialized() == "1e+100")
    #expect(JSONValue.double(3).serialized() == "3.0")
    #expect(JSONValue.int(UInt64.max).serialized() == "18446744073709551615")
    #expect(JSONValue.double(-.leastNonzeroMagnitude).doubleValue == -.leastNonzeroMagnitude)
  }

  @Test func whatIsWrittenReadsBack() throws {
    let value: JSONValue = [
      "text": "a\u{0}\n\"\\é😀", "list": [1, 2.5, -1e-9, true, nil], "deep": [[[["x": "y"]]]],
    ]
    for style in [JSONStyle.compact, .pretty, .python] {
      #expect(try JSONValue.parse(value.serialized(style: style)) == value)
    }
  }
}
