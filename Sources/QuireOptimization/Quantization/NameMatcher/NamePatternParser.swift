/// Reads the text of a pattern. Extensions of backtracking engines (back-references, lookaround, possessive
/// repetition) cannot be matched in linear time and are refused.
struct NamePatternParser {
  private let text: [Unicode.Scalar]
  private var index = 0
  private var depth = 0

  /// The most characters of a pattern.
  static let longest = 1000
  /// The most nested groups.
  static let deepest = 50
  /// The largest count in `{m,n}`.
  static let largestCount = 1000

  static func parse(_ text: String) throws(NamePatternError) -> NamePattern {
    var parser = NamePatternParser(text: Array(text.unicodeScalars))
    guard !parser.text.isEmpty else { throw parser.error("a pattern", "an empty one") }
    guard parser.text.count <= longest else {
      throw parser.error("at most \(longest) characters", "\(parser.text.count)")
    }
    let pattern = try parser.alternatives()
    guard parser.isAtEnd else { throw parser.error("a parenthesis that is open", "\")\"") }
    return pattern
  }

  private init(text: [Unicode.Scalar]) { self.text = text }

  private var isAtEnd: Bool { index == text.count }
  private var next: Unicode.Scalar? { isAtEnd ? nil : text[index] }

  private func error(_ expected: String, _ found: String, at start: Int? = nil) -> NamePatternError {
    NamePatternError(expected: expected, found: found, position: (start ?? index) + 1)
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    index += 1
    return true
  }

  private mutating func alternatives() throws(NamePatternError) -> NamePattern {
    var found = [try sequence()]
    while take("|") { found.append(try sequence()) }
    return found.count == 1 ? found[0] : .alternatives(found)
  }

  private mutating func sequence() throws(NamePatternError) -> NamePattern {
    var parts: [NamePattern] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      parts.append(try repeated(try atom()))
    }
    return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
  }

  private mutating func atom() throws(NamePatternError) -> NamePattern {
    let start = index
    guard let scalar = next else { return .empty }
    index += 1
    switch scalar {
    case "(": return try group(start)
    case "[": return .character(try characterClass(start))
    case ".": return .character(.any)
    case "^": return .start
    case "$": return .end
    case "\\": return .character(try escape(start))
    case "*", "+", "?":
      throw error("something to repeat before \"\(scalar)\"", "nothing", at: start)
    case "{":
      throw error("something to repeat, or \"\\{\" for the character", "\"{\"", at: start)
    default: return .character(NameCharacterSet(scalar))
    }
  }

  private mutating func group(_ start: Int) throws(NamePatternError) -> NamePattern {
    if take("?"), !take(":") {
      throw error("\"(…)\" or \"(?:…)\"", "\"(?\", which looks around or names a group", at: start)
    }
    if next == "*" { throw error("\"(…)\" or \"(?:…)\"", "\"(*\"", at: start) }
    depth += 1
    guard depth <= Self.deepest else {
      throw error("at most \(Self.deepest) groups inside each other", "more", at: start)
    }
    let inner = try alternatives()
    guard take(")") else { throw error("a \")\" for this \"(\"", "none", at: start) }
    depth -= 1
    return inner
  }

  private mutating func repeated(_ atom: NamePattern) throws(NamePatternError) -> NamePattern {
    let start = index
    guard let counts = try quantifier() else { return atom }
    switch atom {
    case .start, .end: throw error("a character or group to repeat", "\"^\" or \"$\"", at: start)
    default: break
    }
    // A lazy repetition matches the same names.
    _ = take("?")
    if let scalar = next, "*+?{".unicodeScalars.contains(scalar) {
      throw error("one repetition", "a second one; put the first into a group", at: index)
    }
    return .repetition(atom, least: counts.least, most: counts.most)
  }

  private mutating func quantifier() throws(NamePatternError) -> (least: Int, most: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let start = index
    guard take("{") else { return nil }
    guard let least = count() else { throw error("a count such as {2}, {2,} or {2,5}", "none", at: start) }
    var most: Int? = least
    if take(",") { most = next == "}" ? nil : count() ?? -1 }
    guard take("}"), most.map({ $0 >= least }) ?? true else {
      throw error("a count such as {2}, {2,} or {2,5}", "another form", at: start)
    }
    guard max(least, most ?? 0) <= Self.largestCount else {
      throw error("a count of at most \(Self.largestCount)", "a larger one", at: start)
    }
    return (least, most)
  }

  /// Digits; more than the largest count for any number beyond it.
  private mutating func count() -> Int? {
    var value: Int?
    while let scalar = next, ("0"..."9").contains(scalar) {
      value = min(Self.largestCount + 1, (value ?? 0) * 10 + Int(scalar.value - 48))
      index += 1
    }
    return value
  }

  /// What follows a backslash.
  private mutating func escape(_ start: Int) throws(NamePatternError) -> NameCharacterSet {
    guard let scalar = next else { throw error("a character after \"\\\"", "none", at: start) }
    index += 1
    if let set = NameCharacterSet(letter: scalar) { return set }
    if scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) {
      throw error(
        "\\d, \\w, \\s, their capitals or a punctuation mark after the backslash", "\"\\\(scalar)\"",
        at: start)
    }
    return NameCharacterSet(scalar)
  }

  /// `[a-z_]`, `[^0-9]`; the opening bracket has been read.
  private mutating func characterClass(_ start: Int) throws(NamePatternError) -> NameCharacterSet {
    let isInverted = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    while !take("]") {
      guard let first = try member() else { throw error("a \"]\" for this \"[\"", "none", at: start) }
      if next == "-", index + 1 < text.count, text[index + 1] != "]", first.ranges.count == 1,
        first.ranges[0].count == 1
      {
        let dash = index
        index += 1
        guard let last = try member(), last.ranges.count == 1, last.ranges[0].count == 1,
          !last.isInverted, first.ranges[0].lowerBound <= last.ranges[0].lowerBound
        else { throw error("a range such as a-z", "another one", at: dash) }
        ranges.append(first.ranges[0].lowerBound...last.ranges[0].lowerBound)
      } else {
        guard !first.isInverted else {
          throw error("\\d, \\w or \\s inside a class", "an inverted one; use [^…]", at: index - 1)
        }
        ranges += first.ranges
      }
    }
    guard !ranges.isEmpty else { throw error("a character in the class", "none", at: start) }
    return NameCharacterSet(ranges, isInverted: isInverted)
  }

  /// One character of a class, or a set such as `\d`; nil at the end of the text.
  private mutating func member() throws(NamePatternError) -> NameCharacterSet? {
    guard let scalar = next else { return nil }
    let start = index
    index += 1
    if scalar == "\\" { return try escape(start) }
    if scalar == "[" { throw error("\"\\[\" inside a class", "\"[\"", at: start) }
    if "&~-".unicodeScalars.contains(scalar), next == scalar {
      throw error("one class", "\"\(scalar)\(scalar)\", which combines two", at: start)
    }
    return NameCharacterSet(scalar)
  }
}
