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

/// What is found out about templates in the styles of published models.
@Suite struct TemplateProbeTests {
  struct Style: Sendable {
    let template: String
    let summary: String
    /// Of a call in a chat: a text that the prompt must have.
    var call = ""
  }

  private static let turns =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
  private static let head = "{% if add_generation_prompt %}<|im_start|>assistant\n"

  static let styles = [
    // Only thinks; calls as Qwen3.
    Style(
      template:
        "{{ tools | tojson if tools }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}"
        + "{% for c in m.tool_calls %}<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}"
        + "\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}" + head + "<think>\n{% endif %}",
      summary: "each prompt opens a thought; tool calls as hermes", call: #""arguments": {"a": 1}"#),
    // Never thinks.
    Style(
      template: "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        + head
        + "{% endif %}", summary: "no thoughts; no tools"),
    // A switch of its own kind.
    Style(
      template: turns + head
        + "{% if enable_thinking | default(false) %}<think>\n{% else %}<think></think>{% endif %}{% endif %}",
      summary: "enable_thinking switches thoughts; no tools"),
    // Arguments as text in a fenced block.
    Style(
      template:
        "{{ bos_token }}{{ tools | tojson if tools }}{% for m in messages %}{% if m.role == 'user' %}<｜User｜>{{ m.content }}"
        + "{% else %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}{% for c in m.tool_calls %}"
        + "{{ '<｜tool▁call▁begin｜>function<｜tool▁sep｜>' + c.function.name + '\\n```json\\n' + c.function.arguments + '\\n```<｜tool▁call▁end｜>' }}"
        + "{% endfor %}<｜end▁of▁sentence｜>{% endif %}{% endfor %}{% if add_generation_prompt %}<｜Assistant｜>{% endif %}",
      summary: "the model opens thoughts itself; tool calls as deepseek", call: "```json\n{\"a\": 1}\n```"),
    // Parameters in tags.
    Style(
      template:
        "{{ tools | tojson if tools }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}"
        + "<tool_call>\n<function={{ c.function.name }}>\n{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n{{ v }}\n"
        + "</parameter>\n{% endfor %}</function>\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}" + head
        + "{% endif %}",
      summary: "no thoughts; tool calls as qwen3-coder", call: "<parameter=a>\n1\n</parameter>"),
    // A list after a mark, with ids.
    Style(
      template:
        "{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}{% for m in messages %}{% if m.role == 'user' %}"
        + "[INST] {{ m.content }}[/INST]{% else %}{{ m.content }}{% if m.tool_calls %}[TOOL_CALLS] [{% for c in m.tool_calls %}"
        + "{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}, \"id\": \"{{ c.id }}\"}"
        + "{% endfor %}]{% endif %}</s>{% endif %}{% endfor %}",
      summary: "no thoughts; tool calls as mistral", call: #""arguments": {"a": 1}, "id": "call00001""#),
    // Plain JSON.
    Style(
      template:
        "{{ tools | tojson if tools }}{% for m in messages %}{{ m.role }}:{% if m.tool_calls %}{% set f = m.tool_calls[0].function %}"
        + "{\"name\": \"{{ f.name }}\", \"parameters\": {{ f.arguments | tojson }}}{% else %}{{ m.content }}{% endif %}\n{% endfor %}",
      summary: "no thoughts; tool calls as json", call: #""parameters": {"a": 1}"#),
    // Other tags around a thought, and content in parts.
    Style(
      template:
        "{% for m in messages %}{{ m.role }}:{% for p in m.content %}{{ p.text.split('[/THINK]')[-1] }}{% endfor %}\n{% endfor %}",
      summary: "the model opens thoughts itself in [THINK] [/THINK]; no tools"),
    // Tools without calls.
    Style(
      template: "{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}",
      summary: "no thoughts; tools, but calls of no known form; --tool-format sets one"),
    // Alpaca's form.
    Style(
      template:
        "{% for m in messages %}### {{ m.role | title }}:\n{{ m.content }}\n\n{% endfor %}### Response:\n",
      summary: "no thoughts; no tools"),
  ]

  @Test(arguments: styles) func isFound(style: Style) throws {
    let choice = try TemplateFormatTests.tokenizer(style.template).chatFormat
    #expect(choice.summary == "template (the template in tokenizer_config.json; \(style.summary))")
    let call = ChatToolCall(name: "f", arguments: #"{"a":1}"#, id: "call00001")
    let prompt = try choice.required().render(messages: [
      ChatMessage(role: .user, content: "question"),
      ChatMessage(role: .assistant, content: "", toolCalls: [call]),
    ])
    #expect(prompt.text.contains("question") && prompt.text.contains(style.call))
  }

  @Test func tellsDevelopersAndResultsApart() throws {
    let template =
      "{% for m in messages %}{% if m.role == 'developer' %}D{% endif %}{{ m.role }} {{ m.content }} {{ m.name }} "
      + "{{ m.tool_call_id }}\n{% endfor %}"
    let messages = try ChatMessage.list(json: [
      ["role": "developer", "content": "a"],
      ["role": "tool", "content": "b", "name": "f", "tool_call_id": "c1"],
    ])
    let format = try TemplateFormatTests.tokenizer(template).chatFormat.required()
    #expect(try format.render(messages: messages).text == "Ddeveloper a  \ntool b f c1\n")
    let other = try TemplateFormatTests.tokenizer(template.replacing("developer", with: "x")).chatFormat
      .required()
    #expect(try other.render(messages: messages).text == "system a  \ntool b f c1\n")
  }

  /// A system's text may speak of tags; only the answer's own turn opens a thought.
  @Test func tagsInOtherTurnsOpenNoThought() throws {
    let template =
      "<|im_start|>system\nWrite <think> first.<|im_end|>\n{% for m in messages %}<|im_start|>{{ m.role }}\n"
      + "{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}" + Self.head + "{% endif %}"
    let tokenizer = try TemplateFormatTests.tokenizer(template)
    let format = try tokenizer.chatFormat.required()
    let ids = try format.render(messages: [ChatMessage(role: .user, content: "x")]).tokens(tokenizer)
    #expect(!format.startsInThinking(ids, tokenizer) && format.mayOpenThought(ids, tokenizer))
  }

  /// A template that never ends is refused when the model is opened, after one try.
  @Test func aHostileTemplateIsRefused() throws {
    let template =
      "{% for a in range(99999) %}{% for b in range(99999) %}{{ messages[0].content }}{% endfor %}{% endfor %}"
    let choice = try TemplateFormatTests.tokenizer(template).chatFormat
    #expect(choice.format == nil)
    #expect(choice.summary.contains("expected the template to render the chat in at most 3000000 steps"))
  }
}
