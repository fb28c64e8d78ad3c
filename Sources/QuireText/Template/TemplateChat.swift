package import QuireJSON

/// A chat as `transformers` passes it to a template.
package struct TemplateChat: Sendable {
  /// The messages of OpenAI's `messages`, an array of objects.
  package var messages: JSONValue
  /// OpenAI's `tools`, or nil.
  package var tools: JSONValue?
  package var documents: JSONValue?
  package var addGenerationPrompt = false
  /// Whether the prompt ends within the last message, which the model continues.
  package var continueFinalMessage = false
  /// Other variables, such as `enable_thinking`. They hide special tokens of the same name.
  package var arguments: JSONObject = [:]
  /// The tokenizer's variables, such as `bos_token`. They count as the template's own text.
  package var specialTokens: [String: String] = [:]
  /// Whether the template sees content that is null; otherwise the member is left out, as all that are null.
  package var keepsNullContent = false
  package var clock = TemplateClock.system

  package init(messages: JSONValue, tools: JSONValue? = nil) {
    self.messages = messages
    self.tools = tools
  }
}

extension ChatTemplateProgram {
  /// The prompt of a chat.
  package func render(_ chat: TemplateChat) throws(TemplateFault) -> ChatPrompt {
    let input = try TemplateInput(chat, template: self)
    let text = try render(input.variables, clock: chat.clock)
    return ChatPrompt(try input.cut(text))
  }
}

/// The variables of a rendering, prepared as `transformers` does:
///
/// 1. Members of messages that are null are left out, unless `keepsNullContent` keeps one.
/// 2. Reasoning is given under each of the names that templates read.
/// 3. To continue the last message, a mark is added to it; the prompt ends where the mark appears.
struct TemplateInput {
  private(set) var variables: [String: TemplateValue] = [:]
  /// The text that the model continues; nil when it does not.
  private var continued: TemplateText?

  private static let mark = "CONTINUE_FINAL_MESSAGE_TAG "
  private static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]
  /// Roles count as the template's own text, because templates put them into control tokens, as in
  /// `'<|' + message.role + '|>'`. Other roles are data.
  private static let knownRoles: Set<String> = [
    "system", "developer", "user", "assistant", "tool", "function",
  ]

  init(_ chat: TemplateChat, template: ChatTemplateProgram) throws(TemplateFault) {
    guard let elements = chat.messages.arrayValue else {
      throw .operation("expected an array of messages, found \(chat.messages.kindDescription)")
    }
    guard !elements.isEmpty else {
      throw .operation("Cannot apply chat template to an empty conversation. Provide at least one message.")
    }
    var messages: [TemplateDictionary] = []
    for element in elements {
      guard let object = element.objectValue else {
        throw .operation("expected messages that are objects, found \(element.kindDescription)")
      }
      messages.append(Self.message(object, keepsNullContent: chat.keepsNullContent))
    }
    if chat.continueFinalMessage { try markLast(&messages, template) }
    for (name, token) in chat.specialTokens { variables[name] = .template(token) }
    for member in chat.arguments.members { variables[member.key] = TemplateValue(member.value) }
    variables["messages"] = .list(messages.map { .dictionary($0) })
    variables["tools"] = chat.tools.map { TemplateValue($0) } ?? TemplateValue.none
    if variables["documents"] == nil || chat.documents != nil {
      variables["documents"] = chat.documents.map { TemplateValue($0) } ?? TemplateValue.none
    }
    variables["add_generation_prompt"] = .bool(chat.addGenerationPrompt)
  }

  private static func message(_ object: JSONObject, keepsNullContent: Bool) -> TemplateDictionary {
    let members = object.members.filter { !$0.value.isNull || keepsNullContent && $0.key == "content" }
    let reasoning = reasoningNames.lazy.compactMap { name in members.first { $0.key == name }?.value }.first
    var message = TemplateDictionary()
    if let reasoning { message.set("thinking", TemplateValue(reasoning)) }
    for member in members {
      var value = TemplateValue(member.value)
      if member.key == "role", let role = member.value.stringValue, knownRoles.contains(role) {
        value = .template(role)
      }
      let key = TemplateText(data: member.key)
      message.set(.text(key), .text(key.bytes), value)
    }
    if let reasoning { message.set("reasoning_content", TemplateValue(reasoning)) }
    return message
  }

  private mutating func markLast(
    _ messages: inout [TemplateDictionary], _ template: ChatTemplateProgram
  ) throws(TemplateFault) {
    let last = messages.count - 1
    guard let content = messages[last]["content"] else {
      throw .operation("the last message has no content to continue")
    }
    guard template.contains("content") else { throw .operation("the template does not read 'content'") }
    let mark = TemplateText(data: Self.mark)
    switch content {
    case .text(let text):
      continued = text
      messages[last].set("content", .text(Self.joined(text, mark)))
    case .list(let list):
      var parts = list.elements
      let index = parts.lastIndex { part in
        if case .dictionary(let part) = part { part["text"] != nil } else { false }
      }
      guard let index, case .dictionary(var part) = parts[index], case .text(let text)? = part["text"] else {
        throw .operation("the last message has no text to continue")
      }
      continued = text
      part.set("text", .text(Self.joined(text, mark)))
      parts[index] = .dictionary(part)
      messages[last].set("content", .list(parts))
    default: throw .operation("the last message has no text to continue")
    }
  }

  private static func joined(_ left: TemplateText, _ right: TemplateText) -> TemplateText {
    var builder = TemplateTextBuilder()
    builder.append(left)
    builder.append(right)
    return builder.text
  }

  /// The rendered text up to the continued message's end.
  func cut(_ text: TemplateText) throws(TemplateFault) -> TemplateText {
    guard let continued else { return text }
    let trimmed = continued[continued.rangeWithoutSpace(left: true, right: true)]
    let mark = Array(Self.mark.utf8)
    guard text.contains(trimmed),
      let end = text.lastOffset(of: mark.dropLast(), start: 0, end: text.bytes.count)
    else {
      throw .operation(
        "the template does not write the last message as it is, so that it cannot be continued")
    }
    let prompt = text[0..<end]
    if text.bytes[end...].starts(with: mark) { return prompt }
    return prompt[prompt.rangeWithoutSpace(left: false, right: true)]
  }
}

extension ChatPrompt {
  /// A rendered text with its provenance.
  init(_ text: TemplateText) {
    self.init()
    text.forEachRun { range, isTemplate in
      let part = String(decoding: text.bytes[range], as: UTF8.self)
      if isTemplate { append(template: part) } else { append(message: part) }
    }
  }
}
