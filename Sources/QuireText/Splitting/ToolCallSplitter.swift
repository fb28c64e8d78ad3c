import QuireJSON

/// Takes a streamed content apart into text and tool calls: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.
///
/// 1. A call is given out whole, when its closing tag has come; a tag inside a JSON string closes nothing.
/// 2. What does not read as a call stays in the text, tags and all; so does a call that the end of the answer cuts
///    off, unless only its closing tag is missing.
/// 3. Arguments may be missing (then there are none) or be an object's JSON text.
/// 4. Line feeds next to a call separate it from the text and belong to neither; text before and after calls is
///    joined by one.
///
/// The result does not depend on how the text was cut.
package struct ToolCallSplitter: Sendable {
  package typealias Parts = (content: String, calls: [ChatToolCall])

  private enum Place {
    case text
    /// Behind `<tool_call>`; the tag stays in the held text until the call is read.
    case call(ToolCallScanner)
  }

  private var place = Place.text
  private var held = HeldText()
  private var heldLineFeedCount = 0
  private var hasContent = false
  /// Whether a call was the last thing given out.
  private var isAfterCall = false

  package init() {}

  /// The text and the calls that the next piece completes.
  package mutating func append(_ text: String) -> Parts {
    held.append(text)
    var parts = Parts("", [])
    while advance(&parts) {}
    return parts
  }

  /// The rest.
  package mutating func finish() -> Parts {
    var parts = Parts("", [])
    while advance(&parts) {}
    if case .call = place {
      closeCall(innerEnd: held.bytes.count, end: held.bytes.count, &parts)
    } else {
      emit(held.take(held.bytes.count), &parts)
    }
    if !isAfterCall { parts.content += String(repeating: "\n", count: heldLineFeedCount) }
    heldLineFeedCount = 0
    return parts
  }

  /// Does what the held text allows; false when it takes more text to go on.
  private mutating func advance(_ parts: inout Parts) -> Bool {
    switch place {
    case .text:
      guard let (tag, start) = held.firstTag(of: [AnswerTag.toolCallStart]) else {
        emit(held.take(held.settledByteCount(before: [AnswerTag.toolCallStart])), &parts)
        return false
      }
      emit(held.take(start), &parts)
      place = .call(ToolCallScanner(start: tag.utf8.count))
      return true
    case .call(var scanner):
      let end = scanner.findEnd(in: held)
      place = .call(scanner)
      switch end {
      case .open: return false
      case .closed(let start):
        closeCall(innerEnd: start, end: start + AnswerTag.toolCallEnd.utf8.count, &parts)
      case .followed(let start): closeCall(innerEnd: start, end: start, &parts)
      }
      return true
    }
  }

  /// Gives out the held call, whose JSON ends at `innerEnd` and whose text ends at `end`.
  private mutating func closeCall(innerEnd: Int, end: Int, _ parts: inout Parts) {
    let json = held.bytes[AnswerTag.toolCallStart.utf8.count..<innerEnd]
    place = .text
    if let call = Self.call(json) {
      held.drop(end)
      parts.calls.append(call)
      heldLineFeedCount = 0
      isAfterCall = true
    } else {
      emit(held.take(end), &parts)
    }
  }

  private static func call(_ json: ArraySlice<UInt8>) -> ChatToolCall? {
    guard let value = try? JSONValue.parse(json), let name = value["name"]?.stringValue, !name.isEmpty else {
      return nil
    }
    let arguments = value["arguments"] ?? .null
    let call = ChatToolCall(name: name, arguments: arguments.isNull ? .object([:]) : arguments)
      .withParsedArguments
    return call.arguments.objectValue == nil ? nil : call
  }

  private mutating func emit(_ bytes: [UInt8], _ parts: inout Parts) {
    let lineFeed = UInt8(ascii: "\n")
    let text = isAfterCall ? bytes.dropPrefix(of: lineFeed) : bytes[...]
    let trimmed = text.dropSuffix(of: lineFeed)
    if !trimmed.isEmpty {
      if isAfterCall && hasContent { heldLineFeedCount = 1 }
      parts.content +=
        String(repeating: "\n", count: heldLineFeedCount) + String(decoding: trimmed, as: UTF8.self)
      heldLineFeedCount = 0
      hasContent = true
      isAfterCall = false
    }
    if !isAfterCall { heldLineFeedCount += text.count - trimmed.count }
  }
}

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
