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
      #"{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"],"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":false}"#,
      [#"{"id":1}"#, #"{"id":1,"x-a":"b"}"#, #"{"id":1,"x-":"","x-é":"c"}"#],
      not: ["{}", #"{"id":1,"y":"b"}"#, #"{"id":1,"x-a":2}"#, #"{"id":1,"x":"b"}"#, #"{"id":1,"id":1}"#]),
    Conformance(
      #"{"patternProperties":{"^a":{"type":"integer"},"z$":{"minimum":5}},"additionalProperties":{"type":"null"}}"#,
      ["{}", #"{"a":1,"az":7,"z":5,"b":null}"#],
      not: [#"{"az":4}"#, #"{"az":null}"#, #"{"z":4}"#, #"{"a":"x"}"#, #"{"b":1}"#]),
    Conformance(
      #"{"properties":{"ab":{"maximum":5},"c":{"const":1}},"patternProperties":{"^a":{"type":"integer"}},"required":["ab","ac","d"],"additionalProperties":{"type":"null"}}"#,
      [#"{"ab":4,"ac":9,"d":null}"#, #"{"ab":4,"c":1,"ac":9,"d":null,"e":null,"a":3}"#],
      not: [#"{"ab":6,"ac":9,"d":null}"#, #"{"ab":4,"ac":null,"d":null}"#, #"{"ab":4,"ac":9,"d":1}"#, "{}"]),
    Conformance(
      #"{"patternProperties":{"^\"":{"const":1}}}"#, [#"{"\"":1,"\"\n":1}"#], not: [#"{"a":1}"#]),
    Conformance(
      #"{"properties":{"ab":{"const":1},"b":{"const":2}},"propertyNames":{"pattern":"^a","maxLength":2},"additionalProperties":{"const":3}}"#,
      ["{}", #"{"ab":1,"ac":3}"#, #"{"a":3}"#], not: [#"{"b":2}"#, #"{"abc":3}"#, #"{"c":3}"#, #"{"ab":3}"#]),
    Conformance(
      #"{"propertyNames":{"enum":["ab","b","c"]},"patternProperties":{"^a":{"const":1},"b$":{"type":"integer"}},"additionalProperties":false}"#,
      ["{}", #"{"ab":1,"b":2}"#], not: [#"{"ab":2}"#, #"{"c":1}"#, #"{"b":"x"}"#]),
    Conformance(
      #"{"patternProperties":{"^a":true,"^ab":false}}"#, [#"{"a":1,"ac":[]}"#],
      not: [#"{"ab":1}"#, #"{"b":1}"#]),
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
      #"{"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"maxProperties":2}"#,
      ["{}", #"{"a":1}"#, #"{"c":3}"#, #"{"a":1,"c":3}"#, #"{"b":2,"c":3}"#], not: [#"{"a":1,"b":2,"c":3}"#]),
    Conformance(
      #"{"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["c"],"minProperties":2,"maxProperties":2}"#,
      [#"{"a":1,"c":3}"#, #"{"b":2,"c":3}"#],
      not: ["{}", #"{"c":3}"#, #"{"a":1,"b":2}"#, #"{"a":1,"b":2,"c":3}"#]),
    Conformance(
      #"{"properties":{"a":{"const":1},"b":{"const":2}},"maxProperties":3,"additionalProperties":{"const":0}}"#,
      ["{}", #"{"x":0,"y":0,"z":0}"#, #"{"a":1,"x":0,"y":0}"#, #"{"a":1,"b":2,"x":0}"#],
      not: [#"{"w":0,"x":0,"y":0,"z":0}"#, #"{"a":1,"b":2,"x":0,"y":0}"#]),
    Conformance(
      #"{"properties":{"a":{"const":1}},"minProperties":2,"maxProperties":2,"additionalProperties":{"const":0}}"#,
      [#"{"a":1,"x":0}"#], not: ["{}", #"{"a":1}"#, #"{"x":0,"y":0}"#, #"{"a":1,"x":0,"y":0}"#]),
    Conformance(#"{"properties":{"a":{}},"maxProperties":0}"#, ["{}"], not: [#"{"a":1}"#]),
    Conformance(
      #"{"anyOf":[{"properties":{"a":{},"b":{}},"required":["a","b"],"maxProperties":1},{"const":1}]}"#,
      ["1"],
      not: ["{}", #"{"a":1}"#, #"{"a":1,"b":1}"#]),
    Conformance(
      #"{"patternProperties":{"^x":{"const":1}},"properties":{"a":{"const":2}},"maxProperties":2}"#,
      ["{}", #"{"a":2,"x":1}"#, #"{"x":1,"xx":1}"#], not: [#"{"a":2,"x":1,"xx":1}"#]),
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
    // As zod writes an email.
    Conformance(
      #"{"type":"string","format":"email","pattern":"^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$"}"#,
      [#""a.b@example.org""#], not: [#"".a@b.org""#, #""a..b@c.org""#, #""a@b""#]),
    Conformance(
      #"{"type":"string","pattern":"^(?=.*[A-Z])(?=.*\\d).*$","minLength":4,"maxLength":6}"#,
      [#""aA1b""#, #""1\"AAé""#], not: [#""A1""#, #""abc1""#, #""ABCD""#, #""aA1bcde""#]),
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
      #"{"patternProperties":{"a.{30}$":{},"b.{30}$":{}}}"#, "that 8192 states can match", "patternProperties"
    ),
    (#"{"patternProperties":[]}"#, "an object of schemas in patternProperties", "patternProperties"),
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
