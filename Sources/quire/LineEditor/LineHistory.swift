/// The lines of this session, to be called back.
struct LineHistory {
  private var lines: [String] = []
  /// Which line is shown; `lines.count` is the one being written.
  private var index = 0
  private var draft = ""

  /// Keeps a line, unless it repeats the last.
  mutating func add(_ line: String) {
    if !line.isEmpty, lines.last != line { lines.append(line) }
    index = lines.count
  }

  /// The line before the one shown; `current` is kept if it is the one being written.
  mutating func previous(current: String) -> String? {
    guard index > 0 else { return nil }
    if index == lines.count { draft = current }
    index -= 1
    return lines[index]
  }

  /// The line after the one shown, at last the one being written.
  mutating func next() -> String? {
    guard index < lines.count else { return nil }
    index += 1
    return index == lines.count ? draft : lines[index]
  }
}
