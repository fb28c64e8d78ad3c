extension String {
  /// The text with each line broken between words so that no line takes more than `width` columns; continued lines are
  /// indented by two more than the line they continue. A word longer than a line stays whole.
  package func wrapped(width: Int) -> String {
    split(separator: "\n", omittingEmptySubsequences: false)
      .map { Self.wrapped(line: $0, width: width) }
      .joined(separator: "\n")
  }

  private static func wrapped(line: Substring, width: Int) -> String {
    guard line.displayWidth > width else { return String(line) }
    let indent = line.prefix { $0 == " " }
    let continuation = String(indent) + "  "
    var lines: [String] = []
    var current = String(indent)
    // Spaces inside a line are layout and stay; those at a break are removed.
    var gap: Substring = ""
    var rest = line.dropFirst(indent.count)
    while !rest.isEmpty {
      let word = rest.prefix { $0 != " " }
      rest = rest.dropFirst(word.count)
      if !gap.isEmpty, current.displayWidth + gap.count + word.displayWidth > width {
        lines.append(current)
        current = continuation + word
      } else {
        current += gap + word
      }
      gap = rest.prefix { $0 == " " }
      rest = rest.dropFirst(gap.count)
    }
    return (lines + [current]).joined(separator: "\n")
  }
}
