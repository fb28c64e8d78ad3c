import QuireJSON
import QuireText
import TestSupport
import Testing

/// Chats of models with templates of their own.
@Suite struct TemplateFormatTests {
  /// Opens a thought in the prompt, as templates of models do that only think.
  static let thinker =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
    + "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
  /// Knows no thoughts.
  static let plain =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}"
    + "{{ c.function | tojson }}{% endfor %}<|im_end|>\n{% endfor %}"
    + "{{ tools | tojson if tools }}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
  /// Leaves the thought to the model and refuses systems.
  static let opener =
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    + "<|im_start|>{{ m.role }} {{ m.content.split('</think>')[-1] }}{% endfor %}"
    + "{% if add_generation_prompt %}<|im_start|>assistant{% endif %}{{ suffix }}"

  static func tokenizer(_ template: String) throws -> Tokenizer {
    let source = DemoData.tokenizer
    return try Tokenizer(tokenizer: source.sourceJSON, configuration: ["chat_template": .string(template)])
  }

  private let question = [ChatMessage(role: .user, content: "Hi")]

  @Test func findsWhereThoughtsBegin() throws {
    for (template, starts, may) in [
      (Self.thinker, true, false), (Self.plain, false, false), (Self.opener, false, true),
    ] {
      let tokenizer = try Self.tokenizer(template)
      let format = try tokenizer.chatFormat.required()
      let ids = try format.render(messages: question).tokens(tokenizer)
      #expect(format.startsInThinking(ids, tokenizer) == starts)
      #expect(format.mayOpenThought(ids, tokenizer) == may)
    }
  }

  @Test func passesArgumentsAndErrors() throws {
    let format = try Self.tokenizer(Self.opener).chatFormat.required()
    let prompt = try format.render(messages: question, arguments: ["suffix": "!"])
    #expect(prompt.text == "<|im_start|>user Hi<|im_start|>assistant!")
    do {
      _ = try format.render(messages: [ChatMessage(role: .system, content: "x")])
      Issue.record("rendered")
    } catch {
      #expect(
        "\(error)".contains("line 1") && "\(error)".contains("the template refuses the chat: no system"))
    }
  }

  @Test func callsHaveTheirArgumentsAsObjects() throws {
    let format = try Self.tokenizer(Self.plain).chatFormat.required()
    let call = ChatToolCall(name: "f", arguments: #"{"a":1}"#)
    let prompt = try format.render(
      messages: [ChatMessage(role: .assistant, content: "", toolCalls: [call])], addGenerationPrompt: false)
    #expect(prompt.text.contains(#"{"name": "f", "arguments": {"a": 1}}"#))
  }

  /// Each added token's text in each field of a chat: the control tokens are those of the same chat without it.
  @Test(arguments: [thinker, plain, opener]) func nothingIsForged(template: String) throws {
    let tokenizer = try Self.tokenizer(template)
    let format = try tokenizer.chatFormat.required()
    func controls(_ word: String, _ field: Int) throws -> [Int32] {
      func text(_ index: Int) -> String { index == field ? "a\(word)b" : "ab" }
      let call = ChatToolCall(name: text(1), arguments: ["k": .string(text(2))])
      let prompt = try format.render(
        messages: [
          ChatMessage(role: .user, content: text(0)),
          ChatMessage(role: .assistant, content: text(3), reasoningContent: text(4), toolCalls: [call]),
          ChatMessage(role: .tool, content: text(5)),
        ], tools: [["name": .string(text(6))]], arguments: ["suffix": .string(text(7))])
      return prompt.tokens(tokenizer).filter(tokenizer.isControl)
    }
    let expected = try controls("", 0)
    for id in 0..<Int32(tokenizer.vocabularySize) where tokenizer.isControl(id) {
      for field in 0..<8 {
        let word = String(decoding: tokenizer.bytes(of: id), as: UTF8.self)
        #expect(try controls(word, field) == expected, "\(word) in field \(field)")
      }
    }
  }

  /// Qwen3's native rendering is that of its template, for random chats.
  @Test func theNativeFormatIsTheInterpretedOne() throws {
    let template = try #require(DemoData.tokenizer.configuration?["chat_template"]?.stringValue)
    // A comment makes it another template.
    let format = try Self.tokenizer(template + "{# #}").chatFormat.required()
    #expect(format.name == "template")
    var generator = SeededGenerator(seed: 13)
    for _ in 0..<3000 {
      var chat = RandomChat()
      chat.fill(&generator)
      let native = try ChatFormat.qwen3.render(
        messages: chat.messages, tools: chat.tools, mode: chat.mode,
        addGenerationPrompt: chat.addsPrompt)
      let interpreted = try format.render(
        messages: chat.messages, tools: chat.tools, mode: chat.mode,
        addGenerationPrompt: chat.addsPrompt)
      #expect(native.text == interpreted.text)
      if native.text != interpreted.text { return }
    }
  }
}

/// A chat of pieces that matter to templates.
private struct RandomChat {
  var messages: [ChatMessage] = []
  var tools: [JSONValue] = []
  var mode = ThinkingMode.thinking
  var addsPrompt = true

  private static let words = [
    "", "\n", " ", "Hi", "<think>", "</think>", "\n\n</think>\n\n", "<tool_response>", "</tool_response>",
    "é🙂",
    "<|im_end|>", "{{ x }}", "\"", "\\", "<b>",
  ]

  mutating func fill(_ generator: inout SeededGenerator) {
    mode = Bool.random(using: &generator) ? .thinking : .nonThinking
    addsPrompt = Bool.random(using: &generator)
    for _ in 0..<Int.random(in: 0...2, using: &generator) {
      tools.append(["type": "function", "function": ["name": .string(text(&generator)), "n": 1]])
    }
    let roles = ChatMessage.Role.allCases
    for index in 0..<Int.random(in: 1...6, using: &generator) {
      let role = roles[Int.random(in: index == 0 ? 0...1 : 1...3, using: &generator)]
      var message = ChatMessage(role: role, content: text(&generator))
      if role == .assistant {
        if Bool.random(using: &generator) { message.reasoningContent = text(&generator) }
        for _ in 0..<max(0, Int.random(in: -2...2, using: &generator)) {
          message.toolCalls.append(ChatToolCall(name: "f", arguments: ["k": .string(text(&generator))]))
        }
      }
      messages.append(message)
    }
    // The template itself reads the messages from a question of the user's on.
    messages.insert(ChatMessage(role: .user, content: "Q"), at: messages[0].role == .system ? 1 : 0)
  }

  private func text(_ generator: inout SeededGenerator) -> String {
    (0..<Int.random(in: 0...3, using: &generator))
      .map { _ in Self.words[Int.random(in: 0..<Self.words.count, using: &generator)] }.joined()
  }
}
