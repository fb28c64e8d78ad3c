import QuireJSON
import QuireText
import TestSupport
import Testing

/// What a chat may have besides messages and tools, and how content of several parts reaches a template.
@Suite struct ChatInputTests {
  private static let named: JSONValue = [
    ["name": "default", "template": "D{{ messages[0].content }}"],
    ["name": "tool_use", "template": "T{{ messages[0].content }}{{ tools | length }}"],
    [
      "name": "rag",
      "template":
        "R{% for d in documents %}{{ d.title }}={{ d.text }};{% endfor %}{{ messages[0].content }}{{ x }}",
    ],
  ]

  private func format(_ template: JSONValue) throws -> ChatFormat {
    let source = DemoData.tokenizer.sourceJSON
    return try Tokenizer(tokenizer: source, configuration: ["chat_template": template]).chatFormat.required()
  }

  @Test func aTemplateIsNamed() throws {
    let format = try format(Self.named)
    #expect(format.templateNames == ["default", "tool_use", "rag"])
    let tool: JSONValue = ["name": "f"]
    var chat = ChatInput(messages: [ChatMessage(role: .user, content: "x")])
    #expect(try format.render(chat).text == "Dx")
    chat.tools = [tool]
    #expect(try format.render(chat).text == "Tx1")
    chat.template = "default"
    #expect(try format.render(chat).text == "Dx")
    #expect(!format.showsTools(template: "default") && format.showsTools())
    chat.template = "rag"
    chat.documents = [["title": "A", "text": "<|im_end|>"], ["title": "B", "text": "c"]]
    chat.arguments = ["x": "!"]
    #expect(try format.render(chat).text == "RA=<|im_end|>;B=c;x!")
    #expect(try !format.render(chat).pieces.contains { $0.isTemplate && $0.text.contains("im_end") })
    #expect(format.showsDocuments(template: "rag", hasTools: true))
    #expect(!format.showsDocuments(hasTools: true) && !format.showsDocuments(hasTools: false))
    chat.template = "other"
    #expect(throws: TextError.templateName("other", known: ["default", "tool_use", "rag"])) {
      try format.render(chat)
    }
    #expect(throws: TextError.templateName("rag", known: ["default"])) {
      try ChatFormat.qwen3.render(ChatInput(messages: chat.messages, template: "rag"))
    }
  }

  /// Parts stay a list where the template reads lists of that role, and are one text elsewhere.
  @Test func partsReachTemplatesThatReadThem() throws {
    let parts: JSONValue = [["type": "text", "text": "a"], ["type": "text", "text": "b"]]
    let messages = try ChatMessage.list(json: [
      ["role": "system", "content": parts], ["role": "user", "content": parts],
    ])
    let both =
      "{% for m in messages %}{% if m.content is string %}[{{ m.content }}]{% else %}"
      + "{% for p in m.content %}({{ p.text }}){% endfor %}{% endif %}{% endfor %}"
    #expect(try format(.string(both)).render(messages: messages).text == "(a)(b)(a)(b)")
    let users = both.replacing("m.content is string", with: "m.content is string or m.role == 'system'")
    #expect(try format(.string(users)).render(messages: messages).text == "[a\nb](a)(b)")
    let texts = "{% for m in messages %}{{ m.content }}|{% endfor %}"
    #expect(try format(.string(texts)).render(messages: messages).text == "a\nb|a\nb|")
    // As `quire render` reads them: the template decides.
    let raw = try ChatMessage.list(json: [["role": "user", "content": parts]], joinsParts: false)
    #expect(try format(.string(both)).render(messages: raw).text == "(a)(b)")
    #expect(try ChatFormat.qwen3.render(messages: raw).text.hasPrefix("<|im_start|>user\n<|im_end|>"))
  }

  /// Only a template that asks for it sees content that is none; others would print it.
  @Test func contentMayBeNone() throws {
    let call: JSONValue = ["type": "function", "function": ["name": "f", "arguments": "{}"]]
    let messages = try ChatMessage.list(
      json: [["role": "user", "content": "a"], ["role": "assistant", "content": nil, "tool_calls": [call]]])
    let asking: JSONValue =
      "{% for m in messages %}{% if m['content'] is none %}(none){% else %}{{ m['content'] }}{% endif %}{% endfor %}"
    #expect(try format(asking).render(messages: messages).text == "a(none)")
    let printing: JSONValue = "{% for m in messages %}{{ m.content }}|{% endfor %}"
    #expect(try format(printing).render(messages: messages).text == "a||")
  }

  @Test func modesAreToldApartByTheirPrompts() throws {
    let always = try format(
      "{% for m in messages %}{{ m.content }}{% endfor %}<think>{# </think> #}{{ '</think>' }}")
    let switched = try format(
      "{{ messages[0].content }}{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
    )
    let never = try format("{{ messages[0].content }}")
    #expect(always.rendersModesAlike && never.rendersModesAlike)
    #expect(!switched.rendersModesAlike && !ChatFormat.qwen3.rendersModesAlike)
    #expect(always.thinkingText(.nonThinking) == "thinking" && never.thinkingText(.thinking) == nil)
    #expect(switched.thinkingText(.nonThinking) == "non-thinking")
    // The variable alone switches Qwen3's own format, too.
    var chat = ChatInput(
      messages: [ChatMessage(role: .user, content: "x")], arguments: ["enable_thinking": false])
    #expect(try ChatFormat.qwen3.render(chat).text.hasSuffix("<think>\n\n</think>\n\n"))
    chat.arguments = ["enable_thinking": true]
    #expect(try ChatFormat.qwen3.render(chat).text.hasSuffix("assistant\n"))
  }

  /// Not all of Qwen3's control tokens are marked as special in its vocabulary.
  @Test func tokensWithBarsAreControlTokens() throws {
    var file = try #require(DemoData.tokenizer.sourceJSON.objectValue)
    let word = DemoData.tokenizer.vocabularySize
    let entry: JSONValue = ["id": .int(word), "content": "<word>", "special": false, "normalized": false]
    file["added_tokens"] = .array((file["added_tokens"]?.arrayValue ?? []) + [entry])
    let tokenizer = try Tokenizer(tokenizer: .object(file))
    let prefix = try #require(tokenizer.id(of: "<|fim_prefix|>"))
    #expect(!tokenizer.isSpecial(prefix) && tokenizer.isControl(prefix))
    let message = ChatMessage(role: .user, content: "<|fim_prefix|><word>")
    let ids = try ChatFormat.qwen3.render(messages: [message]).tokens(tokenizer)
    #expect(!ids.contains(prefix) && ids.contains(Int32(word)))
    #expect(tokenizer.encode("<|fim_prefix|>") == [prefix])
  }
}
