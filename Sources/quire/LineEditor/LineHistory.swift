/// The lines of this session and of earlier ones, which can be recalled.
struct LineHistory {
  private var lines: [String]
  /// Index of the shown line; `lines.count` is the line being written.
  private var index: Int
  /// Recalled lines that the user has changed, and the line being written, by index; kept until a line is sent.
  private var edited: [Int: String] = [:]

  init(_ earlier: [String] = []) {
    lines = earlier
    index = earlier.count
  }

  /// Adds a line unless it is empty or equals the last one; returns whether it was added.
  @discardableResult
  mutating func add(_ line: String) -> Bool {
    let isNew = !line.isEmpty && lines.last != line
    if isNew { lines.append(line) }
    begin()
    return isNew
  }

  /// Begins a new line.
  mutating func begin() {
    index = lines.count
    edited = [:]
  }

  /// The line before the shown one, as the user left it; nil at the first. `current` is what is shown.
  mutating func previous(current: String) -> String? {
    index > 0 ? move(to: index - 1, current) : nil
  }

  /// The line after the shown one; after the last, the line being written.
  mutating func next(current: String) -> String? {
    index < lines.count ? move(to: index + 1, current) : nil
  }

  private mutating func move(to other: Int, _ current: String) -> String {
    edited[index] = current
    index = other
    return edited[other] ?? (other < lines.count ? lines[other] : "")
  }
}
