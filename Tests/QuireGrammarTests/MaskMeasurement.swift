import Foundation
import QuireGrammar
import QuireJSON
import QuireText
import TestSupport
import Testing

/// Prints what constraints cost with the real vocabulary. Nothing is asserted about time.
///
///     QUIRE_MEASURE_MASKS=1 swift test -c release --disable-xctest --filter MaskMeasurement
@Suite(
  .serialized,
  .enabled(
    if: GrammarFixtures.hasRealTokenizer && ProcessInfo.processInfo.environment["QUIRE_MEASURE_MASKS"] != nil)
)
struct MaskMeasurement {
  private let tokenizer = GrammarFixtures.realTokenizer

  private func milliseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    let duration = start.duration(to: .now)
    return Double(duration.components.seconds) * 1e3 + Double(duration.components.attoseconds) * 1e-15
  }

  private static func wideSchema(_ count: Int, _ field: (Int) -> JSONValue) -> JSONValue {
    let members = (0..<count).map { JSONObject.Member(key: "field_number_\($0)", value: field($0)) }
    return [
      "type": "object", "properties": .object(JSONObject(uniqueMembers: members)),
      "required": .array(members.filter { $0.key.hashValue % 2 == 0 }.map { .string($0.key) }),
      "additionalProperties": false,
    ]
  }

  @Test func compilation() throws {
    let compiler = ConstraintCompiler(tokenizer)
    print(
      "tokens in order: \(milliseconds { _ = compiler.sharedTrie() }) ms, \(compiler.sharedTrie().nodeCount) nodes"
    )
    let fields: [JSONValue] = [
      ["type": "string"], ["type": "integer", "minimum": 0, "maximum": 99_999],
      ["type": "string", "maxLength": 60],
      ["type": "array", "items": ["type": "number"]], ["enum": ["a", "b", "c"]],
      ["anyOf": [["type": "string"], ["type": "null"]]],
    ]
    for count in [20, 200, 1000] {
      let schema = Self.wideSchema(count) { fields[$0 % fields.count] }
      let time = try milliseconds { _ = try compiler.compile(.jsonSchema(schema)) }
      print(
        "a schema of \(count) fields: \(time) ms, found again \(try milliseconds { _ = try compiler.compile(.jsonSchema(schema)) }) ms"
      )
    }
  }

  /// One stream writes a value; each step asks for a mask and takes the token of a given text.
  private func measure(_ name: String, _ kind: Constraint.Kind, _ text: String) throws {
    let constraint = try ConstraintCompiler(tokenizer).compile(kind)
    let tokens = tokenizer.encode(text, addedTokens: .plainText)
    for round in ["first", "second"] {
      let before = constraint.counts
      let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
      var times: [Double] = []
      for token in tokens {
        var isAccepted = false
        times.append(
          try milliseconds {
            _ = try matcher.allowedTokens()
            isAccepted = matcher.accept(token)
          })
        #expect(isAccepted)
      }
      times.sort()
      let after = constraint.counts
      print(
        "\(name), \(round) answer of \(tokens.count) tokens: mean \(times.reduce(0, +) / Double(times.count)) ms, "
          + "median \(times[times.count / 2]), largest \(times.suffix(3)), nodes \(after.nodeVisits - before.nodeVisits), "
          + "walks \(after.localWalks - before.localWalks), positions \(after.positions - before.positions), states \(after.states)"
      )
    }
  }

  @Test func masks() throws {
    let words = Array(repeating: "The quick brown fox jumps over the lazy dog, 12 times.", count: 12).joined(
      separator: " ")
    try measure(
      "any object", .jsonObject, #"{"name": "\#(words)", "list": [1, 2.5, {"a": null}], "größe": true}"#)
    let fields = (0..<40).map { "\"field_number_\($0)\": \"Some text of field \($0), with words.\"" }.joined(
      separator: ", ")
    try measure("40 strings", .jsonSchema(Self.wideSchema(40) { _ in ["type": "string"] }), "{\(fields)}")
    try measure(
      "40 strings of 60", .jsonSchema(Self.wideSchema(40) { _ in ["type": "string", "maxLength": 60] }),
      "{\(fields)}")
    try measure("a string of 2000", .jsonSchema(["type": "string", "maxLength": 2000]), "\"\(words)\"")
    try measure("a string of 700", .regex(".{10,700}"), String(words.prefix(690)))
    try measure("an email", .regex(#"[a-z0-9._]+@([a-z0-9]+\.)+[a-z]{2,6}"#), "john.doe_77@mail.example.org")
    let numbers = (0..<60).map { "\($0 * 37).\($0)" }.joined(separator: ", ")
    try measure("numbers", .jsonSchema(["type": "array", "items": ["type": "number"]]), "[\(numbers)]")
  }

  private static let ambiguous: [Constraint.Kind] = [
    .regex("(?:.?){9996}"), .regex("(.{1,90}){100}"), .regex("(?:[a-z ]{0,100}.?){90}"),
    .regex("(?:[a-z ]{0,20}.?){20}"), .regex("(a?){5000}a{5000}"), .regex("(a?){5000}[ab]{5000}"),
    .grammar("root ::= x\nx ::= [a-z ] x [a-z ] | [a-z ] x [a-z ] [a-z ]? | [a-z ]"),
    .grammar("root ::= x x x\nx ::= [a-z ] x [a-z ] | [a-z] | x2\nx2 ::= [a-z] x [ a-z]? | \"a\""),
  ]

  /// What is large without being ambiguous.
  private static let large: [Constraint.Kind] = {
    let words = (0..<10_000).map { "choice \($0 * 7919 % 10_007) of many" }
    let variants = (0..<100).map { index -> JSONValue in
      [
        "type": "object", "required": ["kind", "name"],
        "properties": [
          "kind": ["const": .string("variant_\(index)")], "name": ["type": "string"],
          "count": ["type": "integer", "minimum": 0, "maximum": 1000],
        ],
      ]
    }
    var open = JSONObject()
    for index in 0..<300 { open["property_\(index)"] = ["type": ["string", "null"], "maxLength": 100] }
    var optional = JSONObject()
    for index in 0..<1000 { optional["field_number_\(index)"] = ["type": "string"] }
    return [
      .choice(words), .jsonSchema(["enum": .array(words.map(JSONValue.string))]),
      .jsonSchema(["anyOf": .array(variants)]),
      .jsonSchema(["properties": .object(open), "additionalProperties": ["type": "string"]]),
      .jsonSchema(["properties": .object(optional)]),
      .jsonSchema(["type": "array", "items": ["anyOf": .array(variants)], "maxItems": 50]),
      .grammar(
        #"""
        root ::= object
        value ::= object | array | string | number | ("true" | "false" | "null") ws
        object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}" ws
        array ::= "[" ws (value ("," ws value)*)? "]" ws
        string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" ws
        number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
        ws ::= | " " | "\n" [ \t]{0,20}
        """#), .regex("(\\w+ ){1,300}\\w+[.!?]"), .regex(".{10,700}"),
      .regex("[A-Z][a-z ]{0,200}(, [A-Z][a-z ]{0,200}){0,20}"),
      .jsonSchema(["type": "string", "format": "email"]),
      .jsonSchema(["type": "string", "format": "uri", "maxLength": 200]),
      .jsonSchema(["type": "array", "items": ["type": "string", "format": "date-time"], "minItems": 3]),
    ]
  }()

  /// What one unit of work costs where states have very many positions.
  @Test(arguments: (ambiguous + large).indices) func ambiguousConstraints(index: Int) throws {
    let kind = (Self.ambiguous + Self.large)[index]
    let constraint: Constraint
    let start = ContinuousClock.now
    do throws(GrammarError) { constraint = try ConstraintCompiler(tokenizer).compile(kind) } catch {
      return print(
        "\("\(kind)".prefix(120)): refused in \(start.duration(to: .now)), \(error.description.prefix(60))")
    }
    let first = constraint.counts.positions
    var generator = SeededGenerator(seed: 1)
    let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
    var costs: [(time: Double, work: Int)] = []
    var mask: TokenMask?
    for _ in 0..<60 {
      let before = constraint.counts.positions
      var end = ""
      let time = milliseconds {
        do throws(GrammarError) { mask = try matcher.allowedTokens()?.mask } catch { end = "\(error)" }
      }
      let choices = (0..<Int32(tokenizer.vocabularySize)).filter { mask?.contains($0) ?? false }
      costs.append((time, constraint.counts.positions - before))
      guard end.isEmpty, let token = choices.randomElement(using: &generator), matcher.accept(token) else {
        break
      }
    }
    let (time, work) = costs.reduce((0, 0)) { ($0.0 + $1.time, $0.1 + $1.work) }
    let largest = costs.max { $0.time < $1.time } ?? (0, 0)
    print(
      "\("\(kind)".prefix(120)): \(costs.count) masks in \(time) ms, largest \(largest.time) ms of \(largest.work), most work \(costs.map(\.work).max() ?? 0), first \(first), "
        + "\(time * 1e6 / Double(max(1, work))) ns for a unit")
  }
}
