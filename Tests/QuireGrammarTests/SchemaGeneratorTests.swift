import QuireGrammar
import QuireJSON
import TestSupport
import Testing

/// Keywords that generators of schemas write (zod, pydantic), and counts of properties.
@Suite struct SchemaGeneratorTests {
  static let keys = [
    Conformance(
      #"{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"type":"null"}}"#,
      ["{}", #"{"a":null}"#], not: [#"{"a":1}"#]),
    Conformance(#"{"type":"object","propertyNames":true}"#, ["{}", #"{"a":1}"#], not: ["1"]),
    Conformance(#"{"type":"object","propertyNames":{}}"#, ["{}", #"{"a":1}"#], not: ["1"]),
    Conformance(#"{"type":"object","propertyNames":{"type":"integer"}}"#, ["{}"], not: [#"{"1":1}"#]),
    Conformance(
      ##"{"type":"object","propertyNames":{"$ref":"#/$defs/Color"},"additionalProperties":{"type":"integer"},"$defs":{"Color":{"enum":["red","blue",7],"title":"Color","type":"string"}}}"##,
      ["{}", #"{"red":1}"#, #"{"red":1,"blue":2}"#, #"{"blue":2}"#],
      not: [#"{"green":1}"#, #"{"red":"x"}"#, #"{"red":1,"red":2}"#, #"{"7":1}"#]),
    Conformance(
      #"{"type":"object","propertyNames":{"enum":["a","b","c"]},"required":["b"],"properties":{"c":{"const":3}},"additionalProperties":{"const":1}}"#,
      [#"{"b":1}"#, #"{"c":3,"b":1,"a":1}"#], not: ["{}", #"{"a":1}"#, #"{"c":1,"b":1}"#, #"{"b":1,"d":1}"#]),
    Conformance(
      #"{"type":"object","propertyNames":{"enum":["a"]},"properties":{"a":{"const":1},"b":{"const":2}}}"#,
      ["{}", #"{"a":1}"#], not: [#"{"b":2}"#, #"{"a":1,"b":2}"#]),
    Conformance(
      #"{"type":"object","propertyNames":{"enum":["a","b","c"]},"minProperties":2,"additionalProperties":{"const":1}}"#,
      [#"{"a":1,"c":1}"#, #"{"a":1,"b":1,"c":1}"#], not: ["{}", #"{"a":1}"#, #"{"c":1}"#]),
    Conformance(
      #"{"type":"object","propertyNames":{"pattern":"^x"},"additionalProperties":{"const":1}}"#,
      ["{}", #"{"x":1,"xy":1}"#], not: [#"{"a":1}"#, #"{"x":2}"#]),
    Conformance(
      #"{"type":"object","patternProperties":{"^x":{"const":1}},"additionalProperties":false}"#,
      ["{}", #"{"x":1,"xy":1}"#], not: [#"{"a":1}"#, #"{"x":2}"#]),
    Conformance(
      #"{"type":"object","patternProperties":{},"dependentRequired":{},"unevaluatedProperties":true,"properties":{"a":{"const":1}}}"#,
      ["{}", #"{"a":1}"#], not: [#"{"a":2}"#]),
  ]

  static let counts = [
    Conformance(
      #"{"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"minProperties":2}"#,
      [#"{"a":1,"b":2}"#, #"{"b":2,"c":3}"#, #"{"a":1,"c":3}"#, #"{"a":1,"b":2,"c":3}"#],
      not: ["{}", #"{"a":1}"#, #"{"b":2}"#, #"{"c":3}"#]),
    Conformance(
      #"{"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["b"],"minProperties":2}"#,
      [#"{"a":1,"b":2}"#, #"{"b":2,"c":3}"#], not: ["{}", #"{"b":2}"#, #"{"a":1,"c":3}"#]),
    Conformance(
      #"{"properties":{"a":{"const":1}},"minProperties":2,"additionalProperties":{"const":0}}"#,
      [#"{"a":1,"x":0}"#, #"{"a":1,"x":0,"x":0}"#], not: ["{}", #"{"a":1}"#, #"{"x":0}"#, #"{"x":0,"x":0}"#]),
    Conformance(#"{"type":"object","minProperties":1}"#, [#"{"a":1}"#], not: ["{}"]),
    Conformance(
      #"{"type":"object","anyOf":[{"minProperties":1,"additionalProperties":false},{"maxProperties":0}]}"#,
      ["{}"], not: [#"{"a":1}"#]),
  ]

  static let values = [
    Conformance(#"{"type":"integer","multipleOf":1}"#, ["1", "-7"], not: ["1.5"]),
    Conformance(#"{"type":"number","multipleOf":1.0,"minimum":0}"#, ["1", "0"], not: ["1.5", "-1"]),
    Conformance(#"{"type":"array","uniqueItems":true,"maxItems":1}"#, ["[]", "[1]"], not: ["[1,1]"]),
    Conformance(
      #"{"type":"string","format":"ipv4","pattern":"^[0-9.]{7,15}$"}"#, [#""10.0.0.1""#], not: [#""a""#]),
    Conformance(#"{"type":"string","format":"nanoid","pattern":"^[a-z]+$"}"#, [#""ab""#], not: [#""A""#]),
    Conformance(
      #"{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}"#,
      ["0", "-5", "999999999999999999"], not: ["1.5", "1e3", "1000000000000000000"]),
    Conformance(#"{"type":"integer","minimum":0,"maximum":18446744073709551615}"#, ["0", "7"], not: ["-1"]),
    Conformance(#"{"type":"integer","exclusiveMaximum":1e300}"#, ["-1", "7"], not: ["1.5"]),
    Conformance(#"{"type":"number","maximum":9223372036854775807}"#, ["1.5", "-7"], not: ["1e30"]),
    Conformance(
      #"{"type":"string","format":"byte"}"#, [#""""#, #""QUJD""#, #""QUI=""#, #""QQ==""#],
      not: [#""QUJ""#, #""Q===""#, #""Ä""#]),
    Conformance(#"{"type":"string","format":"binary"}"#, [#""Ä""#], not: ["1"]),
    Conformance(#"{"type":"string","format":"password","maxLength":2}"#, [#""ab""#], not: [#""abc""#]),
  ]

  @Test(arguments: keys + counts + values) func valuesAreAcceptedOrRefused(_ conformance: Conformance) throws
  {
    conformance.check(try GrammarFixtures.schema(conformance.source))
  }

  static let refused: [(String, String, String)] = [
    (
      #"{"type":"object","minProperties":2}"#, "minProperties at most the number of properties",
      "minProperties"
    ),
    (
      #"{"properties":{"a":{}},"minProperties":3,"additionalProperties":{}}"#,
      "minProperties at most the number of properties", "minProperties"
    ),
    (
      #"{"patternProperties":{"^a":{},"b":{}}}"#, "one pattern in patternProperties", "patternProperties"
    ),
    (
      #"{"properties":{"a":{}},"propertyNames":{"pattern":"^a"}}"#, "only type and enum in propertyNames",
      "propertyNames"
    ),
    (
      #"{"propertyNames":{"anyOf":[{"pattern":"^a"}]}}"#, "only type, enum, pattern, format and lengths",
      "propertyNames"
    ),
    (#"{"type":"integer","minimum":1e300}"#, "an integer of at most 18 digits in minimum", "minimum"),
    (#"{"type":"array","uniqueItems":true,"maxItems":2}"#, "no 'uniqueItems'", "uniqueItems"),
  ]

  @Test(arguments: refused) func otherSchemasAreRefused(
    _ source: String, _ sentence: String, _ keyword: String
  ) throws {
    let error = GrammarFixtures.refusal(.jsonSchema(try JSONValue.parse(Array(source.utf8))))
    #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "accepted")")
    #expect(error?.keyword == keyword)
  }

  @Test func countingManyPropertiesIsLimited() throws {
    let names = (0..<9_000).map { JSONObject.Member(key: "p\($0)", value: true) }
    let schema: JSONValue = ["minProperties": 9_000, "properties": .object(JSONObject(uniqueMembers: names))]
    let sentence = GrammarFixtures.refusal(.jsonSchema(schema))?.description
    #expect(sentence?.contains("make it smaller") == true, "\(sentence ?? "accepted")")
  }
}
