// Text is cut by bytes here. Swift's `Character` would join a line feed with a following combining mark, and
// `hasPrefix` compares by canonical equivalence, but chat templates and tags work on code points.

extension BidirectionalCollection where Element: Equatable {
  /// Without the run of `element` at the start.
  func dropPrefix(of element: Element) -> SubSequence { drop { $0 == element } }

  /// Without the run of `element` at the end.
  func dropSuffix(of element: Element) -> SubSequence {
    var end = endIndex
    while end > startIndex && self[index(before: end)] == element { formIndex(before: &end) }
    return self[..<end]
  }
}

extension Collection where Element == UInt8 {
  /// The index where `pattern`, which must not be empty, first starts.
  func firstOccurrence(of pattern: some Collection<UInt8>) -> Index? {
    guard let first = pattern.first else { preconditionFailure("searched for nothing") }
    var start = startIndex
    while let candidate = self[start...].firstIndex(of: first) {
      if self[candidate...].starts(with: pattern) { return candidate }
      start = index(after: candidate)
    }
    return nil
  }
}

extension String {
  private static let lineFeed = UInt8(ascii: "\n")

  var withoutLeadingLineFeeds: String { String(Substring(utf8.dropPrefix(of: Self.lineFeed))) }
  var withoutTrailingLineFeeds: String { String(Substring(utf8.dropSuffix(of: Self.lineFeed))) }

  func startsWithBytes(of prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }
  func endsWithBytes(of suffix: String) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }

  /// The parts between occurrences of `separator`; the whole text when there is none.
  func components(between separator: String) -> [String] {
    var parts: [String] = []
    var rest = utf8[...]
    while let match = rest.firstOccurrence(of: separator.utf8) {
      parts.append(String(Substring(rest[..<match])))
      rest = rest[rest.index(match, offsetBy: separator.utf8.count)...]
    }
    parts.append(String(Substring(rest)))
    return parts
  }
}
