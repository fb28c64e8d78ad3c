import QuireGrammar
import QuireJSON
import QuireText
import TestSupport
import Testing

/// Tokenizers and compilers that the tests share.
enum GrammarFixtures {
  static let tokenizer: Tokenizer = load {
    let folder = TemporaryFolder()
    // Tokens that cross the borders of JSON's parts.
    TinyTokenizer.write(
      to: folder,
      extraTokens: [
        "\": \"", "\",", "\"}", "{\"", "ab\"", "true", "false}", "[[", "]]", "12", "345", "é", "  ",
      ])
    return try Tokenizer(folder: folder.path)
  }

  static let compiler = ConstraintCompiler(tokenizer)

  static let realFolder = TestPaths.shared("qwen3-tokenizer")
  static let hasRealTokenizer = realFolder != nil
  /// Only where `hasRealTokenizer`.
  static let realTokenizer: Tokenizer = load { try Tokenizer(folder: realFolder ?? "") }
  static let realCompiler = ConstraintCompiler(realTokenizer)

  private static func load(_ make: () throws -> Tokenizer) -> Tokenizer {
    do { return try make() } catch { preconditionFailure("\(error)") }
  }

  static func schema(_ text: String) throws -> Constraint {
    try compiler.compile(.jsonSchema(JSONValue.parse(Array(text.utf8))))
  }

  /// The sentence with which a constraint is refused.
  static func refusal(_ kind: Constraint.Kind) -> GrammarError? {
    do throws(GrammarError) {
      _ = try compiler.compile(kind)
      return nil
    } catch {
      return error
    }
  }
}

/// Texts that a constraint must accept and refuse.
struct Conformance: Sendable, CustomTestStringConvertible {
  let source: String
  let accepted: [String]
  let refused: [String]

  init(_ source: String, _ accepted: [String], not refused: [String]) {
    (self.source, self.accepted, self.refused) = (source, accepted, refused)
  }

  var testDescription: String { source }

  func check(_ constraint: Constraint) {
    for text in accepted { #expect(constraint.accepts(text), "\(source) accepts \(text)") }
    for text in refused { #expect(!constraint.accepts(text), "\(source) refuses \(text)") }
  }
}
