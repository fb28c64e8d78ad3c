import QuireOptimization
import TestSupport
import Testing

@Suite struct NameMatcherTests {
  private static let names = [
    "lm_head.weight", "model.embed_tokens.weight", "model.norm.weight",
    "model.layers.0.self_attn.q_proj.weight", "model.layers.10.mlp.down_proj.weight",
    "model.layers.3.mlp.gate_proj.weight", "",
  ]

  private func matches(_ pattern: String) throws -> [String] {
    let matcher = try NameMatcher(pattern)
    return Self.names.filter { matcher.occurs(in: $0) }
  }

  @Test func whatRecipesWrite() throws {
    #expect(try matches("lm_head|embed_tokens") == Array(Self.names[0...1]))
    #expect(try matches(".*") == Self.names)
    #expect(try matches(#"layers\.[0-9]+\.mlp"#) == Array(Self.names[4...5]))
    #expect(try matches(#"^model\.(norm|embed)"#) == Array(Self.names[1...2]))
    #expect(try matches("(gate|up)_proj") == [Self.names[5]])
    #expect(try matches(#"layers\.\d{2}\."#) == [Self.names[4]])
    #expect(try matches("[^a-z_.]0") == [Self.names[4]])
    #expect(try matches("^$") == [""])
    #expect(try matches("qx?_proj.weight$") == [Self.names[3]])
  }

  /// No pattern takes longer than its length and the name's ask for: this one has kept backtracking engines for ever.
  @Test(.timeLimit(.minutes(5)))
  func noPatternRunsAway() throws {
    let name = String(repeating: "a", count: 2000)
    for pattern in ["(.*)*X", "(([a-z._0-9])+)+X", "(a|a)*X", "(a*)*(a*)*(a*)*X", "(a?){200}X"] {
      #expect(try !NameMatcher(pattern).occurs(in: name), "\(pattern)")
    }
  }

  @Test(arguments: [
    (#"(a)\1"#, "backslash", 4), ("(?=a)", "looks around", 1), ("(?<n>a)", "names a group", 1),
    ("a**", "second", 3),
    ("a*+", "second", 3), ("(a", "none", 1), ("a)", "open", 2), ("[ab", "none", 1), ("[]", "none", 1),
    ("*a", "nothing", 1),
    ("a{5,2}", "another form", 2), ("a{2000}", "larger", 2), ("(a{1000}){1000}", "repeat less", 1),
    ("^*", "\"^\"", 2),
    ("[a[b]]", "[", 3), (#"\p{L}"#, "backslash", 1), ("", "empty", 1), (#"a\"#, "none", 2),
    ("[z-a]", "range", 3),
  ])
  func whatItCannotReadIsRefusedWithItsPosition(_ pattern: String, _ word: String, _ position: Int) {
    let error = #expect(throws: NamePatternError.self, "\(pattern)") { try NameMatcher(pattern) }
    #expect(error?.description.contains(word) == true, "\(pattern): \(error?.description ?? "")")
    #expect(error?.position == position, "\(pattern)")
    #expect(error?.description.hasSuffix("at character \(position)") == true)
  }

  @Test func groupsHaveALimitToo() {
    let deep = String(repeating: "(", count: 400) + String(repeating: ")", count: 400)
    #expect(throws: NamePatternError.self) { try NameMatcher(deep) }
    #expect(throws: NamePatternError.self) { try NameMatcher(String(repeating: "a", count: 1001)) }
  }

  /// Random patterns of the syntax, on random names: the same matches as Swift's own regular expressions.
  @Test(arguments: 1...8)
  func matchesLikeSwiftsExpressions(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<60 {
      let pattern = Self.pattern(depth: 3, &generator)
      let matcher = try NameMatcher(pattern)
      let expression = try Regex(pattern)
      for _ in 0..<12 {
        let name = String(
          (0..<Int.random(in: 0...7, using: &generator)).map { _ in
            "ab._01".randomElement(using: &generator) ?? "a"
          })
        #expect(matcher.occurs(in: name) == name.contains(expression), "\(pattern) in \(name)")
      }
    }
  }

  private static func pattern(depth: Int, _ generator: inout SeededGenerator) -> String {
    let atoms = ["a", "b", "\\.", ".", "[ab]", "[^a0]", "[0-9_]", "\\d", "\\w", "_", "0"]
    let count = Int.random(in: 1...3, using: &generator)
    let parts = (0..<count).map { _ -> String in
      let isGroup = depth > 0 && Int.random(in: 0..<3, using: &generator) == 0
      let atom =
        isGroup
        ? "(\(pattern(depth: depth - 1, &generator))|\(pattern(depth: depth - 1, &generator)))"
        : atoms.randomElement(using: &generator) ?? "a"
      // No star of a group: Swift's engine may take for ever.
      let ends = isGroup ? ["", "?", "{1,2}"] : ["", "", "*", "+", "?", "{2}", "{1,3}", "{0,}", "*?"]
      return atom + (ends.randomElement(using: &generator) ?? "")
    }
    let anchor = Int.random(in: 0..<6, using: &generator)
    return (anchor == 0 ? "^" : "") + parts.joined() + (anchor == 1 ? "$" : "")
  }
}
