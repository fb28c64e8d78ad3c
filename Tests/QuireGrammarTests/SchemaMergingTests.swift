import QuireGrammar
import QuireJSON
import TestSupport
import Testing

/// Schemas that hold at once: `allOf`, `$ref`, and keywords next to `anyOf` and `oneOf`.
@Suite struct SchemaMergingTests {
  /// `additionalProperties`, `items` and `nullable` are about their own schema object.
  static let kept = [
    Conformance(
      #"{"type":"object","additionalProperties":{"type":"string"},"anyOf":[{"properties":{"b":{"maxLength":1}},"required":["b"]},{"properties":{"c":{"type":"integer"}},"required":["c"]}]}"#,
      [#"{"b":"x"}"#, #"{"b":"x","d":"yy"}"#],
      not: [#"{"b":1}"#, #"{"b":"xx"}"#, #"{"c":1}"#, #"{"b":"x","d":1}"#]),
    Conformance(
      #"{"allOf":[{"properties":{"a":{"type":["integer","string"]}}},{"additionalProperties":{"type":["string","null"]}},{"additionalProperties":{"type":["string","boolean"]}}]}"#,
      [#"{"a":"x"}"#, #"{"b":"x"}"#, "{}"], not: [#"{"a":1}"#, #"{"b":null}"#, #"{"b":true}"#]),
    Conformance(
      #"{"allOf":[{"type":"array","items":{"type":"null"}},{"prefixItems":[{"type":["boolean","null"]}],"minItems":1}]}"#,
      ["[null]", "[null,null]"], not: ["[true]", "[true,null]", "[]"]),
    Conformance(
      #"{"allOf":[{"items":[{"type":"string"}],"additionalItems":{"type":"string"}},{"prefixItems":[{"maxLength":1},{"maxLength":1}]}]}"#,
      ["[]", #"["a"]"#, #"["a","b","cc"]"#], not: [#"["aa"]"#, #"["a","bb"]"#, #"["a","b",1]"#]),
    Conformance(
      #"{"type":"array","prefixItems":[{"type":"null"}],"anyOf":[{"minItems":1}]}"#, ["[null]"],
      not: ["[]", "[null,null]", "[1]"]),
    Conformance(
      #"{"allOf":[{"type":"string","nullable":true,"maxLength":1},{"type":"string"}]}"#, [#""a""#],
      not: ["null", #""ab""#]),
    Conformance(
      #"{"allOf":[{"type":"string","nullable":true},{"type":["integer","null"]}]}"#, ["null"],
      not: [#""a""#, "1"]),
    Conformance(
      #"{"nullable":true,"allOf":[{"type":"integer"}]}"#, ["1"], not: ["null"]),
    Conformance(
      #"{"allOf":[{"type":"integer","minimum":9007199254740992},{"minimum":9007199254740993}]}"#,
      ["9007199254740993"], not: ["9007199254740992"]),
    Conformance(
      #"{"allOf":[{"type":"array","uniqueItems":true,"maxItems":1},{"uniqueItems":false}]}"#, ["[]", "[1]"],
      not: ["[1,1]"]),
  ]

  /// A branch that can never hold is no branch.
  static let contradictions = [
    Conformance(
      #"{"type":"array","minItems":2,"anyOf":[{"maxItems":1},{"maxItems":3}]}"#, ["[1,2]"],
      not: ["[1]", "[1,2,3,4]"]),
    Conformance(
      #"{"type":["string","null"],"maxLength":1,"anyOf":[{"minLength":2}]}"#, ["null"],
      not: [#""a""#, #""ab""#]),
    Conformance(
      #"{"enum":["a","b"],"anyOf":[{"enum":["a"]},{"enum":["z"]}]}"#, [#""a""#], not: [#""b""#, #""z""#]),
    Conformance(#"{"const":"a","oneOf":[{"const":"a"},{"const":"z"}]}"#, [#""a""#], not: [#""z""#]),
    Conformance(#"{"type":"string","anyOf":[{"const":"a"},{"const":1},false]}"#, [#""a""#], not: ["1"]),
    Conformance(
      #"{"type":"object","properties":{"kind":{"const":"a"},"v":{"pattern":"^x"}},"required":["kind"],"oneOf":[{"properties":{"kind":{"const":"a"},"x":{"type":"null"}}},{"properties":{"kind":{"enum":["z"]},"v":{"pattern":"y$"}}}]}"#,
      [#"{"kind":"a"}"#, #"{"kind":"a","v":"xy","x":null}"#], not: [#"{"kind":"z"}"#, "{}"]),
    Conformance(
      #"{"properties":{"kind":{"enum":["a","b"]}},"required":["kind"],"anyOf":[{"properties":{"kind":{"const":"b"}}},{"properties":{"kind":{"const":"c"}}}]}"#,
      [#"{"kind":"b"}"#], not: [#"{"kind":"a"}"#, #"{"kind":"c"}"#]),
  ]

  @Test(arguments: kept + contradictions) func bothSchemasHold(_ conformance: Conformance) throws {
    conformance.check(try GrammarFixtures.schema(conformance.source))
  }

  static let refused: [(String, String)] = [
    (#"{"allOf":[{"const":1},{"const":2}]}"#, "expected a constraint that some text satisfies"),
    (
      #"{"type":"string","anyOf":[{"maxLength":1},{"not":{}}]}"#,
      "schema.anyOf[1]: expected keywords that answers can be held to"
    ),
    (
      #"{"type":"object","anyOf":[{"properties":{"a":{"not":{}}}}]}"#,
      "schema.anyOf[0].properties.a: expected"
    ),
    (
      #"{"properties":{"a":{"type":"string"}},"allOf":[{"properties":{"a":{"not":{}}}}]}"#,
      "schema.allOf[0].properties.a: expected"
    ),
    (
      ##"{"title":"t","$ref":"#/$defs/x","maxLength":1,"$defs":{"x":{"not":{}}}}"##,
      "schema.$defs.x: expected"
    ),
    (#"{"allOf":[{"format":"date"},{"pattern":"a"}]}"#, "not both 'pattern' and 'format'"),
    (
      #"{"allOf":[{"patternProperties":{"^a":{}}},{"properties":{"ab":{}}}]}"#,
      "schema.allOf[1]: expected no 'patternProperties' among schemas about the same object"
    ),
    (
      ##"{"$defs":{"n":{"properties":{"n":{"$ref":"#/$defs/n"},"m":{"type":"null"}}},"m":{"properties":{"n":{"$ref":"#/$defs/m"}}}},"allOf":[{"$ref":"#/$defs/n"},{"$ref":"#/$defs/m"}]}"##,
      "remove the circle"
    ),
  ]

  @Test(arguments: refused) func otherSchemasAreRefused(_ source: String, _ sentence: String) throws {
    let schema = try JSONValue.parse(Array(source.utf8))
    let error = GrammarFixtures.refusal(.jsonSchema(schema))
    #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "accepted")")
  }

  // MARK: Arguments of tools

  private func tool(_ parameters: String) throws -> Constraint.Kind {
    let schema = try JSONValue.parse(Array(parameters.utf8))
    return .toolCalls([ConstrainedTool(name: "f", parameters: schema)], allowsSeveral: false)
  }

  @Test(arguments: [
    #"{"type":"string"}"#, #"{"anyOf":[{"type":"string"}]}"#, #"{"const":"a"}"#, #"{"allOf":[false]}"#,
    ##"{"$ref":"#/$defs/x","$defs":{"x":{"type":"string","maxLength":2}}}"##,
  ]) func argumentsThatAreNoObjectAreRefused(_ parameters: String) throws {
    let sentence = GrammarFixtures.refusal(try tool(parameters))?.description
    #expect(sentence?.contains("expected the type \"object\"") == true, "\(sentence ?? "accepted")")
  }

  @Test(arguments: [
    ##"{"$ref":"#/$defs/x","$defs":{"x":{"type":"object","properties":{"next":{"$ref":"#/$defs/x"}}}}}"##,
    ##"{"type":["object","null"],"nullable":true}"##, "{}",
  ]) func argumentsThatAreObjectsAreTaken(_ parameters: String) throws {
    #expect(GrammarFixtures.refusal(try tool(parameters)) == nil)
  }

  // MARK: Work

  private static func texts(_ prefix: String, _ count: Int) -> JSONValue {
    .array((0..<count).map { .string("\(prefix)\($0)") })
  }

  private static func copies(_ value: JSONValue, _ count: Int) -> JSONValue {
    .array([JSONValue](repeating: value, count: count))
  }

  static let large: [(JSONValue, isTaken: Bool)] = [
    (["enum": texts("v", 24_000)], true),
    (["type": "string", "allOf": [["enum": texts("v", 10_000)], ["enum": texts("v", 9_000)]]], true),
    (["allOf": copies(["type": copies("string", 60_000)], 2)], false),
    (["allOf": copies(["type": texts("t", 60_000)], 2)], false),
    (
      [
        "allOf": [
          ["type": copies("null", 20_000)],
          ["type": .array([JSONValue](repeating: "integer", count: 20_000) + ["null"])],
        ]
      ], true
    ),
    (["allOf": [["required": texts("a", 48_000)], ["required": texts("b", 48_000)]]], false),
    (["allOf": copies(["$ref": "#/$defs/a"], 10_000), "$defs": ["a": ["enum": texts("v", 20_000)]]], false),
    (
      [
        "const": .string(String(repeating: "a", count: 500_000)), "anyOf": copies(["type": "string"], 10_000),
      ], false
    ),
    (["const": "v1", "enum": texts("v", 20_000), "anyOf": copies(["type": "string"], 10_000)], false),
  ]

  @Test(.timeLimit(.minutes(1)), arguments: 0..<large.count) func largeListsTakeLittleWork(_ index: Int)
    throws
  {
    let (schema, isTaken) = Self.large[index]
    var refusal: GrammarError?
    let time = ContinuousClock().measure {
      do throws(GrammarError) {
        _ = try Constraint.Kind.jsonSchema(schema).grammar()
      } catch {
        refusal = error
      }
    }
    #expect(time < .seconds(5))
    #expect((refusal == nil) == isTaken, "\(refusal?.description ?? "taken")")
    if !isTaken { #expect(refusal?.description.contains("make it smaller") == true) }
  }

  @Test(.timeLimit(.minutes(1))) func longKeysAndPointersAreCounted() throws {
    let long = String(repeating: "k", count: 200_000)
    let pointer: JSONValue = ["$ref": .string("#/$defs/\(long)"), "title": "t"]
    let definitions = JSONObject(uniqueMembers: [
      .init(key: "a", value: pointer), .init(key: long, value: [:]),
    ])
    let references: JSONValue = [
      "$defs": .object(definitions), "allOf": Self.copies(["$ref": "#/$defs/a"], 20_000),
    ]
    let names = (0..<40_000).map { JSONObject.Member(key: "p\($0)", value: true) }
    let inner: JSONValue = ["properties": .object(JSONObject(uniqueMembers: names))]
    let keys: JSONValue = ["properties": .object(JSONObject(uniqueMembers: [.init(key: long, value: inner)]))]
    let time = ContinuousClock().measure {
      for schema in [references, keys] { _ = try? Constraint.Kind.jsonSchema(schema).grammar() }
    }
    #expect(time < .seconds(20), "\(time)")
  }
}
