import QuireJSON

/// Splits streamed content into text and tool calls that are JSON objects: after a mark, as Mistral's, or as the whole
/// answer, as Llama 3's.
///
/// 1. Calls come after the mark, or from the content's first character on: objects with a name and arguments, or, after
///    the mark, a name and the object of its arguments. A list's brackets and what separates calls are dropped.
/// 2. A call is emitted as a whole when its object ends.
/// 3. What is not a call stays in the text, with the mark before it, and so does all that follows up to the next mark.
struct JSONCallSplitter: Sendable {
  private enum State {
    /// Text up to the next mark.
    case text
    /// Between calls.
    case between
    /// In a name before its arguments.
    case name
    /// In an object that starts at the offset.
    case object(JSONObjectScanner, start: Int, scanned: Int)
  }

  /// Nil: the content itself is the call.
  private let mark: String?
  private let marks: [String]
  private var state: State
  /// Begins with the mark until the first call after it is read.
  private var held = HeldText()
  /// The length of that mark.
  private var heldMark = 0
  private var isInList = false
  /// Whether a call came last, so that separators are dropped.
  private var isAfterCall = false
  private var output = CallOutput()

  init(mark: String?) {
    self.mark = mark
    marks = mark.map { [$0] } ?? []
    state = mark == nil ? .between : .text
  }

  /// Appends the text and the calls that the next piece completes.
  mutating func append(_ text: String, into parts: inout [AnswerPart]) {
    held.append(text)
    while advance(&parts) {}
  }

  /// Appends the rest; an unfinished call is text.
  mutating func finish(into parts: inout [AnswerPart]) {
    while advance(&parts) {}
    if !isAfterCall { output.add(held.take(held.bytes.count), &parts) }
    output.finish(&parts)
  }

  /// Processes the held text; false when more text is needed.
  private mutating func advance(_ parts: inout [AnswerPart]) -> Bool {
    switch state {
    case .text:
      guard let (tag, start) = held.firstTag(of: marks) else {
        let count = mark == nil ? held.bytes.count : held.settledByteCount(before: marks)
        output.add(held.take(count), &parts)
        return false
      }
      output.add(held.take(start), &parts)
      startCalls(tag)
      return true
    case .between: return startCall(&parts)
    case .name: return readName(&parts)
    case .object(var scanner, let start, let scanned):
      let (count, outcome) = scanner.scan(held.bytes[scanned...])
      switch outcome {
      case .open:
        state = .object(scanner, start: start, scanned: scanned + count)
        return false
      case .invalid: giveUp(&parts)
      case .ended: endCall(start: start, end: scanned + count, &parts)
      }
      return true
    }
  }

  /// After a mark, with which the held text begins.
  private mutating func startCalls(_ mark: String) {
    heldMark = mark.utf8.count
    isInList = false
    isAfterCall = false
    state = .between
  }

  /// Skips separators up to the next call.
  private mutating func startCall(_ parts: inout [AnswerPart]) -> Bool {
    var index = heldMark
    while index < held.bytes.count {
      let byte = held.bytes[index]
      switch byte {
      case UInt8(ascii: "["):
        if isAfterCall, let mark {
          if held.isBeginning(of: mark, from: index) { return false }
          if held.has(mark, at: index) {
            held.drop(index)
            startCalls(mark)
            return true
          }
        }
        isInList = true
      case UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: ";"), 0x09, 0x0A, 0x0D, 0x20: break
      case UInt8(ascii: "{"):
        isAfterCall = false
        state = .object(JSONObjectScanner(), start: index, scanned: index)
        return true
      default:
        if isAfterCall { held.drop(index) }
        isAfterCall = false
        let isName = mark != nil && heldMark > 0 && !isInList
        if isName { state = .name } else { giveUp(&parts) }
        return true
      }
      index += 1
    }
    if isAfterCall { held.drop(index) }
    return false
  }

  /// A name up to a bracket or the arguments: `f[ARGS]{…}`, `f[CALL_ID]x[ARGS]{…}`, `f{…}`.
  private mutating func readName(_ parts: inout [AnswerPart]) -> Bool {
    guard let start = held.bytes[heldMark...].firstIndex(of: UInt8(ascii: "{")) else {
      // A longer text is no name.
      guard held.bytes.count > heldMark + MistralCall.nameBytesMaximum else { return false }
      giveUp(&parts)
      return true
    }
    state = .object(JSONObjectScanner(), start: start, scanned: start)
    return true
  }

  private mutating func endCall(start: Int, end: Int, _ parts: inout [AnswerPart]) {
    let json = held.bytes[start..<end]
    let before = String(decoding: held.bytes[heldMark..<start], as: UTF8.self)
    let name = isInList || mark == nil ? "" : MistralCall.name(before)
    let call =
      name.isEmpty
      ? ChatToolCall(answer: json)
      : ChatToolCall(name: name, argumentsText: String(decoding: json, as: UTF8.self))
    guard let call else { return giveUp(&parts) }
    held.drop(end)
    heldMark = 0
    output.add(ToolCallPart(name: call.name, arguments: call.argumentsText), &parts)
    isAfterCall = true
    state = .between
  }

  /// What is held is text, and so is the rest up to a mark that follows.
  private mutating func giveUp(_ parts: inout [AnswerPart]) {
    output.add(held.take(heldMark), &parts)
    heldMark = 0
    state = .text
  }
}

/// Mistral's calls.
enum MistralCall {
  static let mark = "[TOOL_CALLS]"
  private static let argumentsMark = "[ARGS]"
  private static let idMark = "[CALL_ID]"
  static let tags = [mark, argumentsMark, idMark]
  static let nameBytesMaximum = 512

  /// The name in the text before the arguments; empty when there is none.
  static func name(_ text: String) -> String {
    let name = text.components(between: idMark)[0].components(between: argumentsMark)[0]
    let bytes = name.utf8.drop { $0 <= 0x20 }
    let end = bytes.lastIndex { $0 > 0x20 }
    return end.map { String(Substring(bytes[...$0])) } ?? ""
  }
}
