/// Writes text and tool calls as parts of an answer.
///
/// Line feeds next to a call are separators and are dropped; text before and after calls is joined by one line feed.
struct CallOutput: Sendable {
  private var heldLineFeedCount = 0
  private var hasContent = false
  /// Whether a call was added last.
  private var isAfterCall = false

  mutating func add(_ call: ToolCallPart, _ parts: inout [AnswerPart]) {
    parts.append(.call(call))
    heldLineFeedCount = 0
    isAfterCall = true
  }

  mutating func add(_ bytes: [UInt8], _ parts: inout [AnswerPart]) {
    let lineFeed = UInt8(ascii: "\n")
    let text = isAfterCall ? bytes.dropPrefix(of: lineFeed) : bytes[...]
    let trimmed = text.dropSuffix(of: lineFeed)
    if !trimmed.isEmpty {
      if isAfterCall && hasContent { heldLineFeedCount = 1 }
      let text = String(decoding: trimmed, as: UTF8.self)
      parts.append(
        .content(heldLineFeedCount > 0 ? String(repeating: "\n", count: heldLineFeedCount) + text : text))
      heldLineFeedCount = 0
      hasContent = true
      isAfterCall = false
    }
    if !isAfterCall { heldLineFeedCount += text.count - trimmed.count }
  }

  /// Adds what was held back.
  mutating func finish(_ parts: inout [AnswerPart]) {
    if !isAfterCall && heldLineFeedCount > 0 {
      parts.append(.content(String(repeating: "\n", count: heldLineFeedCount)))
    }
    heldLineFeedCount = 0
  }
}
