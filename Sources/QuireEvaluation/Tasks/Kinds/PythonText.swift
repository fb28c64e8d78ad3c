import QuireJSON

/// A reply as the checks of lm-evaluation-harness's IFEval see it, which are written with Python's `re` and `json` and
/// NLTK's tokenizer. Only a line feed ends a line; before it a carriage return is a character like others.
struct PythonText {
  private let text: String
  private let scalars: [Unicode.Scalar]

  init(_ text: String) {
    self.text = text
    scalars = Array(text.unicodeScalars)
  }

  /// As `str.split("\n")`.
  var lines: [String] {
    scalars.split(separator: "\n", omittingEmptySubsequences: false).map { Self.string($0) }
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    String(String.UnicodeScalarView(scalars))
  }
}

// Marks of Markdown.
extension PythonText {
  /// The matches of `^\s*\*[^\*].*$` and of `^\s*-.*$`. A mark alone on a line takes the next line as its text.
  var bulletCount: Int { lineCount(startingWith: "*", isSingle: true) + lineCount(startingWith: "-") }

  private func lineCount(startingWith mark: Unicode.Scalar, isSingle: Bool = false) -> Int {
    var found = 0
    var start = 0
    while start < scalars.count {
      var index = start
      while index < scalars.count, scalars[index].properties.isWhitespace { index += 1 }
      if index < scalars.count, scalars[index] == mark {
        let hasOther = index + 1 < scalars.count && scalars[index + 1] != mark
        if !isSingle || hasOther { found += 1 }
        index += isSingle && hasOther ? 2 : 1
      }
      start = (scalars[index...].firstIndex(of: "\n") ?? scalars.count) + 1
    }
    return found
  }

  /// The matches of `\*[^\n\*]*\*` and of `\*\*[^\n\*]*\*\*` with a text between the marks.
  var highlightCount: Int { highlights(markCount: 1) + highlights(markCount: 2) }

  private func highlights(markCount: Int) -> Int {
    func isMark(_ index: Int) -> Bool {
      index + markCount <= scalars.count && scalars[index..<index + markCount].allSatisfy { $0 == "*" }
    }
    var found = 0
    var index = 0
    while index < scalars.count {
      let start = index + markCount
      guard isMark(index) else {
        index += 1
        continue
      }
      let end = scalars[start...].firstIndex { $0 == "*" || $0 == "\n" } ?? scalars.count
      guard isMark(end) else {
        index += 1
        continue
      }
      if !TaskProblem.stripped(Self.string(scalars[start..<end])).isEmpty { found += 1 }
      index = end + markCount
    }
    return found
  }
}

// Words and JSON.
extension PythonText {
  /// The tokens in capital letters among those of NLTK's `word_tokenize`: "U.S.A." and "X_Y" are one, "IT'S" is two.
  var capitalWordCount: Int {
    let plain = text.replacing("--", with: " ").replacing("..", with: " ")
    return plain.split { $0.isWhitespace || Self.tokens.contains($0) }
      .reduce(0) { $0 + Self.parts($1).count(where: Self.isUpper) }
  }

  /// Characters that are tokens of their own.
  private static let tokens: Set<Character> = Set(";@#$%&?!*()[]{}<>\"`“”«»„‘’,:")
  private static let endings = ["'S", "'M", "'D", "'LL", "'RE", "'VE", "N'T"].flatMap {
    [$0, $0.lowercased()]
  }
  /// Words of two tokens, the second at this place.
  private static let joined = [
    "CANNOT": 3, "D'YE": 1, "GIMME": 3, "GONNA": 3, "GOTTA": 3, "LEMME": 3, "WANNA": 3,
  ]

  private static func parts(_ word: Substring) -> [Substring] {
    // The full stop of a sentence.
    let word = word.hasSuffix(".") ? word.dropLast() : word
    if let place = joined[String(word)] { return [word.prefix(place), word.dropFirst(place)] }
    guard let ending = endings.first(where: word.hasSuffix), ending.count < word.count else { return [word] }
    return [word.dropLast(ending.count), word.suffix(ending.count)]
  }

  private static func isUpper(_ word: Substring) -> Bool {
    word.contains(where: \.isUppercase) && !word.contains(where: \.isLowercase)
  }

  /// Whether `json.loads` reads the text. It takes NaN and Infinity for numbers, and what is ambiguous.
  var isJSON: Bool {
    var plain = ""
    var rest = text[...]
    var isString = false
    while let character = rest.first {
      let word = isString ? nil : ["NaN", "Infinity", "-Infinity"].first(where: rest.hasPrefix)
      // null is a value, but no part of another one.
      plain += word == nil ? String(character) : "null"
      rest.removeFirst(word?.count ?? 1)
      if isString, character == "\\", let escaped = rest.popFirst() { plain.append(escaped) }
      if character == "\"" { isString.toggle() }
    }
    return (try? JSONValue.parse(plain, limits: JSONLimits(acceptsAmbiguous: true))) != nil
  }
}
