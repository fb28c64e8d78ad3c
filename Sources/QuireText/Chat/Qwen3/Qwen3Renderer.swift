import QuireJSON

/// The state of one rendering.
struct Qwen3Renderer {
  private let messages: [ChatMessage]
  private let leavesLastOpen: Bool
  /// Index of the last user message that is a question and not a tool response; the last index if there is none.
  private let lastQuestion: Int
  var prompt = ChatPrompt()

  init(messages: [ChatMessage], leavesLastOpen: Bool) {
    self.messages = messages
    self.leavesLastOpen = leavesLastOpen
    let question = messages.lastIndex { message in
      guard message.role == .user, let content = message.content else { return false }
      return
        !(content.startsWithBytes(of: "<tool_response>") && content.endsWithBytes(of: "</tool_response>"))
    }
    lastQuestion = question ?? messages.count - 1
  }

  /// Renders the system turn: a leading system message, the tools, or both.
  mutating func renderHead(system: String?, tools: [JSONValue]) {
    if tools.isEmpty {
      guard let system else { return }
      prompt.append(template: "<|im_start|>system\n")
      prompt.append(message: system)
      return prompt.append(template: "<|im_end|>\n")
    }
    prompt.append(template: "<|im_start|>system\n")
    if let system {
      prompt.append(message: system)
      prompt.append(template: "\n\n")
    }
    prompt.append(
      template: """
        # Tools

        You may call one or more functions to assist with the user query.

        You are provided with function signatures within <tools></tools> XML tags:
        <tools>
        """)
    for tool in tools {
      prompt.append(template: "\n")
      prompt.append(message: tool.serialized(style: .python))
    }
    prompt.append(
      template: """

        </tools>

        For each function call, return a json object with function name and arguments within <tool_call></tool_call> \
        XML tags:
        <tool_call>
        {"name": <function-name>, "arguments": <args-json-object>}
        </tool_call><|im_end|>

        """)
  }

  mutating func render(_ index: Int) {
    let message = messages[index]
    switch message.role {
    case .system where index == 0: break
    case .system, .user:
      prompt.append(template: "<|im_start|>\(message.role.rawValue)\n")
      prompt.append(message: message.content ?? "")
      prompt.append(template: "<|im_end|>\n")
    case .assistant: renderAssistant(message, index)
    case .tool: renderToolResponse(message, index)
    }
  }

  private mutating func renderAssistant(_ message: ChatMessage, _ index: Int) {
    let (reasoning, content) = Self.thoughtsAndContent(of: message)
    let isLast = index == messages.count - 1
    prompt.append(template: "<|im_start|>assistant\n")
    if index > lastQuestion && (isLast || !reasoning.isEmpty) {
      prompt.append(template: AnswerTag.thinkStart + "\n")
      prompt.append(message: reasoning.withoutLeadingLineFeeds.withoutTrailingLineFeeds)
      prompt.append(template: "\n" + AnswerTag.thinkEnd + "\n\n")
      prompt.append(message: content.withoutLeadingLineFeeds)
    } else {
      prompt.append(message: content)
    }
    if isLast && leavesLastOpen { return }
    for (callIndex, call) in message.toolCalls.enumerated() {
      if callIndex > 0 || !content.isEmpty { prompt.append(template: "\n") }
      prompt.append(template: "<tool_call>\n{\"name\": \"")
      prompt.append(message: call.name)
      prompt.append(template: "\", \"arguments\": ")
      prompt.append(message: call.argumentsText)
      prompt.append(template: "}\n</tool_call>")
    }
    prompt.append(template: "<|im_end|>\n")
  }

  /// The reasoning given separately, or else that in the content: of the text before the first `</think>`, the part
  /// after the last `<think>`. The content is then the text after the last `</think>`.
  private static func thoughtsAndContent(of message: ChatMessage) -> (String, String) {
    let content = message.content ?? ""
    if let reasoning = message.reasoningContent { return (reasoning, content) }
    let parts = content.components(between: AnswerTag.thinkEnd)
    guard parts.count > 1 else { return ("", content) }
    let thoughts = parts[0].withoutTrailingLineFeeds.components(between: AnswerTag.thinkStart)
    return (
      thoughts[thoughts.count - 1].withoutLeadingLineFeeds, parts[parts.count - 1].withoutLeadingLineFeeds
    )
  }

  /// Consecutive tool responses share one user turn.
  private mutating func renderToolResponse(_ message: ChatMessage, _ index: Int) {
    if index == 0 || messages[index - 1].role != .tool { prompt.append(template: "<|im_start|>user") }
    prompt.append(template: "\n<tool_response>\n")
    prompt.append(message: message.content ?? "")
    prompt.append(template: "\n</tool_response>")
    if index == messages.count - 1 || messages[index + 1].role != .tool {
      prompt.append(template: "<|im_end|>\n")
    }
  }
}
