/// Searches growing text for the end of a tool call, skipping JSON strings.
struct ToolCallScanner: Sendable {
  enum End {
    /// The end has not arrived.
    case open
    /// The closing tag starts at this offset.
    case closed(Int)
    /// Another call starts at this offset, and this one was not closed.
    case followed(Int)
  }

  private var index: Int
  private var isInString = false

  init(start: Int) {
    index = start
  }

  mutating func findEnd(in text: HeldText) -> End {
    while index < text.bytes.count {
      let byte = text.bytes[index]
      if isInString {
        if byte == UInt8(ascii: "\\") && index + 1 >= text.bytes.count { return .open }
        // A JSON string cannot contain a line end, so an open quote at a line end did not start a string.
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n") { isInString = false }
        index += byte == UInt8(ascii: "\\") ? 2 : 1
        continue
      }
      if byte == UInt8(ascii: "<") {
        if text.has(AnswerTag.toolCallEnd, at: index) { return .closed(index) }
        if text.has(AnswerTag.toolCallStart, at: index) { return .followed(index) }
        if text.isBeginning(of: AnswerTag.toolCallEnd, from: index)
          || text.isBeginning(of: AnswerTag.toolCallStart, from: index)
        {
          return .open
        }
      }
      if byte == UInt8(ascii: "\"") { isInString = true }
      index += 1
    }
    return .open
  }
}
