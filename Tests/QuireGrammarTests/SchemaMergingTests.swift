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
      #"{"type":"integer","multipleOf":4,"allOf":[{"multipleOf":6}]}"#, ["0", "12", "-24"],
      not: ["4", "6", "8"]),
    Conformance(
      #"{"allOf":[{"multipleOf":0.25},{"type":"number","multipleOf":0.1}]}"#, ["0.5", "1", "2.5"],
      not: ["0.25", "0.1", "0.75"]),
    Conformance(
      #"{"allOf":[{"type":"array","uniqueItems":true,"maxItems":1},{"uniqueItems":false}]}"#, ["[]", "[1]"],
      not: ["[1,1]"]),
  ]

  /// 1 is 1.0, and the order of members says nothing; a $ref is decoded as a URI first.
  static let equalValues = [
    Conformance(#"{"const":1,"enum":[1.0,2]}"#, ["1"], not: ["2"]),
    Conformance(#"{"allOf":[{"enum":[1,2]},{"enum":[1.0,3]}]}"#, ["1"], not: ["2", "3"]),
    Conformance(#"{"allOf":[{"const":10},{"const":1e1}]}"#, ["10"], not: ["1"]),
    Conformance(
      #"{"allOf":[{"enum":[{"a":1,"b":[2.0]}]},{"enum":[{"b":[2],"a":1}]}]}"#, [#"{"a":1,"b":[2.0]}"#],
      not: [#"{"a":1}"#]),
    Conformance(
      ##"{"$defs":{"a~b":{"const":"y"}},"$ref":"#/$defs/a%7E0b"}"##, [#""y""#], not: [#""x""#]),
  ]

  /// Branches, patterns and keys of several schemas.
  static let combined = [
    Conformance(
      #"{"allOf":[{"anyOf":[{"type":"string"},{"type":"integer"}]},{"anyOf":[{"type":"integer","minimum":3},{"const":"a"}]}]}"#,
      ["3", #""a""#], not: ["2", #""b""#, "null"]),
    Conformance(
      #"{"type":"object","anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{"const":2}},"required":["b"]}],"allOf":[{"anyOf":[{"properties":{"c":{"const":3}},"required":["c"]},{"properties":{"d":{"const":4}},"required":["d"]}]}]}"#,
      [#"{"a":1,"c":3}"#, #"{"b":2,"d":4}"#, #"{"a":1,"d":4}"#],
      not: [#"{"a":1}"#, #"{"c":3}"#, #"{"a":1,"b":2}"#, "{}"]),
    Conformance(
      #"{"allOf":[{"oneOf":[{"const":1},{"const":2},{"const":3}]},{"oneOf":[{"const":2},{"const":3}]},{"oneOf":[{"const":3},{"const":4}]}]}"#,
      ["3"], not: ["1", "2", "4"]),
    Conformance(
      #"{"allOf":[{"pattern":"^[a-z]+$"},{"pattern":"x"},{"minLength":3,"maxLength":4}],"type":"string"}"#,
      [#""axb""#, #""xxxx""#], not: [#""abc""#, #""x""#, #""axbcd""#, #""Axb""#]),
    Conformance(
      #"{"type":"string","allOf":[{"format":"date"},{"pattern":"^20"}]}"#, [#""2026-11-27""#],
      not: [#""1999-11-27""#, #""20""#]),
    Conformance(
      #"{"type":"string","allOf":[{"pattern":"\"$"},{"pattern":"^\n"}]}"#, [#""\n\"""#, #""\n日\"""#],
      not: [#""\n""#, #""\"""#, #""""#]),
    Conformance(
      #"{"required":["a"],"allOf":[{"properties":{"a":{"type":"string","pattern":"^20"}}},{"properties":{"a":{"format":"date"}}},{"properties":{"a":{"pattern":"7$"}}}]}"#,
      [#"{"a":"2026-11-27"}"#], not: [#"{"a":"20"}"#, #"{"a":"2026-11-28"}"#, #"{"a":"207"}"#]),
    Conformance(
      #"{"type":"object","allOf":[{"patternProperties":{"^a":{"type":"integer"}}},{"properties":{"ab":{"minimum":3},"c":{"const":1}}},{"patternProperties":{"b$":{"maximum":5}}}]}"#,
      ["{}", #"{"ab":4,"c":1}"#, #"{"c":1,"a":7}"#, #"{"b":5}"#, #"{"c":1,"aab":-1}"#],
      not: [#"{"ab":2}"#, #"{"ab":6}"#, #"{"b":6}"#, #"{"aab":6}"#, #"{"d":1}"#]),
  ]

  /// What is evaluated and what depends on other members.
  static let dependent = [
    Conformance(
      #"{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"oneOf":[{"required":["a"]},{"required":["b"],"title":"t"}],"additionalProperties":false}"#,
      [#"{"a":1}"#, #"{"b":2,"c":3}"#], not: ["{}", #"{"c":3}"#, #"{"a":1,"b":2}"#]),
    Conformance(
      #"{"oneOf":[{"required":["a","b"]},{"required":["b"]},{"const":7}],"additionalProperties":{"type":"null"}}"#,
      [#"{"b":null}"#], not: [#"{"a":null,"b":null}"#, "{}"]),
    Conformance(
      #"{"allOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":{"const":2}},"required":["c"]}],"properties":{"c":{"const":3}},"unevaluatedProperties":false}"#,
      [#"{"c":3}"#, #"{"c":3,"a":1,"b":2}"#], not: ["{}", #"{"c":3,"d":1}"#]),
    Conformance(#"{"type":"object","unevaluatedProperties":false}"#, ["{}"], not: [#"{"a":1}"#]),
    Conformance(
      #"{"anyOf":[{"required":["a"],"unevaluatedProperties":false},{"const":1}]}"#, ["1"], not: [#"{"a":1}"#]),
    Conformance(
      #"{"allOf":[{"additionalProperties":{"type":"null"}}],"unevaluatedProperties":false}"#,
      [#"{"a":null}"#], not: [#"{"a":1}"#]),
    Conformance(
      #"{"allOf":[{"prefixItems":[{"const":1}]}],"unevaluatedItems":false}"#, ["[1]", "[]"], not: ["[1,2]"]),
    Conformance(#"{"type":"array","unevaluatedItems":false}"#, ["[]"], not: ["[1]"]),
    Conformance(
      #"{"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"dependentRequired":{"a":["b"],"c":["a"]}}"#,
      ["{}", #"{"b":2}"#, #"{"a":1,"b":2}"#, #"{"a":1,"b":2,"c":3}"#],
      not: [#"{"a":1}"#, #"{"c":3}"#, #"{"a":1,"c":3}"#, #"{"b":2,"c":3}"#]),
    Conformance(
      #"{"type":"object","properties":{"a":{"const":1}},"dependentRequired":{"a":["z"]},"additionalProperties":{"const":0}}"#,
      ["{}", #"{"a":1,"z":0}"#, #"{"z":0}"#], not: [#"{"a":1}"#, #"{"a":1,"y":0}"#]),
  ]

  /// Keywords about values of another type say nothing about constants.
  static let constants = [
    Conformance(
      #"{"anyOf":[{"const":1},{"enum":["a",{}]},{"const":null}],"type":["string","null","integer"],"properties":{"a":{"pattern":"x"}},"maxItems":1}"#,
      ["1", #""a""#, "null"], not: ["{}", "2"])
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

  @Test(arguments: kept + equalValues + combined + dependent + constants + contradictions)
  func bothSchemasHold(
    _ conformance: Conformance
  ) throws {
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
    (
      #"{"allOf":[{"patternProperties":{"^a":{}},"additionalProperties":{"type":"null"}},{"properties":{"ab":{}}}]}"#,
      "schema.allOf[0]: expected no 'additionalProperties' next to 'patternProperties'"
    ),
    (
      #"{"allOf":[{"patternProperties":{"^a":{}}},{"additionalProperties":false}]}"#,
      "schema.allOf[1]: expected no 'additionalProperties' next to 'patternProperties'"
    ),
    // Each sentence has the path at which the keyword was written, wherever it is found after merging.
    (
      #"{"allOf":[{"type":"number"},{"minimum":1e30}]}"#, "schema.allOf[1]: expected an integer"
    ),
    (
      #"{"allOf":[{"type":"number","minimum":1},{"minimum":0.5}],"minimum":1e30}"#,
      "schema: expected an integer"
    ),
    (
      ##"{"properties":{"a":{"title":"t","$ref":"#/$defs/x"}},"$defs":{"x":{"properties":{"b":{"items":{"not":{}}}}}}}"##,
      "schema.$defs.x.properties.b.items: expected"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"string","format":"color"}},"anyOf":[{"required":["a"]}]}"#,
      "schema.properties.a: expected a format"
    ),
    (
      #"{"type":"object","properties":{"a":{"maxLength":3}},"anyOf":[{"properties":{"a":{"format":"color"}}}]}"#,
      "schema.anyOf[0].properties.a: expected a format"
    ),
    (
      #"{"type":"object","properties":{"a":{"format":"color"}},"anyOf":[{"properties":{"a":{"maxLength":3}}}]}"#,
      "schema.properties.a: expected a format"
    ),
    (
      #"{"allOf":[{"additionalProperties":{"format":"color"}},{"properties":{"a":{"type":"string"}}}]}"#,
      "schema.allOf[0].additionalProperties: expected a format"
    ),
    (
      #"{"allOf":[{"items":[{}],"additionalItems":{"not":{}}},{"items":[{},{"maxLength":3}]}]}"#,
      "schema.allOf[0].additionalItems: expected"
    ),
    (
      #"{"allOf":[{"anyOf":[{"type":"string"},{"type":"null"}]},{"anyOf":[true,{"format":"color"}]}]}"#,
      "schema.allOf[1].anyOf[1]: expected a format"
    ),
    (
      #"{"anyOf":[{"allOf":[{"format":"color"},{"maxLength":3}]}],"allOf":[{"anyOf":[{"type":"string"}]}]}"#,
      "schema.anyOf[0].allOf[0]: expected a format"
    ),
    (
      #"{"properties":{"a":{}},"allOf":[{"properties":{"b":{}},"unevaluatedProperties":false}]}"#,
      "schema.allOf[0]: expected no 'additionalProperties' or 'unevaluatedProperties': false"
    ),
    (#"{"allOf":[{"title":"t"},{"pattern":"(?<=a)"}]}"#, "schema.allOf[1].pattern: expected a plain group"),
    (
      #"{"patternProperties":{"^a":{"maxLength":3},"b$":{"format":"color"}}}"#,
      "schema.patternProperties.b$: expected a format"
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
    do throws(GrammarError) {
      _ = try Constraint.Kind.jsonSchema(schema).grammar()
    } catch {
      refusal = error
    }
    #expect((refusal == nil) == isTaken, "\(refusal?.description ?? "taken")")
    if !isTaken { #expect(refusal?.description.contains("make it smaller") == true) }
  }

  private static let long = String(repeating: "k", count: 200_000)

  private func refusal(_ schema: JSONValue) -> String {
    do throws(GrammarError) {
      _ = try Constraint.Kind.jsonSchema(schema).grammar()
      return "taken"
    } catch {
      return error.description
    }
  }

  /// Each of 30 references counts as many steps as its text is long: more than all are allowed together.
  @Test func longPointersAreCounted() throws {
    let pointer: JSONValue = ["$ref": .string("#/$defs/\(Self.long)"), "title": "t"]
    let definitions = JSONObject(uniqueMembers: [
      .init(key: "a", value: pointer), .init(key: Self.long, value: [:]),
    ])
    for (count, isTaken) in [(2, true), (30, false)] {
      let schema: JSONValue = [
        "$defs": .object(definitions), "allOf": Self.copies(["$ref": "#/$defs/a"], count),
      ]
      let sentence = refusal(schema)
      #expect(isTaken ? sentence == "taken" : sentence.contains("make it smaller"), "\(sentence)")
    }
  }

  /// Each schema has a path of its own, so a long key is cut in it.
  @Test func longKeysAreCutInPaths() throws {
    let inner: JSONValue = ["properties": ["p": ["not": [:]]]]
    let keys = JSONObject(uniqueMembers: [.init(key: Self.long, value: inner)])
    let sentence = refusal(["properties": .object(keys)])
    #expect(sentence.contains(".properties.p: expected keywords") && sentence.utf8.count < 300, "\(sentence)")
  }
}
