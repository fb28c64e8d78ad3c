/// How conditions are written: names that hold what separates conditions stand in double quotes.
enum GateText {
  /// The conditions between commas; a comma in quotes separates nothing.
  static func parts(of text: String) -> [String] {
    var parts = [""]
    var isQuoted = false
    for character in text {
      if character == "\"" { isQuoted.toggle() }
      if character == ",", !isQuoted {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    // A quote without an end is a part of a name, as in a task about 3" screws.
    return isQuoted ? text.split(separator: ",").map(String.init) : parts
  }

  /// The place of the first `<=` or `>=` that is not in quotes, or, of a text with a single quote, of the first one.
  static func sign(in text: String) -> Range<String.Index>? {
    let signs = (text.ranges(of: "<=") + text.ranges(of: ">=")).sorted { $0.lowerBound < $1.lowerBound }
    return signs.first { text[..<$0.lowerBound].count { $0 == "\"" } % 2 == 0 } ?? signs.first
  }

  /// A name as a condition has to be written about it.
  static func quoted(_ name: String) -> String {
    let separators = [",", "<=", ">="]
    guard name.hasPrefix("\"") || separators.contains(where: name.contains) else { return name }
    return "\"" + name.replacing("\"", with: "\"\"") + "\""
  }

  /// A name without the quotes at its beginning and before its end or its mode: `"a, b".thinking` is `a, b.thinking`.
  static func unquoted(_ name: String) -> String {
    guard name.hasPrefix("\""), let end = name.lastIndex(of: "\""), end > name.startIndex else { return name }
    let rest = name[name.index(after: end)...]
    guard rest.isEmpty || rest.hasPrefix(".") else { return name }
    let inner = String(name[name.index(after: name.startIndex)..<end])
    return inner.replacing("\"\"", with: "\"") + rest
  }
}
