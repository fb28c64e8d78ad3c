import Foundation

/// Reads lines from a terminal and lets the user edit them: arrows, Home and End, words, deleting, history, pasting.
/// Several pasted lines stay one line, with visible marks at their line ends.
final class LineEditor {
  enum Line: Equatable {
    case text(String)
    /// Control-C.
    case interrupted
    /// Control-D on an empty line, or the end of the input.
    case ended
  }

  private var history = LineHistory()
  private var pending: [UInt8] = []
  /// The number of rows from the prompt down to the cursor, as last drawn.
  private var drawnRow = 0

  /// Shows `prompt` and reads a line.
  func read(prompt: String) -> Line {
    guard RawMode.begin() else { return .ended }
    // Turns on bracketed paste: terminals then mark pasted text.
    draw("\u{1b}[?2004h")
    defer {
      draw("\u{1b}[?2004l")
      RawMode.end()
    }
    let keys = KeyReader { [self] isPatient in nextByte(isPatient) }
    var buffer = EditBuffer()
    drawnRow = 0
    show(prompt, buffer)
    while let key = keys.next() {
      switch key {
      case .enter:
        return finish(prompt, &buffer, .text(buffer.text))
      case .interrupt:
        return finish(prompt, &buffer, .interrupted)
      case .endOfInput where buffer.characters.isEmpty:
        return finish(prompt, &buffer, .ended)
      default:
        apply(key, to: &buffer)
      }
      // Draws only when no more input is pending, so a burst of keys is drawn once.
      if pending.isEmpty && !inputWaits(milliseconds: 0) { show(prompt, buffer) }
    }
    return finish(prompt, &buffer, .ended)
  }

  private func finish(_ prompt: String, _ buffer: inout EditBuffer, _ line: Line) -> Line {
    buffer.moveToEnd()
    show(prompt, buffer)
    draw("\r\n")
    if case .text(let text) = line { history.add(text) }
    return line
  }

  private func apply(_ key: Key, to buffer: inout EditBuffer) {
    switch key {
    case .text(let text): buffer.insert(text)
    case .left: buffer.move(to: buffer.cursor - 1)
    case .right: buffer.move(to: buffer.cursor + 1)
    case .wordLeft: buffer.moveWordLeft()
    case .wordRight: buffer.moveWordRight()
    case .home: buffer.moveToStart()
    case .end: buffer.moveToEnd()
    case .up: history.previous(current: buffer.text).map { buffer = EditBuffer($0) }
    case .down: history.next().map { buffer = EditBuffer($0) }
    case .deleteBackward: buffer.deleteBackward()
    case .deleteForward, .endOfInput: buffer.deleteForward()
    case .deleteWord: buffer.deleteWordBackward()
    case .deleteToStart: buffer.deleteToStart()
    case .deleteToEnd: buffer.deleteToEnd()
    case .clearScreen:
      draw("\u{1b}[H\u{1b}[2J")
      drawnRow = 0
    case .enter, .interrupt, .unknown: break
    }
  }

  /// Redraws the line over its previous version.
  private func show(_ prompt: String, _ buffer: EditBuffer) {
    let picture = LinePicture(prompt: prompt, buffer: buffer, width: Terminal.outputScreen.width)
    var text = "\r" + Self.up(drawnRow) + "\u{1b}[J" + picture.text
    text += "\r" + Self.up(picture.end.row - picture.cursor.row)
    if picture.cursor.column > 0 { text += "\u{1b}[\(picture.cursor.column)C" }
    drawnRow = picture.cursor.row
    draw(text)
  }

  private static func up(_ rows: Int) -> String { rows > 0 ? "\u{1b}[\(rows)A" : "" }

  private func draw(_ text: String) { Terminal.outputStyled(text) }

  private func inputWaits(milliseconds: Int32) -> Bool {
    var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&waiting, 1, milliseconds) > 0
  }

  private func nextByte(_ isPatient: Bool) -> UInt8? {
    if pending.isEmpty {
      if !isPatient && !inputWaits(milliseconds: 50) { return nil }
      var chunk = [UInt8](repeating: 0, count: 4096)
      var count: Int
      repeat {
        count = chunk.withUnsafeMutableBytes { Foundation.read(STDIN_FILENO, $0.baseAddress, $0.count) }
      } while count < 0 && errno == EINTR
      guard count > 0 else { return nil }
      // Reversed, so that the next byte is the last.
      pending = chunk[..<count].reversed()
    }
    return pending.popLast()
  }
}
