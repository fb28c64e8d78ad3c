import QuireJSON

/// Splits streamed content into text and tool calls: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.
///
/// 1. A call begins when its name and the first byte of its arguments' first key have arrived (``ToolCallHead``). Its
///    arguments follow as the model writes them. They end with their object; what the model writes after that, up to
///    the closing tag, is dropped.
/// 2. If a call that has begun stops being JSON, or the answer ends, its arguments end there: an incomplete object. They
///    are always the beginning of a JSON object.
/// 3. A call of another form is emitted as a whole when its closing tag arrives; a tag inside a JSON string does not
///    close it. Its arguments are written with the spacing that the model was trained on.
/// 4. A call that has not begun and is not valid (see ``ChatToolCall/init(answer:)``) stays in the text with its tags.
///    So does one that the end of the answer cuts off, unless only its closing tag is missing.
/// 5. Line feeds next to a call are separators and are dropped; text before and after calls is joined by one line
///    feed.
///
/// The parts of each kind, joined, do not depend on how the text was cut.
struct ToolCallSplitter: Sendable {
  private enum State {
    case text
    /// After `<tool_call>`; the tag stays in the held text until the call is read.
    case call(ToolCallScanner, ToolCallHead)
    /// In the arguments of a call that has begun.
    case arguments(JSONObjectScanner)
    /// After them, before the closing tag.
    case callEnd
  }

  private var state = State.text
  private var held = HeldText()
  private var output = CallOutput()

  /// Appends the text and the calls that the next piece completes.
  mutating func append(_ text: String, into parts: inout [AnswerPart]) {
    held.append(text)
    while advance(&parts) {}
  }

  /// Appends the rest.
  mutating func finish(into parts: inout [AnswerPart]) {
    while advance(&parts) {}
    switch state {
    case .text: output.add(held.take(held.bytes.count), &parts)
    case .call: closeCall(innerEnd: held.bytes.count, end: held.bytes.count, &parts)
    case .arguments, .callEnd: held.drop(held.bytes.count)
    }
    output.finish(&parts)
  }

  /// Processes the held text; false when more text is needed.
  private mutating func advance(_ parts: inout [AnswerPart]) -> Bool {
    switch state {
    case .text:
      guard let (tag, start) = held.firstTag(of: [AnswerTag.toolCallStart]) else {
        output.add(held.take(held.settledByteCount(before: [AnswerTag.toolCallStart])), &parts)
        return false
      }
      output.add(held.take(start), &parts)
      state = .call(ToolCallScanner(start: tag.utf8.count), ToolCallHead(start: tag.utf8.count))
      return true
    case .arguments(let scanner): return continueCall(scanner, &parts)
    case .callEnd: return endCall()
    case .call(var scanner, var head):
      head.read(held)
      if head.outcome == .matched {
        beginCall(head, &parts)
        return true
      }
      let end = scanner.findEnd(in: held)
      state = .call(scanner, head)
      switch end {
      case .open: return false
      case .closed(let start):
        closeCall(innerEnd: start, end: start + AnswerTag.toolCallEnd.utf8.count, &parts)
      case .followed(let start): closeCall(innerEnd: start, end: start, &parts)
      }
      return true
    }
  }

  private mutating func beginCall(_ head: ToolCallHead, _ parts: inout [AnswerPart]) {
    output.add(ToolCallPart(name: head.name, arguments: ""), &parts)
    held.drop(head.argumentsStart)
    state = .arguments(JSONObjectScanner())
  }

  /// Emits the next text of the arguments; false when more is needed.
  private mutating func continueCall(_ scanner: JSONObjectScanner, _ parts: inout [AnswerPart]) -> Bool {
    var scanner = scanner
    let (count, outcome) = scanner.scan(held.bytes)
    if count > 0 { parts.append(.call(ToolCallPart(name: nil, arguments: held.text(0..<count)))) }
    held.drop(count)
    state = outcome == .open ? .arguments(scanner) : .callEnd
    return outcome != .open
  }

  /// Drops text up to the closing tag, or up to another call; false when neither has arrived.
  private mutating func endCall() -> Bool {
    let tags = [AnswerTag.toolCallEnd, AnswerTag.toolCallStart]
    guard let (tag, start) = held.firstTag(of: tags) else {
      held.drop(held.settledByteCount(before: tags))
      return false
    }
    held.drop(tag == AnswerTag.toolCallEnd ? start + tag.utf8.count : start)
    state = .text
    return true
  }

  /// Emits the held call, whose JSON ends at `innerEnd` and whose text ends at `end`.
  private mutating func closeCall(innerEnd: Int, end: Int, _ parts: inout [AnswerPart]) {
    let json = held.bytes[AnswerTag.toolCallStart.utf8.count..<innerEnd]
    state = .text
    if let call = ChatToolCall(answer: json) {
      held.drop(end)
      output.add(ToolCallPart(name: call.name, arguments: call.argumentsText), &parts)
    } else {
      output.add(held.take(end), &parts)
    }
  }
}
