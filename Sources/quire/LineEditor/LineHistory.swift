/// The lines of this session and of earlier ones, which can be recalled.
struct LineHistory {
  private var lines: [String]
  /// Index of the shown line; `lines.count` is the line being written.
  private var index: Int
  private var draft = ""

  init(_ earlier: [String] = []) {
    lines = earlier
    index = earlier.count
  }

  /// Adds a line unless it is empty or equals the last one; returns whether it was added.
  @discardableResult
  mutating func add(_ line: String) -> Bool {
    let isNew = !line.isEmpty && lines.last != line
    if isNew { lines.append(line) }
    index = lines.count
    return isNew
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
