import QuireGrammar
import QuireJSON
import TestSupport
import Testing

@Suite struct SchemaReaderTests {
  static let scalars = [
    Conformance("{}", ["1", "null", "[]", "{\"a\":[1,{}]}", "\"x\""], not: ["", "nul", "[1,]", "{,}"]),
    Conformance("true", ["1", "{}"], not: [""]),
    Conformance(#"{"type":"null"}"#, ["null"], not: ["nul", "0"]),
    Conformance(#"{"type":"boolean"}"#, ["true", "false"], not: ["True", "1"]),
    Conformance(
      #"{"type":"integer"}"#, ["0", "7", "-12", "123456789012345678"],
      not: ["", "-", "-0", "01", "1.0", "1e3", "1234567890123456789"]),
    Conformance(
      #"{"type":"number"}"#, ["0", "-0", "1.5", "-3e10", "2E+05", "10.25e-3"],
      not: ["", ".5", "1.", "01", "+1", "1e", "NaN", "1e999"]),
    Conformance(
      #"{"type":"integer","minimum":5}"#, ["5", "6", "10", "99", "100000"], not: ["4", "0", "-5", "05"]),
    Conformance(
      #"{"type":"integer","minimum":-3,"maximum":12}"#, ["-3", "-1", "0", "9", "10", "12"],
      not: ["-4", "13", "20", "-0", "-10"]),
    Conformance(
      #"{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":100}"#, ["1", "99", "50"],
      not: ["0", "100", "-1", "150"]),
    Conformance(
      #"{"type":"integer","minimum":187,"maximum":2045}"#, ["187", "199", "999", "1000", "2045", "1999"],
      not: ["186", "2046", "18", "2100", "9999", "87"]),
    Conformance(#"{"type":"integer","maximum":-7}"#, ["-7", "-10", "-99"], not: ["-6", "0", "7"]),
    Conformance(#"{"type":"integer","minimum":0.5,"maximum":2.5}"#, ["1", "2"], not: ["0", "3"]),
    Conformance(
      #"{"type":"number","minimum":0,"maximum":1}"#, ["0", "1", "0.5", "1.0", "0.000", "1.00"],
      not: ["1.01", "-0.1", "2", "10"]),
    Conformance(#"{"type":"number","exclusiveMinimum":0}"#, ["0.01", "1", "17.5"], not: ["0", "0.0", "-1"]),
    Conformance(
      #"{"type":"number","minimum":-5,"maximum":3}"#, ["-5", "-4.9", "-0.5", "2.99", "3.0", "0"],
      not: ["-5.1", "3.1", "4", "-6"]),
    Conformance(
      #"{"type":"number","minimum":-9,"exclusiveMaximum":-2}"#, ["-9", "-2.5", "-8.1", "-9.0", "-2.01"],
      not: ["-2", "-2.0", "-9.1", "0", "2"]),
    Conformance(
      #"{"type":"number","exclusiveMinimum":5,"exclusiveMaximum":6}"#,
      ["5.1", "5.00001", "5.12345678901234", "5.99999999999999"],
      not: ["5", "6", "5.0", "5.0000000000000004000000000000000", "5.9999999999999999", "5.000000000000000"]),
    Conformance(
      #"{"type":"number","exclusiveMinimum":-1,"exclusiveMaximum":1}"#,
      ["0", "-0.5", "0.99999999999999", "0.00001"], not: ["0.99999999999999999", "-0.99999999999999999", "1"]),
    Conformance(
      #"{"type":"number","exclusiveMinimum":9007199254740992,"maximum":90071992547409930}"#,
      ["9007199254740994", "10000000000000000", "90071992547409930"],
      not: ["9007199254740992", "9007199254740993", "9007199254740992.5", "9007199254740994.0"]),
    Conformance(
      #"{"type":"number","minimum":99999999999998}"#,
      ["99999999999998.5", "100000000000000", "999999999999999", "123456789012345678"],
      not: ["99999999999998.55", "100000000000000.55", "1000000000000000.5"]),
    Conformance(#"{"minimum":3}"#, ["3", "4.5"], not: ["2", "\"x\""]),
    Conformance(
      #"{"type":"string"}"#, [#""""#, #""a é 日 😀""#, #""\n\"\\\/\u00e9\ud83d\ude00""#],
      not: ["", "\"", "a", "\"a\n\"", #""\x""#, #""\ud83d""#, #""\ude00""#, #""\u12""#]),
    Conformance(
      #"{"type":"string","minLength":2,"maxLength":3}"#, [#""ab""#, #""日本語""#, #""\n\ud83d\ude00""#],
      not: [#""a""#, #""abcd""#, #""""#]),
    Conformance(#"{"type":"string","maxLength":0}"#, [#""""#], not: [#""a""#]),
    Conformance(#"{"type":"string","minLength":3}"#, [#""abc""#, #""abcdefgh""#], not: [#""ab""#]),
    Conformance(#"{"type":"string","pattern":"^[a-z]+$"}"#, [#""abc""#], not: [#""""#, #""Abc""#, "abc"]),
    Conformance(
      #"{"type":"string","pattern":"^.$"}"#, [#""a""#, "\"\u{85}\""],
      not: [#""\n""#, #""\r""#, "\"\u{2028}\"", "\"\u{2029}\""]),
    Conformance(
      #"{"type":"string","pattern":"^\\s+$"}"#, ["\" \u{A0}\u{FEFF}\u{2003}\u{2029}\""],
      not: [#""a""#, "\"\u{85}\"", #""\u001c""#]),
    Conformance(
      #"{"type":"string","pattern":"^\\S$"}"#, [#""a""#, "\"\u{85}\""],
      not: [#"" ""#, "\"\u{A0}\"", "\"\u{FEFF}\"", "\"\u{2028}\"", "\"\u{3000}\""]),
    Conformance(#"{"type":"string","pattern":"b+"}"#, [#""abba""#, #""b""#], not: [#""aa""#]),
    Conformance(#"{"type":"string","pattern":"^a|z$"}"#, [#""ab""#, #""bz""#], not: [#""b""#]),
    Conformance(
      #"{"type":"string","pattern":"^[a-z]+(-[a-z]+)*$","minLength":3,"maxLength":9}"#,
      [#""abc""#, #""abcde""#, #""abc-de""#], not: [#""ab""#, #""abcdefghij""#, #""abc-""#, #""aaa-bbb-cc""#]),
    Conformance(
      #"{"type":"string","pattern":"^\\d{2,30}$","minLength":4,"maxLength":6}"#, [#""1234""#, #""123456""#],
      not: [#""123""#, #""1234567""#]),
    Conformance(
      #"{"type":"string","pattern":"\n","maxLength":3}"#, [#""\n""#, #""a\nb""#],
      not: [#""abc""#, #""aa\nbb""#]),
    Conformance(
      #"{"type":"string","format":"uri","minLength":1,"maxLength":2083}"#,
      [#""https://example.org/a?b=c#d""#], not: [#""""#, #""no uri""#]),
    Conformance(
      #"{"type":"integer","enum":[1,5,9],"minimum":4,"exclusiveMaximum":9}"#, ["5"], not: ["1", "9"]),
    Conformance(#"{"enum":["a","bc",7],"minLength":2}"#, [#""bc""#, "7"], not: [#""a""#]),
    Conformance(
      #"{"enum":["a","bc","b",7],"pattern":"^b","maxLength":1}"#, [#""b""#, "7"], not: [#""a""#, #""bc""#]),
    Conformance(
      #"{"enum":["2024-02-30","2024-02-28","x"],"type":"string","format":"date"}"#, [#""2024-02-28""#],
      not: [#""x""#]),
    Conformance(#"{"const":"a","format":"path","maxLength":100000}"#, [#""a""#], not: [#""b""#]),
    Conformance(
      #"{"type":"integer","minimum":0,"exclusiveMinimum":true,"maximum":9,"exclusiveMaximum":false}"#,
      ["1", "9"], not: ["0", "10"]),
    Conformance(
      #"{"type":"number","maximum":1.5,"exclusiveMaximum":true}"#, ["1.4", "0"], not: ["1.5", "1.50", "2"]),
    Conformance(
      #"{"type":"string","pattern":"^\\p{Lu}\\p{Ll}+[\\pN_]\\P{L}$"}"#, [#""Élan٣-""#, #""Ab_1""#],
      not: [#""ab_1""#, #""Ab_c""#, #""AB_1""#]),
    Conformance(
      #"{"type":"string","pattern":"^[\\p{Letter}\\P{gc=L}]$"}"#, [#""é""#, #""1""#, "\"\u{378}\""],
      not: [#""""#]),
    Conformance(#"{"type":"string","pattern":"^\\P{L}$"}"#, [#""1""#], not: [#""a""#, "\"\u{378}\""]),
    Conformance(
      #"{"type":"string","pattern":"^\"\\\\\\n.$"}"#, [#""\"\\\nx""#, #""\"\\\n\"""#], not: [#""x""#]),
    Conformance(
      #"{"type":"string","pattern":"^[^a]$"}"#, [#""b""#, #""\"""#, #""\n""#], not: [#""a""#, "\"\n\""]),
    Conformance(
      #"{"type":"string","format":"uri-reference"}"#,
      [#""""#, #""/""#, #""/a/b?c=d#e""#, #""a//b""#, #""https://a.b/c""#, #""?q""#],
      not: [#""//a""#, #""1a:b""#, #""a b""#]),
    Conformance(#"{"type":"string","format":"url"}"#, [#""https://a.b/""#], not: [#""/a""#, #""""#]),
    Conformance(
      #"{"type":"string","format":"json-pointer"}"#, [#""""#, #""/a~1b/0""#, #""/\"""#, #""/""#],
      not: [#""a""#, #""/~2""#, #""/~""#]),
    Conformance(
      #"{"type":"string","format":"ipvanyaddress"}"#, [#""10.0.0.1""#, #""0:0:0:0:0:0:0:1""#],
      not: [#""10.0.0""#]),
    Conformance(
      #"{"type":"string","format":"ulid"}"#, [#""01ARZ3NDEKTSV4RRFFQ69G5FAV""#],
      not: [#""81ARZ3NDEKTSV4RRFFQ69G5FAV""#, #""01ARZ3NDEKTSV4RRFFQ69G5FAU""#]),
    Conformance(#"{"type":"string","format":"idn-email"}"#, [#""a@b.c""#], not: [#""a""#]),
    Conformance(
      #"{"type":"string","format":"date"}"#, [#""2026-11-27""#, #""0001-01-01""#, #""2000-12-31""#],
      not: [#""2026-13-01""#, #""2026-02-30""#, #""0000-01-01""#]),
    Conformance(
      #"{"type":"string","format":"date-time"}"#,
      [#""2026-11-27T23:59:01.5Z""#, #""2026-01-31T00:00:00+02:00""#],
      not: [#""2026-11-27""#, #""2026-11-27T24:00:00Z""#, #""0000-11-27T23:59:01Z""#]),
    Conformance(#"{"type":"string","format":"time"}"#, [#""10:00:00Z""#], not: [#""10:00Z""#]),
    Conformance(
      #"{"type":"string","format":"duration"}"#, [#""P1DT2H""#, #""PT5M""#, #""P3W""#],
      not: [#""P""#, #""PT""#]),
    Conformance(
      #"{"type":"string","format":"email"}"#, [#""a.b@example.org""#], not: [#""a@""#, #""@b""#, #""a b@c""#]),
    Conformance(
      #"{"type":"string","format":"uuid"}"#, [#""123e4567-e89b-12d3-a456-426614174000""#],
      not: [#""123e4567""#]),
    Conformance(
      #"{"type":"string","format":"ipv4"}"#, [#""192.168.0.255""#], not: [#""256.1.1.1""#, #""1.2.3""#]),
    Conformance(#"{"type":"string","format":"ipv6"}"#, [#""1:2:3:4:5:6:7:8""#], not: [#""1:2""#]),
    Conformance(
      #"{"type":"string","format":"hostname"}"#, [#""a.example.org""#], not: [#""-a""#, #""a..b""#]),
    Conformance(
      #"{"type":"string","format":"uri"}"#, [#""https://a.b/c?d=e#f""#, #""urn:x""#],
      not: [#""a b""#, #""x""#]),
    Conformance(
      #"{"enum":["a",1,null,true,"q\"",{"k":[1]}]}"#,
      [#""a""#, "1", "null", "true", #""q\"""#, #"{"k":[1]}"#, #"{ "k": [1] }"#],
      not: [#""b""#, "2", "{}"]),
    Conformance(#"{"type":"string","enum":["a",1]}"#, [#""a""#], not: ["1"]),
    Conformance(
      #"{"const":{"a":1,"b":[]}}"#, [#"{"a":1,"b":[]}"#, #"{"a": 1, "b": []}"#],
      not: [#"{"b":[],"a":1}"#, "{}"]),
    Conformance(#"{"type":["string","null"]}"#, [#""x""#, "null"], not: ["1"]),
    Conformance(#"{"type":["number","integer"]}"#, ["1", "1.5"], not: ["null"]),
    Conformance(#"{"type":"integer","nullable":true}"#, ["1", "null"], not: ["true"]),
    Conformance(
      #"{"type":"string","title":"t","description":"d","default":1,"examples":[2],"x-y":3,"$comment":"c"}"#,
      [#""a""#], not: ["1"]),
  ]

  static let containers = [
    Conformance(
      #"{"type":"array"}"#, ["[]", "[ ]", "[1, \"a\", [null]]", "[\n  1,\n  2\n]"],
      not: ["[1,]", "[,1]", "[1 2]"]),
    Conformance(
      #"{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}"#, ["[1]", "[1,2,3]"],
      not: ["[]", "[1,2,3,4]", "[\"a\"]"]),
    Conformance(
      #"{"prefixItems":[],"items":{"type":"integer"},"minItems":2}"#, ["[1,2]"],
      not: ["[]", "[1]", "[\"a\",1]"]),
    Conformance(
      #"{"type":"array","items":{"type":"null"},"minItems":2}"#, ["[null,null]", "[null,null,null]"],
      not: ["[null]"]),
    Conformance(#"{"type":"array","maxItems":0}"#, ["[]"], not: ["[1]"]),
    Conformance(#"{"type":"array","items":false}"#, ["[]"], not: ["[1]"]),
    Conformance(
      #"{"prefixItems":[{"type":"integer"},{"type":"string"}]}"#, ["[]", "[1]", "[1,\"a\"]"],
      not: ["[\"a\"]", "[1,\"a\",2]"]),
    Conformance(
      #"{"prefixItems":[{"type":"integer"},{"type":"string"}],"minItems":2,"items":false}"#, ["[1,\"a\"]"],
      not: ["[1]", "[]", "[1,\"a\",2]"]),
    Conformance(
      #"{"items":[{"type":"integer"},{"type":"null"}],"minItems":2}"#, ["[1,null]"],
      not: ["[]", "[1]", "[1,null,null]"]),
    Conformance(
      #"{"items":[{"type":"integer"}],"additionalItems":{"type":"null"}}"#, ["[]", "[1]", "[1,null,null]"],
      not: ["[null]", "[1,1]"]),
    Conformance(
      #"{"prefixItems":[{"type":"integer"}],"items":{"type":"null"},"minItems":2,"maxItems":3}"#,
      ["[1,null]", "[1,null,null]"], not: ["[1]", "[1,null,null,null]", "[1,2]"]),
    Conformance(
      #"{"type":"object"}"#, ["{}", "{ }", #"{"a": {"b": []}}"#, "{\n\t\"a\": 1\n}"],
      not: ["{a:1}", #"{"a" :1}"#, "[]"]),
    Conformance(#"{"type":"object","additionalProperties":false}"#, ["{}"], not: [#"{"a":1}"#]),
    Conformance(#"{"type":"object","properties":{}}"#, ["{}", "{ }"], not: [#"{"a":1}"#]),
    Conformance(
      #"{"type":"object","properties":{},"required":[],"additionalProperties":true}"#, ["{}", #"{"a":1}"#],
      not: ["[]"]),
    Conformance(
      #"{"allOf":[{"type":"object","properties":{}},{"properties":{"a":{"const":1}}}]}"#,
      ["{}", #"{"a":1}"#], not: [#"{"b":1}"#]),
    Conformance(
      #"{"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2}"#,
      [#"{"a":1}"#, #"{"a":1,"b":2}"#], not: ["{}", #"{"a":"x"}"#, #"{"a":1,"b":2,"c":3}"#]),
    Conformance(
      #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a","b"],"additionalProperties":false}"#,
      [#"{"a":1,"b":"x"}"#, #"{"a": 1, "b": "x"}"#, "{\n  \"a\": 1,\n  \"b\": \"x\"\n}"],
      not: [
        #"{"b":"x","a":1}"#, #"{"a":1}"#, "{}", #"{"a":1,"b":"x","c":2}"#, #"{"a":1,"b":"x",}"#,
        #"{"a":1 ,"b":"x"}"#,
      ]),
    Conformance(
      #"{"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}}}"#,
      [
        "{}", #"{"a":1}"#, #"{"b":2}"#, #"{"c":3}"#, #"{"a":1,"c":3}"#, #"{"a":1,"b":2,"c":3}"#,
        #"{"b":2,"c":3}"#,
      ],
      not: [#"{"c":3,"a":1}"#, #"{"a":1,"a":1}"#, #"{,"a":1}"#, #"{"a":1,}"#, #"{"d":4}"#]),
    Conformance(
      #"{"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["b"]}"#,
      [#"{"b":2}"#, #"{"a":1,"b":2}"#, #"{"b":2,"c":3}"#], not: ["{}", #"{"a":1}"#, #"{"a":1,"c":3}"#]),
    Conformance(
      #"{"properties":{"ab":{"const":1}},"additionalProperties":{"type":"null"}}"#,
      ["{}", #"{"ab":1}"#, #"{"ab":1,"x":null,"abc":null,"a":null}"#, #"{"x":null}"#, #"{"":null}"#],
      not: [#"{"ab":null}"#, #"{"x":1}"#, #"{"x":null,"ab":1}"#, #"{"ab":1,"ab":null}"#]),
    Conformance(
      #"{"properties":{"ab":{"const":1}},"required":["ab","é"],"additionalProperties":{"type":"null"}}"#,
      [#"{"ab":1,"é":null}"#, #"{"ab":1,"é":null,"z":null}"#], not: [#"{"ab":1}"#, #"{"é":null,"ab":1}"#]),
    Conformance(
      #"{"properties":{"a\"\n":{"const":1}},"required":["a\"\n"]}"#, [#"{"a\"\n":1}"#], not: ["{}"]),
    Conformance(#"{"properties":{"a":false,"b":{"const":1}}}"#, ["{}", #"{"b":1}"#], not: [#"{"a":1}"#]),
    Conformance(
      #"{"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]}"#, ["5", #""a""#],
      not: [#""ab""#, "null"]),
    Conformance(#"{"oneOf":[{"const":1},{"const":2}]}"#, ["1", "2"], not: ["3"]),
    Conformance(
      #"{"type":"object","properties":{"k":{"const":"a"}},"required":["k"],"anyOf":[{"properties":{"x":{"const":1}},"required":["x"]},{"properties":{"y":{"const":2}},"required":["y"]}]}"#,
      [#"{"k":"a","x":1}"#, #"{"k":"a","y":2}"#], not: [#"{"k":"a"}"#, #"{"x":1}"#]),
    Conformance(#"{"allOf":[{"type":"integer","minimum":3},{"maximum":5}]}"#, ["3", "5"], not: ["2", "6"]),
    Conformance(
      ##"{"allOf":[{"$ref":"#/$defs/a"}],"description":"d","$defs":{"a":{"type":"boolean"}}}"##, ["true"],
      not: ["1"]),
    Conformance(
      #"{"allOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{"const":2},"a":{"type":"integer"}},"required":["b"]}]}"#,
      [#"{"a":1,"b":2}"#], not: [#"{"a":1}"#, #"{"a":3,"b":2}"#]),
    Conformance(
      #"{"allOf":[{"type":["string","integer"]},{"type":["number","null"]}]}"#, ["1"],
      not: ["1.5", "null", #""a""#]),
    Conformance(
      ##"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"]}}}"##,
      [#"{"v":1,"next":null}"#, #"{"v":1,"next":{"v":2,"next":null}}"#],
      not: [#"{"v":1}"#, #"{"v":1,"next":{}}"#]),
    Conformance(
      ##"{"type":"array","items":{"anyOf":[{"$ref":"#"},{"const":0}]}}"##, ["[]", "[0,[0,[]]]"],
      not: ["0", "[1]"]),
    Conformance(
      ##"{"properties":{"a~/b":{"type":"null"},"c":{"$ref":"#/properties/a~0~1b"}},"required":["c"]}"##,
      [#"{"c":null}"#], not: [#"{"c":1}"#]),
    Conformance(
      ##"{"type":"array","uniqueItems":true,"items":{"$ref":"#/$defs/c"},"$defs":{"c":{"enum":["r","g",1,1.0]}}}"##,
      ["[]", #"["r"]"#, #"["g","r"]"#, #"[1,"r","g"]"#, "[ 1, \"g\" ]"],
      not: [#"["r","r"]"#, "[1,1]", #"["r",]"#, #"["r","g",1,"r"]"#, #"["b"]"#]),
    Conformance(
      #"{"uniqueItems":true,"minItems":1,"maxItems":2,"items":{"enum":[1,2,3,4,5,6,7,8,9,10]}}"#,
      ["[10]", "[3,1]"], not: ["[]", "[1,2,3]", "[1,1]"]),
    Conformance(##"{"definitions":{"x y":{"const":9}},"$ref":"#/definitions/x%20y"}"##, ["9"], not: ["8"]),
    Conformance(
      ##"{"$ref":"#/$defs/s","maxLength":2,"$defs":{"s":{"type":"string"}}}"##, [#""ab""#], not: [#""abc""#]),
  ]

  /// Clients write such limits to be safe; each is counted exactly.
  @Test func largeCountsAreHeld() throws {
    for count in [10_001, 12_345, 100_000] {
      let text = try GrammarFixtures.schema(#"{"type":"string","minLength":3,"maxLength":\#(count)}"#)
      for (length, isAllowed) in [
        (2, false), (3, true), (999, true), (1_000, true), (1_003, true), (2_500, true), (count - 1, true),
        (count, true), (count + 1, false),
      ] {
        let answer = "\"" + String(repeating: "é", count: length) + "\""
        #expect(text.accepts(answer) == isAllowed, "\(length) of \(count)")
      }
      let list = try GrammarFixtures.schema(
        #"{"prefixItems":[{"const":0}],"items":{"const":1},"maxItems":\#(count)}"#)
      for (length, isAllowed) in [(0, true), (count - 1, true), (count, false)] {
        let answer = "[0" + String(repeating: ",1", count: length) + "]"
        #expect(list.accepts(answer) == isAllowed, "\(length) of \(count)")
      }
    }
    let bound = try GrammarFixtures.schema(#"{"type":"string","maxLength":2147483647}"#)
    #expect(bound.accepts("\"" + String(repeating: "ab", count: 30_000) + "\""))
  }

  /// Each automaton has limits of its own; many of them have one together.
  @Test func automatonsOfManyPatternsAreLimited() {
    let properties = (0..<600).map { index in
      #""p\#(index)":{"type":"string","allOf":[{"pattern":"^(a|b)*a.{8}\#(index)"},{"pattern":"b"}]}"#
    }
    #expect(throws: GrammarError.self) {
      try GrammarFixtures.schema(#"{"properties":{\#(properties.joined(separator: ","))}}"#)
    }
  }

  @Test func wordsThatAreNoKeywordsSayNothing() throws {
    let schema = #"{"type":"integer","strict":true,"x-order":1,"title":"n","minimun":5,"maximum":3}"#
    let constraint = try GrammarFixtures.schema(schema)
    #expect(constraint.accepts("2") && !constraint.accepts("4") && !constraint.accepts("true"))
  }

  @Test(arguments: scalars + containers) func valuesAreAcceptedOrRefused(_ conformance: Conformance) throws {
    conformance.check(try GrammarFixtures.schema(conformance.source))
  }

  static let refused: [(String, String, String?)] = [
    (
      #"{"type":"integer","multipleOf":0}"#, "schema: expected a number above 0 in 'multipleOf'", "multipleOf"
    ),
    (#"{"type":"number","multipleOf":-0.5}"#, "found -0.5; use one", "multipleOf"),
    (#"{"type":"number","multipleOf":1e-10}"#, "at most 9 digits after the point", "multipleOf"),
    (#"{"type":"number","multipleOf":1e-999999999999999999999}"#, "'multipleOf'", "multipleOf"),
    (#"{"type":"number","multipleOf":"2"}"#, "'multipleOf'", "multipleOf"),
    (#"{"type":"integer","multipleOf":9999999999}"#, "'multipleOf'", "multipleOf"),
    (
      #"{"properties":{"a":{"multipleOf":9973}}}"#, "schema.properties.a: expected a 'multipleOf' that 4096",
      "multipleOf"
    ),
    (#"{"type":"integer","multipleOf":1000,"minimum":1,"maximum":999}"#, "that some text satisfies", nil),
    (#"{"enum":[1,2],"multipleOf":0}"#, "expected a number above 0 in 'multipleOf'", "multipleOf"),
    (#"{"multipleOf":5,"minimum":true}"#, "expected a number in minimum, found true", "minimum"),
    (#"{"properties":{"a":{"items":{"not":{}}}}}"#, "schema.properties.a.items: expected keywords", "not"),
    (#"{"if":{},"then":{}}"#, "found 'if'", "if"),
    (#"{"uniqueItems":true}"#, "'uniqueItems'", "uniqueItems"),
    (#"{"contains":{}}"#, "'contains'", "contains"),
    (
      #"{"type":"object","strict":true,"dependentSchemas":{"a":{}}}"#, "'dependentSchemas'",
      "dependentSchemas"
    ),
    (#"{"dependentRequired":{"a":"b"}}"#, "lists of names in dependentRequired", "dependentRequired"),
    (#"{"unevaluatedProperties":{"type":"null"}}"#, "'unevaluatedProperties'", "unevaluatedProperties"),
    (#"{"type":"text"}"#, "expected a type among", "type"), (#"{"type":7}"#, "expected a type among", "type"),
    (#"{"type":"string","format":"color"}"#, "expected a format among", "format"),
    (
      #"{"type":"string","format":"date","maxLength":3}"#,
      "expected a 'format' whose texts can have the length",
      "format"
    ),
    (#"{"type":"string","pattern":"^ab?$","minLength":3}"#, "expected a 'pattern' whose texts", "pattern"),
    (
      #"{"minLength":5,"pattern":"^(((((a{9999}){9999}){9999}){9999}){9999})*$"}"#,
      "expected a constraint of at most 400000 states", nil
    ),
    (
      "{\"pattern\":\"a" + String(repeating: "{1}", count: 80_000) + "\"}", "at most one quantifier",
      "pattern"
    ),
    (#"{"enum":[3],"minimum":"4"}"#, "expected a number in minimum", "minimum"),
    (#"{"const":3,"minimum":4}"#, "expected a constraint that some text satisfies", nil),
    (#"{"enum":[["ab"]],"minItems":1}"#, "bounds of numbers and lengths next to 'enum'", "minItems"),
    (#"{"enum":["ab"],"format":"color"}"#, "expected a format among", "format"),
    (#"{"enum":["ab"],"pattern":"^b"}"#, "expected a constraint that some text satisfies", nil),
    (
      #"{"exclusiveMinimum":true}"#, "expected 'minimum' next to 'exclusiveMinimum': true", "exclusiveMinimum"
    ),
    (#"{"minimum":"1","exclusiveMinimum":true}"#, "expected", "exclusiveMinimum"),
    (
      #"{"uniqueItems":true,"items":{"enum":[1,2,3,4,5,6,7,8,9,10,11]}}"#,
      "whose items are at most 10 values in 'enum', found 'uniqueItems'", "uniqueItems"
    ),
    (#"{"type":"string","pattern":"(?=a)"}"#, "schema.pattern: expected lookaheads only after ^", "pattern"),
    (#"{"type":"string","minLength":3,"maxLength":2}"#, "minLength at most maxLength", "minLength"),
    (#"{"type":"string","maxLength":1e30}"#, "expected a count from 0 to 9007199254740992", "maxLength"),
    (#"{"type":"string","minLength":10001}"#, "expected a count from 0 to 10000", "minLength"),
    (#"{"type":"array","minItems":-1}"#, "expected a count from 0", "minItems"),
    (#"{"prefixItems":[{}],"items":[{}]}"#, "one schema in items next to prefixItems", "items"),
    (#"{"type":"number","minimum":1e30}"#, "expected an integer of at most 18 digits in minimum", "minimum"),
    (#"{"prefixItems":[],"items":false,"minItems":1}"#, "expected a constraint that some text", nil),
    (#"{"enum":[]}"#, "expected", nil),
    (#"{"$ref":"http://x/y"}"#, "expected a $ref into the schema itself", "$ref"),
    (##"{"$ref":"#/$defs/gone"}"##, "expected a $ref to a schema that is there", "$ref"),
    (##"{"$ref":"#"}"##, "expected a constraint that some text satisfies", nil),
    (##"{"allOf":[{"$ref":"#"}]}"##, "remove the circle", "allOf"),
    ("false", "expected a constraint that some text satisfies", nil), ("7", "expected a schema", nil),
    (
      #"{"required":["a"],"additionalProperties":false}"#, "expected a constraint that some text satisfies",
      nil
    ),
    (
      ##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##,
      "expected a constraint that some text", nil
    ),
    (#"{"anyOf":[]}"#, "expected a list of schemas in anyOf", "anyOf"),
    (#"{"allOf":[{"format":"date"},{"format":"time"}]}"#, "each keyword once", "format"),
    (
      #"{"allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}}}]}"#,
      "'additionalProperties'", "additionalProperties"
    ),
    (#"{"properties":{"a":{}},"minProperties":3}"#, "expected minProperties at most", "minProperties"),
    (
      #"{"type":"array","items":{"type":"array","items":{"type":"string","minLength":900},"minItems":900},"minItems":900}"#,
      "", nil
    ),
  ]

  @Test(arguments: refused) func otherSchemasAreRefused(
    _ source: String, _ sentence: String, _ keyword: String?
  ) throws {
    let schema = try JSONValue.parse(Array(source.utf8))
    guard let error = GrammarFixtures.refusal(.jsonSchema(schema)) else {
      // Items are rules, so that large counts of them stay small.
      return #expect(sentence.isEmpty)
    }
    #expect(error.description.contains(sentence), "\(error.description)")
    if let keyword { #expect(error.keyword == keyword) }
  }

  @Test func integerRangesAreExact() throws {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<25 {
      let low = Int.random(in: -1200...1200, using: &generator)
      let high = low + Int.random(in: 0...1500, using: &generator)
      let constraint = try GrammarFixtures.schema(
        #"{"type":"integer","minimum":\#(low),"maximum":\#(high)}"#)
      for number in -1300...2800 {
        guard constraint.accepts("\(number)") == (low...high).contains(number) else {
          Issue.record("\(number) in \(low)...\(high)")
          return
        }
      }
    }
  }

  @Test func hostileSchemasEndWithASentence() throws {
    var nested: JSONValue = ["type": "integer"]
    for _ in 0..<300 { nested = ["type": "array", "items": nested] }
    #expect(GrammarFixtures.refusal(.jsonSchema(nested))?.description.contains("nested schemas") == true)
    // Each definition uses the next one twice: 2^25 schemas put together.
    var definitions = JSONObject()
    for index in 0..<25 {
      let next: JSONValue = ["$ref": .string("#/$defs/d\(index + 1)")]
      definitions["d\(index)"] = ["allOf": [next, next], "title": "t"]
    }
    definitions["d25"] = ["type": "integer"]
    let doubling: JSONValue = ["$ref": "#/$defs/d0", "$defs": .object(definitions)]
    #expect(GrammarFixtures.refusal(.jsonSchema(doubling))?.description.contains("make it smaller") == true)
    let wide = JSONValue.object(
      JSONObject(uniqueMembers: (0..<60_000).map { .init(key: "p\($0)", value: ["type": "string"]) }))
    let tooWide = GrammarFixtures.refusal(.jsonSchema(["properties": wide]))
    #expect(tooWide?.description.contains("make it smaller") == true)
    let long = GrammarFixtures.refusal(.regex(String(repeating: "a", count: 2 << 20)))
    #expect(long?.description.contains("expected a constraint of at most 1048576 bytes") == true)
  }

  @Test(arguments: ["(.?a?){2000}x", "((a|b|.)?(b|.)?){900}", "(.{0,30}a?){300}", "(?:[a-z ]{0,100}.?){90}"])
  func ambiguousExpressionsEndWithASentence(_ expression: String) throws {
    // Thousands of positions at a time, for every text that a token can be.
    guard GrammarFixtures.hasRealTokenizer else { return }
    do throws(GrammarError) {
      let constraint = try GrammarFixtures.realCompiler.compile(.regex(expression))
      Issue.record("\(expression) took \(constraint.counts.positions) steps")
    } catch {
      #expect(error.description.contains("very ambiguous"), "\(error.description)")
    }
  }
}
