import QuireGrammar
import QuireJSON
import QuireText
import TestSupport
import Testing

/// Whatever a source says, it becomes a constraint or a sentence, and the constraint gives masks.
@Suite struct HostileSourceTests {
  private static let pieces = [
    "(", ")", "[", "]", "{", "}", "*", "+", "?", "|", "\\", "^", "$", "-", ",", "::=", "\"", "\n", "root",
    "{2,9}", "\\u",
    "\u{0}", "é", "😀", "1000", "99999999999999999999", "(?:", "[^", "::= root", "{\"$ref\":\"#\"}", "null",
    "true", "-1", "1e400", "(?=", "(?!", "\\W",
  ]

  /// A source with some parts doubled, removed, swapped or replaced.
  private func mutated(_ source: String, _ generator: inout SeededGenerator) -> String {
    var text = Array(source.unicodeScalars)
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let place = Int.random(in: 0...text.count, using: &generator)
      let end = min(text.count, place + Int.random(in: 0...6, using: &generator))
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: text.removeSubrange(place..<end)
      case 1: text.insert(contentsOf: text[place..<end], at: place)
      case 2:
        text.replaceSubrange(
          place..<end, with: (Self.pieces.randomElement(using: &generator) ?? "").unicodeScalars)
      default:
        text.insert(
          contentsOf: (Self.pieces.randomElement(using: &generator) ?? "").unicodeScalars, at: place)
      }
    }
    return String(String.UnicodeScalarView(text))
  }

  /// Compiles a source and follows it for some tokens. True when it became a constraint.
  private func run(_ kind: Constraint.Kind, _ generator: inout SeededGenerator) throws -> Bool {
    let constraint: Constraint
    do throws(GrammarError) {
      constraint = try Constraint(
        try kind.grammar(), tokenizer: GrammarFixtures.tokenizer, trie: GrammarFixtures.compiler.sharedTrie())
    } catch {
      #expect(error.description.contains("expected"))
      return false
    }
    let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
    for _ in 0..<6 {
      let allowed = try #require(try matcher.allowedTokens())
      let choices = (0..<Int32(GrammarFixtures.tokenizer.vocabularySize)).filter(allowed.mask.contains)
      #expect(allowed.allowsEnd || !choices.isEmpty)
      guard let token = choices.randomElement(using: &generator) else { break }
      #expect(matcher.accept(token))
    }
    return true
  }

  @Test(arguments: 0..<4) func mutatedSourcesEndInAConstraintOrASentence(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    var acceptedCount = 0
    for _ in 0..<12 {
      for source in RegexReaderTests.cases.map(\.source) {
        if try run(.regex(mutated(source, &generator)), &generator) { acceptedCount += 1 }
      }
      for source in GBNFReaderTests.cases.map(\.source) {
        if try run(.grammar(mutated(source, &generator)), &generator) { acceptedCount += 1 }
      }
      let schemas =
        SchemaReaderTests.scalars + SchemaReaderTests.containers + SchemaGeneratorTests.keys
        + SchemaMergingTests.combined + SchemaMergingTests.dependent
      for source in schemas.map(\.source) {
        guard let schema = try? JSONValue.parse(Array(mutated(source, &generator).utf8)) else { continue }
        if try run(.jsonSchema(schema), &generator) { acceptedCount += 1 }
      }
    }
    #expect(acceptedCount > 100)
  }
}
