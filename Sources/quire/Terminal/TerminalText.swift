extension String {
  /// The text without anything that a terminal obeys instead of showing: control characters become `\u001b` and the
  /// like, except line feed and tab.
  ///
  /// Names of files, tensors and recipes and the words of a model come from strangers: an escape sequence among them
  /// could move the cursor, change the title or hide what was printed before. The spelling is that of JSON, so JSON
  /// stays valid.
  var visible: String { escaping { $0 == "\n" || $0 == "\t" } }

  /// The same on a single line: line feed and tab are spelled out too.
  var visibleLine: String { escaping { _ in false } }

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
  /// Whether a terminal acts on this scalar: controls, line and paragraph separators, and marks that turn the direction
  /// of what follows.
  fileprivate var isObeyed: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
