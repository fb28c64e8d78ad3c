/// Finds the first stop string in a text that arrives in pieces, and never releases a part of it.
///
///     var matcher = StopStringMatcher(["\n\n", "END"])
///     matcher.append("one E")   // released "one ", because "E" could become "END"
///     matcher.append("N")       // released ""
///     matcher.append("D two")   // released "", match "END"; text after a match is ignored
///
/// The match is the one that ends first (the longest of those with the same end), so it does not depend on how the
/// text is cut. Text is compared byte by byte, not by canonical equivalence.
///
/// Each stop string has a Knuth–Morris–Pratt automaton (1977). Its state is the length of the longest prefix of the
/// stop string that the text ends with, which is also the number of bytes to hold back.
package struct StopStringMatcher: Sendable {
  private struct Pattern: Sendable {
    let text: String
    let bytes: [UInt8]
    /// Length of the longest proper prefix of `bytes[...index]` that is also its suffix.
    let fallbacks: [Int]
    var matchedCount = 0

    init(_ text: String) {
      self.text = text
      let bytes = Array(text.utf8)
      var fallbacks = [Int](repeating: 0, count: bytes.count)
      var length = 0
      for index in bytes.indices.dropFirst() {
        while length > 0 && bytes[index] != bytes[length] { length = fallbacks[length - 1] }
        if bytes[index] == bytes[length] { length += 1 }
        fallbacks[index] = length
      }
      self.bytes = bytes
      self.fallbacks = fallbacks
    }

    /// True when the pattern ends with this byte of the text.
    mutating func advance(_ byte: UInt8) -> Bool {
      while matchedCount > 0 && byte != bytes[matchedCount] { matchedCount = fallbacks[matchedCount - 1] }
      if byte == bytes[matchedCount] { matchedCount += 1 }
      return matchedCount == bytes.count
    }
  }

  private var patterns: [Pattern]
  /// Bytes not released yet.
  private var held: [UInt8] = []
  private var hasMatched = false

  /// Empty strings match nothing.
  package init(_ strings: [String]) {
    self.patterns = strings.filter { !$0.isEmpty }.map(Pattern.init)
    // Capacity for a partial match and a token, so that a decode step does not allocate.
    if !patterns.isEmpty { held.reserveCapacity(256 + patterns.reduce(0) { max($0, $1.bytes.count) }) }
  }

  /// Adds a piece of whole characters. Returns the text that is certainly before any stop string, and the stop string
  /// once it is complete.
  package mutating func append(_ text: String) -> (released: String, match: String?) {
    guard !hasMatched else { return ("", nil) }
    guard !patterns.isEmpty else { return (text, nil) }
    for byte in text.utf8 {
      held.append(byte)
      var longest: Pattern?
      for index in patterns.indices where patterns[index].advance(byte) {
        if patterns[index].bytes.count > longest?.bytes.count ?? 0 { longest = patterns[index] }
      }
      if let longest {
        hasMatched = true
        let released = release(held.count - longest.bytes.count)
        held.removeAll()
        return (released, longest.text)
      }
    }
    let heldCount = patterns.reduce(0) { max($0, $1.matchedCount) }
    return (release(held.count - heldCount), nil)
  }

  /// Ends the text: returns the text that was held back. Text that is added later is another text.
  package mutating func finish() -> String {
    for index in patterns.indices { patterns[index].matchedCount = 0 }
    return release(held.count)
  }

  /// Releases whole characters, because stop strings start at a character boundary.
  private mutating func release(_ count: Int) -> String {
    let released = String(decoding: held.prefix(count), as: UTF8.self)
    held.removeFirst(count)
    return released
  }
}
