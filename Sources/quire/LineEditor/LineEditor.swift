import Foundation

/// Reads lines from a terminal and lets the user edit them: arrows, Home and End, words, deleting, history, pasting.
/// Several pasted lines stay one line, with visible marks at their line ends.
final class LineEditor {
  enum Line: Equatable {
    case text(String)
    /// Control-C on an empty line.
    case interrupted
    /// Control-C on a line that was not empty.
    case discarded
    /// Control-D on an empty line, or the end of the input.
    case ended
  }

  private var history: LineHistory
  private let file: HistoryFile?
  private var pending: [UInt8] = []
  /// Bytes that were typed before raw mode began and are not read yet.
  private var typedAheadCount = 0
  /// The number of rows from the prompt down to the cursor, as last drawn.
  private var drawnRow = 0
  /// What was drawn last, and the width of the window then.
  private var drawn: (prompt: String, buffer: EditBuffer, width: Int)?
  /// Whether it was said for this line that keys were not UTF-8.
  private var hasSaidEncoding = false

  /// - Parameter file: holds the lines of earlier sessions and gets new ones; nil keeps them for this session only.
  init(file: HistoryFile?) {
    self.file = file
    history = LineHistory(file?.load() ?? [])
  }

  /// Shows `prompt` and reads a line. Calls `onReady` when keys, Control-C too, no longer send signals.
  func read(prompt: String, onReady: () -> Void = {}) -> Line {
    guard RawMode.begin() else { return .ended }
    typedAheadCount = Self.waitingByteCount()
    onReady()
    defer { RawMode.end() }
    var keys = KeyReader { [self] isPatient in nextByte(isPatient) }
    var buffer = EditBuffer()
    (drawnRow, drawn, hasSaidEncoding) = (0, nil, false)
    history.begin()
    show(prompt, buffer)
    while let key = keys.next() {
      switch key {
      case .enter:
        return finish(prompt, &buffer, .text(buffer.text))
      case .interrupt:
        return finish(prompt, &buffer, buffer.characters.isEmpty ? .interrupted : .discarded)
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
    draw(line == .discarded ? "^C\r\n" : "\r\n")
    if case .text(let text) = line, history.add(text) { file?.append(text) }
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
    case .down: history.next(current: buffer.text).map { buffer = EditBuffer($0) }
    case .deleteBackward: buffer.deleteBackward()
    case .deleteForward, .endOfInput: buffer.deleteForward()
    case .deleteWord: buffer.deleteWordBackward()
    case .deleteToStart: buffer.deleteToStart()
    case .deleteToEnd: buffer.deleteToEnd()
    case .clearScreen:
      draw("\u{1b}[H\u{1b}[2J")
      drawnRow = 0
    case .notUTF8: refuseBytes()
    case .enter, .interrupt, .unknown: break
    }
  }

  /// Rings the bell for keys or pasted text that are left out, and says once a line why.
  private func refuseBytes() {
    draw("\u{7}")
    guard !hasSaidEncoding else { return }
    hasSaidEncoding = true
    draw("\r" + Self.up(drawnRow) + "\u{1b}[J")
    (drawnRow, drawn) = (0, nil)
    Terminal.errorLine(
      "expected keys or pasted text in UTF-8, found other bytes, which are left out; set the terminal to UTF-8 or convert the text"
    )
  }

  /// Redraws the line over its previous version.
  private func show(_ prompt: String, _ buffer: EditBuffer) {
    let (width, height) = (Terminal.outputScreen.width, Terminal.outputScreen.height)
    if let drawn, drawn.width != width {
      // The window has another width: terminals then break the drawn rows again.
      drawnRow =
        LinePicture(prompt: drawn.prompt, buffer: drawn.buffer, width: width, height: height).cursor.row
    }
    let picture = LinePicture(prompt: prompt, buffer: buffer, width: width, height: height)
    var text = "\r" + Self.up(drawnRow) + "\u{1b}[J" + picture.text
    text += "\r" + Self.up(picture.end.row - picture.cursor.row)
    if picture.cursor.column > 0 { text += "\u{1b}[\(picture.cursor.column)C" }
    drawnRow = picture.cursor.row
    drawn = (prompt, buffer, width)
    draw(text)
  }

  private static func up(_ rows: Int) -> String { rows > 0 ? "\u{1b}[\(rows)A" : "" }

  private func draw(_ text: String) { Terminal.outputStyled(text) }

  private func inputWaits(milliseconds: Int32) -> Bool {
    var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&waiting, 1, milliseconds) > 0
  }

  private static func waitingByteCount() -> Int {
    var count: CInt = 0
    return ioctl(STDIN_FILENO, UInt(FIONREAD), &count) == 0 ? Int(count) : 0
  }

  /// While an answer runs the terminal reads lines itself: it keeps a Control-D as the end of one and hands it on as a
  /// zero byte. In raw mode Control-Space is one.
  private static func key(_ byte: UInt8, isTypedAhead: Bool) -> UInt8 {
    isTypedAhead && byte == 0 ? 0x04 : byte
  }

  private func nextByte(_ isPatient: Bool) -> UInt8? {
    if pending.isEmpty {
      if !isPatient && !inputWaits(milliseconds: 50) { return nil }
      // A window that changes its width sends a signal, but any thread may get it, so the width is read now and then.
      while isPatient && !inputWaits(milliseconds: 200) {
        if let drawn, drawn.width != Terminal.outputScreen.width { show(drawn.prompt, drawn.buffer) }
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      var count: Int
      repeat {
        count = chunk.withUnsafeMutableBytes { Foundation.read(STDIN_FILENO, $0.baseAddress, $0.count) }
      } while count < 0 && errno == EINTR
      guard count > 0 else { return nil }
      // Reversed, so that the next byte is the last.
      pending = chunk[..<count].enumerated().map {
        Self.key($0.element, isTypedAhead: $0.offset < typedAheadCount)
      }
      .reversed()
      typedAheadCount = max(0, typedAheadCount - count)
    }
    return pending.popLast()
  }
}
