/// Splits streamed content into text and tool calls that end with a closing tag.
///
/// 1. A call is emitted as a whole when its closing tag arrives, or at the end of the answer if only that is missing.
/// 2. What is not a call stays in the text with its tags.
struct TaggedCallSplitter: Sendable {
  private enum State {
    case text
    /// After the opening tag, which stays in the held text; its closing tag is not before this offset.
    case call(searched: Int)
  }

  private let form: TaggedCallForm
  /// All tags that matter outside of calls.
  private let openings: [String]
  private var state = State.text
  private var held = HeldText()
  private var output = CallOutput()

  init(_ form: TaggedCallForm) {
    self.form = form
    openings = [form.start] + form.frame
  }

  /// Appends the text and the calls that the next piece completes.
  mutating func append(_ text: String, into parts: inout [AnswerPart]) {
    held.append(text)
    while advance(&parts) {}
  }

  /// Appends the rest.
  mutating func finish(into parts: inout [AnswerPart]) {
    while advance(&parts) {}
    if case .call = state { close(innerEnd: held.bytes.count, end: held.bytes.count, &parts) }
    output.add(held.take(held.bytes.count), &parts)
    output.finish(&parts)
  }

  /// Processes the held text; false when more text is needed.
  private mutating func advance(_ parts: inout [AnswerPart]) -> Bool {
    switch state {
    case .text:
      guard let (tag, start) = held.firstTag(of: openings) else {
        output.add(held.take(held.settledByteCount(before: openings)), &parts)
        return false
      }
      output.add(held.take(start), &parts)
      if tag == form.start {
        state = .call(searched: tag.utf8.count)
      } else {
        held.drop(tag.utf8.count)
      }
      return true
    case .call(let searched):
      let body = form.start.utf8.count
      guard let end = held.bytes[searched...].firstOccurrence(of: form.end.utf8) else {
        state = .call(searched: max(body, held.bytes.count - form.end.utf8.count + 1))
        return false
      }
      if form.isWhole(held.bytes[body..<end]) {
        close(innerEnd: end, end: end + form.end.utf8.count, &parts)
      } else {
        state = .call(searched: end + 1)
      }
      return true
    }
  }

  /// Emits the held call, whose text ends at `innerEnd` and with its tag at `end`.
  private mutating func close(innerEnd: Int, end: Int, _ parts: inout [AnswerPart]) {
    state = .text
    let text = held.bytes[form.start.utf8.count..<innerEnd]
    if let call = form.call(text) {
      held.drop(end)
      output.add(ToolCallPart(name: call.name, arguments: call.argumentsText), &parts)
    } else {
      output.add(held.take(end), &parts)
    }
  }
}
