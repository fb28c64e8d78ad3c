import QuireGrammar
import Testing

@Suite struct RegexReaderTests {
  static let cases = [
    Conformance("abc", ["abc"], not: ["", "ab", "abcd", "ABC"]),
    Conformance("a|bc|", ["a", "bc", ""], not: ["b", "abc"]),
    Conformance("(a|b)*c", ["c", "abbac"], not: ["", "ab", "acb"]),
    Conformance("[a-c]+", ["a", "cab"], not: ["", "d", "ad"]),
    Conformance("[^a-c]", ["d", "é", "日", "😀", "\n"], not: ["a", "b", "", "dd"]),
    Conformance(".", ["a", "é", "日", "😀", "\r", "\u{2028}"], not: ["", "\n", "ab"]),
    Conformance(#"\s+"#, [" \t\u{85}\u{1C}\u{A0}\u{2028}\u{3000}"], not: ["", "a", "\u{FEFF}", "\u{180E}"]),
    Conformance(#"\S"#, ["a", "\u{FEFF}"], not: ["", " ", "\u{A0}", "\u{2029}", "\u{1F}"]),
    Conformance("a{3}", ["aaa"], not: ["aa", "aaaa"]),
    Conformance("a{2,}", ["aa", "aaaaaaa"], not: ["a", ""]),
    Conformance("a{2,4}", ["aa", "aaa", "aaaa"], not: ["a", "aaaaa"]),
    Conformance("a{,2}", ["", "a", "aa"], not: ["aaa"]),
    Conformance("a{0}b", ["b"], not: ["ab", ""]),
    Conformance("(ab?){2}", ["aa", "aba", "abab"], not: ["a", "ababab"]),
    Conformance("(a*)*b", ["b", "aaab"], not: ["a", ""]),
    Conformance("a+?b*?c??", ["a", "aab", "abc"], not: ["b", "acc"]),
    Conformance(#"\d{4}-\d{2}"#, ["2026-11"], not: ["2026-1", "٢٠٢٦-11"]),
    // What Python or ECMAScript counts among digits and word characters is in no complement.
    Conformance(#"\D"#, ["a", "é", "日"], not: ["7", "٣", "７"]),
    Conformance(#"\W"#, [" ", "-", "。"], not: ["a", "_", "é", "日", "٣", "\u{301}", "Ⓐ"]),
    Conformance(#"[^\w\s]"#, ["-", "。", "😀"], not: ["é", "日", "٣", " ", "_"]),
    Conformance(#"[^\W_]"#, ["a", "7"], not: ["é", "_", "-"]),
    Conformance(#"[\w\W]"#, ["a", "é", "-", "\n"], not: ["", "ab"]),
    Conformance(#"[\D]"#, ["é"], not: ["٣"]),
    Conformance(#"\w+\s\W\S\D"#, ["ab_9 -xy"], not: ["ab-9 -xy", "a b"]),
    Conformance(#"\n\t\r\f\v\0"#, ["\n\t\r\u{C}\u{B}\0"], not: ["ntrfv0"]),
    Conformance(#"\x41\u00e9\u{1F600}"#, ["Aé😀"], not: ["A", "x41"]),
    Conformance(#"\.\*\[\]\(\)\{\}\|\\\^\$\/\-"#, [#".*[](){}|\^$/-"#], not: ["a"]),
    Conformance(#"[\]\-\\a]+"#, [#"]-\a"#], not: ["b", "["]),
    Conformance("[-a]+", ["-a"], not: ["b"]),
    Conformance("[a-]+", ["a-"], not: ["b"]),
    Conformance(#"[\d\s]+"#, ["1 2"], not: ["a"]),
    Conformance(#"[^\d]"#, ["a", " "], not: ["1"]),
    Conformance("[é-ü]", ["é", "ü", "ï"], not: ["e", "ÿ"]),
    Conformance("[日月]+", ["日月日"], not: ["火"]),
    Conformance("[\u{0}-\u{10FFFF}]", ["a", "é", "日", "😀", "\u{10FFFF}"], not: ["", "ab"]),
    Conformance("^abc$", ["abc"], not: ["xabc", "abc\n"]),
    Conformance("^a$|^b$", ["a", "b"], not: ["ab"]),
    Conformance("(?:a|b)c", ["ac", "bc"], not: ["c"]),
    Conformance("(?<year>[0-9]{2})(?P<x>z)", ["12z"], not: ["12"]),
    Conformance(
      "(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9]{3,4}", ["aA1", "1ABC"], not: ["abc", "A1", "aA1bc", "ABC"]),
    Conformance("^(?!admin$|root)[a-z]+$", ["administrator", "user"], not: ["admin", "rootkit", "admin\n"]),
    Conformance("(?!.*--)[a-z-]+|(?=x)..", ["a-b", "xy", "x-"], not: ["a--b", "x--"]),
    Conformance("(?!)a|b", ["b"], not: ["a"]),
    Conformance("", [""], not: ["a"]),
    Conformance("()", [""], not: ["a"]),
    Conformance("(|a)+b", ["b", "aab"], not: ["a"]),
    Conformance("((a|b){2}|c){2}", ["abab", "cc", "abc", "cba"], not: ["c", "abcb"]),
    Conformance("[a-z]{1,3}(,[a-z]{1,3}){0,2}", ["a", "abc,de,f"], not: ["abcd", "a,b,c,d", ","]),
    Conformance(
      "x{0,1000}y", ["y", "xxxxy", String(repeating: "x", count: 1000) + "y"],
      not: [String(repeating: "x", count: 1001) + "y"]),
  ]

  @Test(arguments: cases) func textsAreAcceptedOrRefused(_ conformance: Conformance) throws {
    conformance.check(try GrammarFixtures.compiler.compile(.regex(conformance.source)))
  }

  static let refused: [(String, String)] = [
    ("b(?=a)", "expected a plain group at character 4, found '='"), ("((?=a)b)", "expected a plain group"),
    ("(?=(?=a)b)c", "no lookahead in another one"), ("(?=a", "expected ) at character 5, found the end"),
    ("(?=a){2}b", "expected something to repeat"), ("(?=.*a.{30}$).*b.{30}", "8192 states"),
    ("(?<=a)b", "expected a plain group"), ("(?<!a)b", "expected a plain group"),
    ("(?i)a", "expected a plain group"),
    (#"(a)\1"#, "expected an escape of the supported subset"), (#"\bword"#, "expected an escape"),
    (#"\012"#, "octal numbers"), (#"[\07]"#, "octal numbers"),
    (#"\p{Greek}"#, #"a general category of Unicode, such as \p{L} or \p{Lu} at character 2, found 'p'"#),
    (#"\p{L"#, "a general category"), (#"[\p]"#, "a general category"), (#"\P"#, "a general category"),
    (#"[\pL-z]"#, "expected a range"), ("(a", "expected ) at character 3, found the end"),
    ("a)", "expected the end at character 2"), ("[a", "expected ]"),
    ("[]", "expected a class with characters"),
    ("[z-a]", "expected a range"), (#"[\d-z]"#, "expected a range"), ("*a", "expected something to repeat"),
    ("a{3,2}", "expected a count"), ("a{x}", "expected a count"), ("a{", "expected a count"),
    ("a{}", "expected a count such as {2}"), ("a++", "at most one quantifier after a part at character 3"),
    ("a**", "at most one quantifier"), ("a*{2}", "at most one quantifier"),
    ("a+??", "at most one quantifier"),
    ("a" + String(repeating: "{1}", count: 100_000), "at most one quantifier"),
    ("a{1,99999}", "expected a count of at most 10000"),
    ("a{99999999999999999999}", "expected a count of at most"),
    (#"\"#, "expected a character after the backslash"), (#"\xG0"#, "hexadecimal"),
    (#"\u{110000}"#, "Unicode scalar"),
    (#"\uD800"#, "Unicode scalar"), ("(^a)", "^ and $ only at the ends"), ("a$b", "^ and $ only at the ends"),
    ("((((a{1000}){1000}){1000}){1000})", "expected a constraint of at most 400000 states"),
    (String(repeating: "(", count: 5000), "nested groups"),
  ]

  @Test(arguments: refused) func otherExpressionsAreRefused(_ source: String, _ sentence: String) throws {
    let error = try #require(GrammarFixtures.refusal(.regex(source)))
    #expect(error.description.contains(sentence), "\(error.description)")
  }
}
