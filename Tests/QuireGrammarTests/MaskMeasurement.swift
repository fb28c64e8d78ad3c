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
}
