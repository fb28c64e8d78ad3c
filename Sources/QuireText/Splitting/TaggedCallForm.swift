/// A form of tool calls with a closing tag, whose text is read as a whole: Qwen3-Coder's and DeepSeek's.
enum TaggedCallForm: Sendable {
  case coder(ToolParameterTypes)
  case deepseek

  /// The tags of calls: the opening ones of a call.
  var start: String {
    switch self {
    case .coder: AnswerTag.toolCallStart
    case .deepseek: DeepSeekCall.start
    }
  }

  var end: String {
    switch self {
    case .coder: AnswerTag.toolCallEnd
    case .deepseek: DeepSeekCall.end
    }
  }

  /// Tags around several calls, which say nothing.
  var frame: [String] {
    switch self {
    case .coder: []
    case .deepseek: [DeepSeekCall.listStart, DeepSeekCall.listEnd]
    }
  }

  /// Whether a closing tag after this text ends the call. A value may contain the tag too.
  func isWhole(_ text: ArraySlice<UInt8>) -> Bool {
    switch self {
    case .coder: CoderCall.isWhole(text)
    case .deepseek: true
    }
  }

  /// The call in the text between the tags; nil when it is none.
  func call(_ text: ArraySlice<UInt8>) -> ChatToolCall? {
    let text = String(decoding: text, as: UTF8.self)
    return switch self {
    case .coder(let types): CoderCall.call(text, types)
    case .deepseek: DeepSeekCall.call(text)
    }
  }
}

/// `function<｜tool▁sep｜>f`, then the arguments in a fenced block: DeepSeek V3's and R1's. `f<｜tool▁sep｜>{…}`: V3.1's.
enum DeepSeekCall {
  static let listStart = "<｜tool▁calls▁begin｜>"
  static let listEnd = "<｜tool▁calls▁end｜>"
  static let start = "<｜tool▁call▁begin｜>"
  static let end = "<｜tool▁call▁end｜>"
  private static let separator = "<｜tool▁sep｜>"
  static let tags = [listStart, listEnd, start, end, separator]

  static func call(_ text: String) -> ChatToolCall? {
    let parts = text.components(between: separator)
    guard parts.count == 2 else { return nil }
    if parts[0].trimmed != "function" {
      return ChatToolCall(name: parts[0].trimmed, argumentsText: parts[1])
    }
    guard let lineEnd = parts[1].utf8.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let fence = "```"
    let block = String(parts[1][lineEnd...]).components(between: fence)
    guard block.count == 3 else { return nil }
    let json = block[1].utf8.starts(with: "json".utf8) ? String(block[1].dropFirst(4)) : block[1]
    return ChatToolCall(name: String(parts[1][..<lineEnd]).trimmed, argumentsText: json)
  }
}

extension String {
  /// Without white space at the start and the end.
  fileprivate var trimmed: String {
    let scalars = unicodeScalars.drop { $0.properties.isWhitespace }
    guard let last = scalars.lastIndex(where: { !$0.properties.isWhitespace }) else { return "" }
    return String(scalars[...last])
  }
}
