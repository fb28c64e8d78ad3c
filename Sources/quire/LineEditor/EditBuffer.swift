/// A line being edited: its characters and the cursor position.
///
///     var buffer = EditBuffer()
///     buffer.insert("two words")
///     buffer.deleteWordBackward()   // "two "
struct EditBuffer {
  private(set) var characters: [Character]
  /// The number of characters before the cursor.
  private(set) var cursor: Int

  init(_ text: String = "") {
    characters = Array(text)
    cursor = characters.count
  }

  var text: String { String(characters) }

  /// Inserts `text` at the cursor. A combining mark joins the character before it.
  mutating func insert(_ text: String) {
    // No character before the last one can join the text: a long line must not be read again for every key.
    let start = max(0, cursor - 1)
    let joined = Array(String(characters[start..<cursor]) + text)
    characters.replaceSubrange(start..<cursor, with: joined)
    cursor = start + joined.count
  }

  mutating func move(to position: Int) { cursor = max(0, min(position, characters.count)) }
  mutating func moveToStart() { cursor = 0 }
  mutating func moveToEnd() { cursor = characters.count }
  mutating func moveWordLeft() { cursor = wordStart }
  mutating func moveWordRight() { cursor = wordEnd }

  mutating func deleteBackward() { delete(cursor - 1..<cursor) }
  mutating func deleteForward() { delete(cursor..<cursor + 1) }
  mutating func deleteWordBackward() { delete(wordStart..<cursor) }
  mutating func deleteToStart() { delete(0..<cursor) }
  mutating func deleteToEnd() { delete(cursor..<characters.count) }

  private mutating func delete(_ range: Range<Int>) {
    let range = range.clamped(to: 0..<characters.count)
    characters.removeSubrange(range)
    cursor = range.lowerBound
  }

  private var wordStart: Int {
    var index = cursor
    while index > 0, characters[index - 1].isWhitespace { index -= 1 }
    while index > 0, !characters[index - 1].isWhitespace { index -= 1 }
    return index
  }

  private var wordEnd: Int {
    var index = cursor
    while index < characters.count, characters[index].isWhitespace { index += 1 }
    while index < characters.count, !characters[index].isWhitespace { index += 1 }
    return index
  }
}
