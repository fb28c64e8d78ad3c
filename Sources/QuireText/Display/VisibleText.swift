extension String {
  /// The text with terminal control characters escaped as in `\u001b`, except line feed and tab.
  ///
  /// Names of files, tensors and recipes and the output of a model are untrusted: an escape sequence in them could move
  /// the cursor, change the title or hide earlier output. The escapes are those of JSON, so JSON stays valid.
  package var visible: String { escaping { $0 == "\n" || $0 == "\t" } }

  /// The same on a single line: line feed and tab are escaped too. For names in lines and tables, where a line feed could
  /// forge a line.
  package var visibleLine: String { escaping { _ in false } }

  private func escaping(except isKept: (Unicode.Scalar) -> Bool) -> String {
    guard unicodeScalars.contains(where: { $0.isObeyed && !isKept($0) }) else { return self }
    var text = ""
    for scalar in unicodeScalars {
      guard scalar.isObeyed, !isKept(scalar) else {
        text.unicodeScalars.append(scalar)
        continue
      }
      let digits = String(scalar.value, radix: 16)
      text += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
    return text
  }
}

extension Unicode.Scalar {
  /// Whether this scalar controls a terminal: control characters, line and paragraph separators, and marks that change
  /// the text direction.
  fileprivate var isObeyed: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
