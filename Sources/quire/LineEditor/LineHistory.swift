/// The lines of this session, which can be recalled.
struct LineHistory {
  private var lines: [String] = []
  /// Index of the shown line; `lines.count` is the line being written.
  private var index = 0
  private var draft = ""

  /// Adds a line unless it equals the last one.
  mutating func add(_ line: String) {
    if !line.isEmpty, lines.last != line { lines.append(line) }
    index = lines.count
  }

  /// The line before the shown one; `current` is stored if it is the line being written.
  mutating func previous(current: String) -> String? {
    guard index > 0 else { return nil }
    if index == lines.count { draft = current }
    index -= 1
    return lines[index]
  }

  /// The line after the shown one; after the last, the line being written.
  mutating func next() -> String? {
    guard index < lines.count else { return nil }
    index += 1
    return index == lines.count ? draft : lines[index]
  }
}
