/// Splits streamed content into text and tool calls: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.
///
/// 1. A call is emitted as a whole when its closing tag arrives; a tag inside a JSON string does not close it.
/// 2. An invalid call (see ``ChatToolCall/init(answer:)``) stays in the text with its tags. So does a call that the
///    end of the answer cuts off, unless only its closing tag is missing.
/// 3. Line feeds next to a call are separators and are dropped; text before and after calls is joined by one line
///    feed.
///
/// The result does not depend on how the text was cut.
struct ToolCallSplitter: Sendable {
  private enum State {
    case text
    /// After `<tool_call>`; the tag stays in the held text until the call is read.
    case call(ToolCallScanner)
  }

  private var state = State.text
  private var held = HeldText()
  private var heldLineFeedCount = 0
  private var hasContent = false
  /// Whether a call was emitted last.
  private var isAfterCall = false

  /// Appends the text and the calls that the next piece completes.
  mutating func append(_ text: String, into parts: inout [AnswerPart]) {
    held.append(text)
    while advance(&parts) {}
  }

  /// Appends the rest.
  mutating func finish(into parts: inout [AnswerPart]) {
    while advance(&parts) {}
    if case .call = state {
      closeCall(innerEnd: held.bytes.count, end: held.bytes.count, &parts)
    } else {
      emit(held.take(held.bytes.count), &parts)
    }
    if !isAfterCall && heldLineFeedCount > 0 {
      parts.append(.content(String(repeating: "\n", count: heldLineFeedCount)))
    }
    heldLineFeedCount = 0
  }

  /// Processes the held text; false when more text is needed.
  private mutating func advance(_ parts: inout [AnswerPart]) -> Bool {
    switch state {
    case .text:
      guard let (tag, start) = held.firstTag(of: [AnswerTag.toolCallStart]) else {
        emit(held.take(held.settledByteCount(before: [AnswerTag.toolCallStart])), &parts)
        return false
      }
      emit(held.take(start), &parts)
      state = .call(ToolCallScanner(start: tag.utf8.count))
      return true
    case .call(var scanner):
      let end = scanner.findEnd(in: held)
      state = .call(scanner)
      switch end {
      case .open: return false
      case .closed(let start):
        closeCall(innerEnd: start, end: start + AnswerTag.toolCallEnd.utf8.count, &parts)
      case .followed(let start): closeCall(innerEnd: start, end: start, &parts)
      }
      return true
    }
  }

  /// Emits the held call, whose JSON ends at `innerEnd` and whose text ends at `end`.
  private mutating func closeCall(innerEnd: Int, end: Int, _ parts: inout [AnswerPart]) {
    let json = held.bytes[AnswerTag.toolCallStart.utf8.count..<innerEnd]
    state = .text
    if let call = ChatToolCall(answer: json) {
      held.drop(end)
      parts.append(.call(call))
      heldLineFeedCount = 0
      isAfterCall = true
    } else {
      emit(held.take(end), &parts)
    }
  }

  private mutating func emit(_ bytes: [UInt8], _ parts: inout [AnswerPart]) {
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
}
