import QuireText

/// How a line looks in a window: which text is written, and in which row and column the cursor then stands.
struct LinePicture {
  /// Prompt and line, control characters made visible.
  let text: String
  let cursor: (row: Int, column: Int)
  /// Where the text ends.
  let end: (row: Int, column: Int)

  init(prompt: String, buffer: EditBuffer, width: Int) {
    var text = ""
    var position = (row: 0, column: 0)
    var cursor = position
    func put(_ piece: String) {
      for character in piece {
        let columns = character.displayWidth
        // A wide character that does not fit into the last column goes to the next row.
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
