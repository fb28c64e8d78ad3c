/// Looks for the end of a tool call, past JSON strings, over text that grows.
struct ToolCallScanner: Sendable {
  enum End {
    /// Not here yet.
    case open
    /// The closing tag starts there.
    case closed(Int)
    /// Another call starts there, and this one was never closed.
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
        // No JSON string goes over the end of a line; one that seems to is no string.
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
