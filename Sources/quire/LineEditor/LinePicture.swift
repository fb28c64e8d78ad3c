import QuireText

/// The layout of a line in a window: the text to write, and the row and column of the cursor after that.
struct LinePicture {
  /// Prompt and line, control characters made visible.
  let text: String
  let cursor: (row: Int, column: Int)
  /// Row and column of the end of the text.
  let end: (row: Int, column: Int)

  init(prompt: String, buffer: EditBuffer, width: Int) {
    var text = ""
    var position = (row: 0, column: 0)
    var cursor = position
    func put(_ piece: String) {
      for character in piece {
        let columns = character.displayWidth
        // A wide character that does not fit into the last column moves to the next row.
        if position.column + columns > width { position = (position.row + 1, 0) }
        position.column += columns
      }
      if position.column == width { position = (position.row + 1, 0) }
      text += piece
    }
    put(prompt)
    for (index, character) in buffer.characters.enumerated() {
      if index == buffer.cursor { cursor = position }
      put(character == "\n" ? "⏎" : String(character).visibleLine)
    }
    if buffer.cursor == buffer.characters.count { cursor = position }
    // A terminal leaves the cursor in the last column until something follows.
    self.text = position.column == 0 && position.row > 0 ? text + "\r\n" : text
    self.cursor = cursor
    end = position
  }
}
