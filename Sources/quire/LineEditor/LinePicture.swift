import QuireText

/// The layout of a line in a window: the text to write, and the row and column of the cursor after that.
///
/// A line with more rows than the window is drawn in part: the rows around the cursor.
struct LinePicture {
  /// Prompt and line, control characters made visible.
  let text: String
  let cursor: (row: Int, column: Int)
  /// Row and column of the end of the text.
  let end: (row: Int, column: Int)

  init(prompt: String, buffer: EditBuffer, width: Int, height: Int) {
    var rows = Rows(width: width)
    rows.put(prompt)
    var cursor = rows.end
    for (index, character) in buffer.characters.enumerated() {
      if index == buffer.cursor { cursor = rows.end }
      rows.put(character == "\n" ? "⏎" : String(character).visibleLine)
    }
    if buffer.cursor == buffer.characters.count { cursor = rows.end }
    let first = min(max(0, cursor.row - height / 2), max(0, rows.texts.count - height))
    let shown = rows.texts[first..<min(first + height, rows.texts.count)]
    let isWhole = shown.endIndex == rows.texts.count
    // A terminal leaves the cursor in the last column until something follows.
    text = shown.joined() + (isWhole && rows.end.column == 0 && shown.count > 1 ? "\r\n" : "")
    self.cursor = (cursor.row - first, cursor.column)
    end = isWhole ? (rows.end.row - first, rows.end.column) : (shown.count - 1, width)
  }

  /// Text cut into the rows of a window.
  private struct Rows {
    let width: Int
    private(set) var texts = [""]
    private(set) var end = (row: 0, column: 0)

    init(width: Int) { self.width = width }

    mutating func put(_ piece: String) {
      for character in piece {
        let columns = character.displayWidth
        // A wide character that does not fit into the last column moves to the next row.
        if end.column + columns > width { beginRow() }
        texts[end.row].append(character)
        end.column += columns
      }
      if end.column == width { beginRow() }
    }

    private mutating func beginRow() {
      texts.append("")
      end = (end.row + 1, 0)
    }
  }
}
