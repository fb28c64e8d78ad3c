import QuireGrammar
import Testing

@Suite struct GBNFReaderTests {
  static let cases = [
    Conformance("root ::= \"yes\" | \"no\"", ["yes", "no"], not: ["", "yesno", "maybe"]),
    Conformance(
      "root ::= a b\na ::= \"x\"+\nb ::= [0-9]{2,3}", ["x12", "xxx123"], not: ["12", "x1", "x1234"]),
    Conformance(
      "# a comment\nroot  ::= item (\",\" item)*  # another\n\nitem ::= [a-z]+\n", ["a", "ab,c"],
      not: ["", "a,", ",a"]),
    Conformance("root ::= (\n  \"a\"\n  \"b\" |\n  \"c\"\n)", ["ab", "c"], not: ["a", "abc"]),
    Conformance("root ::= \"a\" |\n  \"b\"\n  | \"c\"", ["a", "b", "c"], not: ["ab", ""]),
    Conformance("root ::= \"(\" root \")\" | \"\"", ["", "()", "(())"], not: ["(", "())"]),
    Conformance(#"root ::= "\n\t\r\\\"\x41\u00e9\U0001F600""#, ["\n\t\r\\\"Aé😀"], not: ["n"]),
    Conformance(#"root ::= [^"\\\]\n]+"#, ["abc é"], not: ["a\"", "\\", "]", "\n", ""]),
    Conformance("root ::= .", ["a", "日", "\n"], not: ["", "ab"]),
    Conformance("root ::= \"a\"? \"b\"* [c-]", ["c", "abb-", "b-"], not: ["a", "aac"]),
    Conformance("root ::= \"a\"{0,2} \"b\"{2} \"c\"{1,}", ["bbc", "aabbcc"], not: ["abc", "aaabbc", "bb"]),
    Conformance("root ::= \"a\"{ 1 , 2 } \"b\"{ 2 }", ["abb", "aabb"], not: ["bb", "ab"]),
    Conformance("root ::= a\na ::= b\nb ::= \"x\" a | \"y\"", ["y", "xxxy"], not: ["x", ""]),
    Conformance("root ::= list\nlist ::= \"x\" list | ", ["", "xxx"], not: ["y"]),
    Conformance("root ::= \"a\"\r\n", ["a"], not: ["a\r"]),
    Conformance(
      """
      root ::= expr
      expr ::= term (("+" | "-") term)*
      term ::= num | "(" expr ")"
      num  ::= [0-9]+
      """, ["1", "1+2-3", "(1+(2))-33"], not: ["1+", "()", "(1"]),
    Conformance("root ::= rule_a-1\nrule_a-1 ::= \"z\"", ["z"], not: ["a"]),
    Conformance("root ::= (\"a\"{2}*)?{2}", ["", "aa", "aaaa"], not: ["a", "aaa"]),
    Conformance("root ::= [a-zа-я日]+", ["aж日"], not: ["Ж"]),
  ]

  @Test(arguments: cases) func textsAreAcceptedOrRefused(_ conformance: Conformance) throws {
    conformance.check(try GrammarFixtures.compiler.compile(.grammar(conformance.source)))
  }

  static let refused: [(String, String)] = [
    ("", "expected a rule named root"), ("start: \"a\"", "expected ::="),
    ("a ::= \"b\"", "expected a rule named root"),
    ("root ::= b", "expected a rule named 'b'"), ("root ::= \"a\nroot ::= \"b\"", "on the same line"),
    ("root ::= \"a\"\nroot ::= \"b\"", "expected each rule once"), ("root ::= (\"a\"", "expected )"),
    ("root ::= \"a\")", "expected the end of the rule"), ("root ::= [a", "expected ]"),
    ("root ::= [z-a]", "a range"),
    ("root ::= <think>", "tokens by name or number"), ("root ::= !<[5]>", "tokens by name or number"),
    ("root ::= \"\\q\"", "expected one of the escapes"), ("root ::= \"a\"{5,2}", "expected a count"),
    ("root ::= \"a\"{}", "expected a count such as {2}"),
    ("root ::= \"a\"{ x", "write \"{\" for the character"),
    ("root ::= \"a\"" + String(repeating: "?", count: 200_000), "quantifiers one around the other"),
    (
      "root ::= \"a\" | (\"b\"" + String(repeating: "?", count: 40) + " \"c\")"
        + String(repeating: "+", count: 40),
      "at most 64 quantifiers one around the other"
    ),
    ("root ::= \"a\"{70000}", "at most 10000"), ("root ::= root \"a\" | \"b\"", "left recursion"),
    ("root ::= a \"x\" | \"y\"\na ::= n root\nn ::= \"z\"?", "left recursion"),
    ("root ::= a\na ::= \"x\" a", "expected a constraint that some text satisfies"),
    ("root ::= []", "expected a constraint that some text satisfies"),
    ("root ::= " + String(repeating: "(", count: 2000), "nested groups"),
    ("root ::= \u{7}", "expected a literal"),
    ("root ::= \"\\uD800\"", "Unicode scalar"), ("root == \"a\"", "expected ::="),
    ("::= \"a\"", "the name of a rule"),
    ("root ::= ((\"a\"{999}){999}){999}", "expected a constraint of at most 400000 states"),
  ]

  @Test(arguments: refused) func otherGrammarsAreRefused(_ source: String, _ sentence: String) throws {
    let error = try #require(GrammarFixtures.refusal(.grammar(source)))
    #expect(error.description.contains(sentence), "\(error.description)")
  }

  /// A rule that only stands for others, in a circle with an exit, piles up nothing.
  @Test func circlesOfPlainReferencesAreHarmless() throws {
    let constraint = try GrammarFixtures.compiler.compile(.grammar("root ::= a\na ::= root | \"x\""))
    #expect(constraint.accepts("x") && !constraint.accepts("xx"))
  }

  /// Whether a rule may be empty is found once, not for each of its repetitions.
  @Test(.timeLimit(.minutes(1))) func repetitionsOfRulesOfRulesCompileFast() throws {
    func rule(_ name: String, of part: String) -> String {
      "\(name) ::= " + Array(repeating: part, count: 64).joined(separator: " | ") + "\n"
    }
    let root = "root ::= " + String(repeating: "\"x\" a* ", count: 10_000) + "\n"
    let source = root + rule("a", of: "b") + rule("b", of: "c") + rule("c", of: "d") + "d ::= \"d\""
    let constraint = try GrammarFixtures.compiler.compile(.grammar(source))
    #expect(constraint.accepts(String(repeating: "xdd", count: 10_000)))
  }

  @Test func deepNestingIsRefusedAtItsLimit() throws {
    let constraint = try GrammarFixtures.compiler.compile(.grammar("root ::= \"(\" root \")\" | \"\""))
    func nested(_ depth: Int) -> String {
      String(repeating: "(", count: depth) + String(repeating: ")", count: depth)
    }
    #expect(constraint.accepts(nested(GrammarLimits.stackDepthMaximum - 1)))
    #expect(!constraint.accepts(nested(GrammarLimits.stackDepthMaximum + 2)))
  }
}
