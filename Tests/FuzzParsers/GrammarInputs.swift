import QuireGrammar
import QuireJSON
import QuireText

/// What answers are to be held to: expressions, grammars and schemas, and the masks that they give.
enum GrammarInputs {
  static let words = [
    "root ::= ", "::=", "(?:", "[^", "{1,3}", "{2,}", "(?=", "(?!", "\\W", "\\u00e9", "\\d", "|", "*", "+",
    "\"a\"", "\n",
  ]

  static let schemaWords = [
    "\"type\"", "\"object\"", "\"properties\"", "\"required\"", "\"items\"", "\"$ref\"", "\"#\"",
    "\"#/$defs/a\"", "\"$defs\"",
    "\"anyOf\"", "\"allOf\"", "\"enum\"", "\"const\"", "\"pattern\"", "\"minLength\"", "\"maxItems\"",
    "\"minimum\"",
    "\"additionalProperties\"", "\"prefixItems\"", "\"patternProperties\"", "\"maxProperties\"",
    "\"dependentRequired\"", "\"unevaluatedProperties\"", "\"oneOf\"",
  ]

  private static let tokenizer = Tokenizer.bytes()
  private static let trie = TokenTrie(tokenizer)

  static func schema(_ input: [UInt8]) {
    if let schema = try? JSONValue.parse(input) { run(.jsonSchema(schema)) }
  }

  static func run(_ kind: Constraint.Kind) {
    do throws(GrammarError) {
      let constraint = try Constraint(try kind.grammar(), tokenizer: tokenizer, trie: trie)
      let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
      for _ in 0..<8 {
        guard let mask = try matcher.allowedTokens()?.mask,
          let token = (0..<Int32(256)).last(where: mask.contains)
        else { return }
        _ = matcher.accept(token)
      }
    } catch {
      _ = error.description
    }
  }
}
