/// Counts with what is counted: "1 thread", "2 threads".
package enum CountText {
  /// - Parameter noun: in the singular, with a regular plural
  package static func of(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }
}

/// Lists in a sentence.
package enum ListText {
  /// "a", "a and b", "a, b and c".
  package static func of(_ words: [String], joiner: String = "and") -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(joiner) " + last
  }
}
