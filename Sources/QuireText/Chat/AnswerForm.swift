import QuireJSON

/// How a model spells the parts of an answer: the tags around a thought, and tool calls.
package struct AnswerForm: Sendable, Equatable {
  /// Nil for a model without thoughts: the whole answer is content.
  package var reasoning: ReasoningTags?
  package var tools: ToolCallForm

  /// Qwen3's.
  static let qwen3 = AnswerForm(reasoning: .think, tools: .hermes)

  /// The tags, which are part of the chat's structure when they are added tokens.
  package func tags(withCalls: Bool) -> [String] {
    [reasoning?.start, reasoning?.end].compactMap(\.self) + (withCalls ? tools.tags : [])
  }
}

/// The tags around a thought. Their text is searched in answers, whether or not they are tokens of their own.
package struct ReasoningTags: Sendable, Equatable {
  package let start: String
  package let end: String

  static let think = ReasoningTags(known: AnswerTag.thinkStart, AnswerTag.thinkEnd)

  /// The tags that published templates use, Qwen3's first.
  static let known = [
    think, ReasoningTags(known: "<thinking>", "</thinking>"), ReasoningTags(known: "<thought>", "</thought>"),
    ReasoningTags(known: "<reasoning>", "</reasoning>"),
    ReasoningTags(known: "<seed:think>", "</seed:think>"),
    ReasoningTags(known: "<mm:think>", "</mm:think>"),
    ReasoningTags(known: "[THINK]", "[/THINK]"),
    ReasoningTags(known: "<|START_THINKING|>", "<|END_THINKING|>"),
    ReasoningTags(known: "<|begin_of_thought|>", "<|end_of_thought|>"),
    ReasoningTags(known: "◁think▷", "◁/think▷"),
  ]

  private static let bytesMaximum = 64

  private init(known start: String, _ end: String) {
    self.start = start
    self.end = end
  }

  /// Nil for tags that cannot be told apart or found in an answer: an empty, long or equal one, or one within the
  /// other.
  package init?(start: String, end: String) {
    for tag in [start, end] {
      guard (1...Self.bytesMaximum).contains(tag.utf8.count), !tag.contains(where: \.isWhitespace) else {
        return nil
      }
    }
    guard start.utf8.firstOccurrence(of: end.utf8) == nil, end.utf8.firstOccurrence(of: start.utf8) == nil
    else { return nil }
    self.init(known: start, end)
  }
}

/// How a model spells the tool calls of an answer.
package enum ToolCallForm: String, Sendable, CaseIterable {
  /// `<tool_call>{"name": "f", "arguments": {…}}</tool_call>`: Qwen3's, and that of the Hermes models.
  case hermes
  /// `<tool_call><function=f><parameter=k>v</parameter></function></tool_call>`: Qwen3-Coder's.
  case qwen3Coder = "qwen3-coder"
  /// `<｜tool▁call▁begin｜>f<｜tool▁sep｜>{…}<｜tool▁call▁end｜>`, or with the word `function` and a fenced block: those of
  /// DeepSeek V3, R1 and later.
  case deepseek
  /// `[TOOL_CALLS] [{"name": "f", "arguments": {…}}]`, or `[TOOL_CALLS]f[ARGS]{…}` in later versions: Mistral's.
  case mistral
  /// An answer that is `{"name": "f", "parameters": {…}}`, or several of them: Llama 3's.
  case json
  /// Calls are not found in answers; their text stays in the content.
  case none

  /// The name in options, packs and messages.
  package var name: String { rawValue }

  /// The texts by which calls are found.
  var tags: [String] {
    switch self {
    case .hermes, .qwen3Coder: [AnswerTag.toolCallStart, AnswerTag.toolCallEnd]
    case .deepseek: DeepSeekCall.tags
    case .mistral: MistralCall.tags
    case .json, .none: []
    }
  }

  /// Whether a grammar for forced calls exists.
  package var canBeForced: Bool { self == .hermes }
}

extension AnswerForm {
  /// As a pack's manifest has it: `reasoningTags`, an array of two texts or null, and `toolFormat`.
  var members: JSONObject {
    [
      "reasoningTags": reasoning.map { [.string($0.start), .string($0.end)] } ?? .null,
      "toolFormat": .string(tools.name),
    ]
  }

  /// Nil for a value of another form.
  init?(members json: JSONValue) {
    guard let tools = json["toolFormat"]?.stringValue.flatMap(ToolCallForm.init(rawValue:)) else {
      return nil
    }
    self.tools = tools
    switch json["reasoningTags"] {
    case nil, .null?: reasoning = nil
    case let value?:
      guard let pair = value.arrayValue, pair.count == 2, let start = pair[0].stringValue,
        let end = pair[1].stringValue, let tags = ReasoningTags(start: start, end: end)
      else { return nil }
      reasoning = tags
    }
  }
}
