/// Separates a streamed answer's reasoning from its content.
///
/// 1. Reasoning begins in the prompt, or with an opening tag that only white space precedes.
/// 2. Only the first closing tag ends it: a tool call inside the reasoning is part of the reasoning.
/// 3. Any later tag is ordinary text.
/// 4. Line feeds around the reasoning and before the content are removed, as in the chat template.
/// 5. Without tags the whole text is content, unchanged.
///
/// A possible start of a tag is held back until it is decided, and so are line feeds that may be the last. The parts
/// do not depend on how the text was cut.
struct ThinkingSplitter: Sendable {
  typealias Parts = (reasoning: String, content: String)

  private enum State {
    /// Only white space so far: the opening tag would start the reasoning.
    case opening
    /// In reasoning that the prompt opened: a redundant opening tag of the model is dropped here.
    case thinkingInPrompt
    /// In the reasoning, before its first character.
    case thinkingStart
    case thinking
    /// In the content, before its first character.
    case contentStart
    case content
  }

  private let startTag: String
  private let endTags: [String]
  private var state: State
  private var held = HeldText()
  /// Line feeds at the end of the reasoning so far.
  private var heldLineFeedCount = 0

  /// - Parameters:
  ///   - tags: Nil for answers without reasoning.
  ///   - mayOpen: If false, an answer that does not start in reasoning has none, and is content as it is.
  init(_ tags: ReasoningTags?, startsInThinking: Bool, mayOpen: Bool = true) {
    startTag = tags?.start ?? ""
    endTags = [tags?.end ?? ""]
    state = tags == nil ? .content : startsInThinking ? .thinkingInPrompt : mayOpen ? .opening : .content
  }

  /// Whether the next text is reasoning, as far as is known.
  var isThinking: Bool {
    switch state {
    case .thinkingInPrompt, .thinkingStart, .thinking: true
    case .opening, .contentStart, .content: false
    }
  }

  /// Whether the reasoning has begun and has no text yet, apart from line feeds.
  var isThoughtEmpty: Bool {
    switch state {
    case .thinkingInPrompt, .thinkingStart: true
    case .opening, .thinking, .contentStart, .content: false
    }
  }

  /// The parts that the next piece of text completes.
  mutating func append(_ text: String) -> Parts {
    held.append(text)
    var parts = Parts("", "")
    while advance(&parts, isEnd: false) {}
    return parts
  }

  /// The rest. An unfinished tag becomes text.
  mutating func finish() -> Parts {
    var parts = Parts("", "")
    while advance(&parts, isEnd: true) {}
    heldLineFeedCount = 0
    return parts
  }

  /// Processes the held text in the current state; false when more text is needed.
  private mutating func advance(_ parts: inout Parts, isEnd: Bool) -> Bool {
    switch state {
    case .opening: return open(isEnd: isEnd)
    case .thinkingInPrompt: return openAgain(isEnd: isEnd)
    case .thinkingStart: return startThinking()
    case .thinking: return think(&parts, isEnd: isEnd)
    case .contentStart, .content:
      emitContent(&parts)
      return false
    }
  }

  private mutating func open(isEnd: Bool) -> Bool {
    let start = held.bytes.firstIndex { !Self.isSpace($0) } ?? held.bytes.count
    if held.has(startTag, at: start) {
      held.drop(start + startTag.utf8.count)
      state = .thinkingStart
      return true
    }
    if held.isBeginning(of: startTag, from: start) && !isEnd { return false }
    state = .contentStart
    return true
  }

  private mutating func openAgain(isEnd: Bool) -> Bool {
    let start = held.bytes.count - held.bytes.dropPrefix(of: UInt8(ascii: "\n")).count
    if held.has(startTag, at: start) {
      held.drop(start + startTag.utf8.count)
    } else if held.isBeginning(of: startTag, from: start) && !isEnd {
      return false
    }
    state = .thinkingStart
    return true
  }

  private mutating func startThinking() -> Bool {
    held.drop(held.bytes.count - held.bytes.dropPrefix(of: UInt8(ascii: "\n")).count)
    if held.bytes.isEmpty { return false }
    state = .thinking
    return true
  }

  private mutating func think(_ parts: inout Parts, isEnd: Bool) -> Bool {
    if let (tag, start) = held.firstTag(of: endTags) {
      emitReasoning(start, &parts)
      held.drop(tag.utf8.count)
      heldLineFeedCount = 0
      state = .contentStart
      return true
    }
    emitReasoning(isEnd ? held.bytes.count : held.settledByteCount(before: endTags), &parts)
    return false
  }

  /// Emits the first `count` bytes.
  private mutating func emitReasoning(_ count: Int, _ parts: inout Parts) {
    let end = held.bytes[..<count].dropSuffix(of: UInt8(ascii: "\n")).endIndex
    if end > 0 {
      if heldLineFeedCount > 0 { parts.reasoning += String(repeating: "\n", count: heldLineFeedCount) }
      parts.reasoning += held.text(0..<end)
      heldLineFeedCount = 0
    }
    heldLineFeedCount += count - end
    held.drop(count)
  }

  /// Emits all held text.
  private mutating func emitContent(_ parts: inout Parts) {
    let count = held.bytes.count
    let start = state == .contentStart ? held.bytes.dropPrefix(of: UInt8(ascii: "\n")).startIndex : 0
    if start < count {
      state = .content
      parts.content += held.text(start..<count)
    }
    held.drop(count)
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte)
  }
}
