import QuireJSON
import QuireText
import TestSupport
import Testing

/// Which chat format a model gets: by what is asked for, by the pack, by its templates.
@Suite struct ChatFormatChoiceTests {
  /// Templates that cannot be rendered, and what a refusal says about each.
  static let refused = [
    ("", "one that does not read 'messages' in tokenizer_config.json"),
    ("### Instruction:", "one that does not read 'messages' in tokenizer_config.json"),
    ("{{ messages | sha256 }}", "one with a fault in tokenizer_config.json (chat template, line 1"),
    ("{{ messages\n}", "one with a fault in tokenizer_config.json (chat template, line "),
  ]

  /// Templates that are interpreted, and what they do with thoughts.
  static let foreign = [
    (
      "{{- '<|im_start|>user\\n' + messages[0].content.split('</think>')[-1] }}"
        + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}",
      "each prompt opens a thought"
    ),
    ("{{ messages }}{% if enable_thinking %}<think></think>{% endif %}", "enable_thinking switches thoughts"),
    ("{{ messages[0].content.split('</think>')[-1] }}", "the model opens thoughts itself"),
    ("### Instruction:\n{{ messages[0].content }}\n\n### Response:\n", "no thoughts"),
  ]

  private static let sentence =
    "; add --chat-format qwen3 to render chats as Qwen3 does, or use only raw prompts and "
    + "completions, and conversions without chats"

  private static let current = DemoData.tokenizer.configuration?["chat_template"]?.stringValue ?? ""

  private func choice(_ template: JSONValue?, _ asked: ChatFormatOverride? = nil, recorded: JSONValue? = nil)
    throws
    -> ChatFormatChoice
  {
    try Tokenizer(
      tokenizer: TokenizerFileTests.valid, configuration: template.map { ["chat_template": $0] },
      chatFormat: asked, recordedChatFormat: recorded
    ).chatFormat
  }

  private func format(_ template: String) throws -> ChatFormat? { try choice(.string(template)).format }

  private func refusal(_ choice: ChatFormatChoice) -> String {
    do throws(TextError) {
      return "accepted as \(try choice.required())"
    } catch {
      return "\(error)"
    }
  }

  @Test func knowsQwen3sTemplates() throws {
    let known = try choice(.string(Self.current))
    #expect(known.format == .qwen3)
    #expect(known.summary == "qwen3 (the template in tokenizer_config.json)")
    #expect(try format(Self.current + "\n\n") == .qwen3)
    #expect(try choice(.string(Self.current + "x")).summary.hasPrefix("template (the template in"))
    #expect(try choice(nil).summary == "qwen3 (the model has no chat template; this is its architecture's)")
    for none: JSONValue in [nil, []] { #expect(try choice(none).format == .qwen3) }
  }

  @Test(arguments: refused)
  func refusesWhatCannotBeRendered(template: String, found: String) throws {
    let refused = try choice(.string(template))
    #expect(refused.format == nil)
    #expect(refused.summary.hasPrefix("none; the model's template cannot be rendered: " + found))
    #expect(refusal(refused).hasPrefix("expected a chat template that can be rendered, found " + found))
    #expect(refusal(refused).hasSuffix(Self.sentence))
    let asked = try choice(.string(template), .qwen3)
    #expect(asked.format == .qwen3 && asked.summary == "qwen3 (as asked for)")
  }

  @Test(arguments: foreign)
  func interpretsOthers(template: String, thoughts: String) throws {
    let own = try choice(.string(template))
    #expect(own.summary == "template (the template in tokenizer_config.json; \(thoughts); no tools)")
    #expect(own.format?.name == "template")
    #expect(try choice(.string(template), .qwen3).format == .qwen3)
  }

  /// Tools select the template "tool_use".
  @Test func namedTemplates() throws {
    func named(_ names: [(String, String)]) -> JSONValue {
      .array(names.map { ["name": .string($0.0), "template": .string($0.1)] })
    }
    #expect(try choice(named([("default", Self.current)])).format == .qwen3)
    let two = try choice(
      named([("default", "{{ messages[0].content }}"), ("tool_use", "{{ tools }}{{ messages[0].content }}")]))
    #expect(
      two.summary
        == "template (2 named templates in tokenizer_config.json: default, tool_use; no thoughts; "
        + "tools, but calls of no known form; --tool-format sets one)")
    let chat = [ChatMessage(role: .user, content: "x")]
    #expect(try two.required().render(messages: chat).text == "x")
    #expect(try two.required().render(messages: chat, tools: ["t"]).text == "['t']x")
    let one = try choice(named([("rag", "{{ messages[0].content }}")])).required()
    #expect(
      throws: TextError.chatFormat(found: "only named ones without a default one in tokenizer_config.json")
    ) {
      try one.render(messages: chat)
    }
    for (wrong, kind) in [(1, "a number"), ([1], "an array"), (["default": "x"], "an object")]
      as [(JSONValue, String)]
    {
      #expect(try refusal(choice(wrong)).contains("found \(kind) as chat_template in tokenizer_config.json"))
    }
  }

  @Test func aPackSaysItself() throws {
    #expect(try choice("{{ messages }}", recorded: "qwen3").summary == "qwen3 (as the pack says)")
    #expect(try choice("{{ messages }}", recorded: .null).format?.name == "template")
    #expect(try choice("{{ messages }}", recorded: "template").format?.name == "template")
    let later = try choice(.string(Self.current), recorded: "qwen9")
    #expect(refusal(later).contains("found a pack whose chat format this version does not know; add"))
    #expect(try choice(.string(Self.current), .qwen3, recorded: "qwen9").format == .qwen3)
  }

  /// The pack has how answers are spelled; the user's options come first.
  @Test func aPackSaysHowAnswersAreSpelled() throws {
    let template: JSONValue = "{{ messages }}{{ tools }}"
    let asked = ChatFormatOverride(reasoning: .init("[THINK] [/THINK]"), tools: .mistral)
    let made = try choice(template, asked).required()
    #expect(
      made.json == ["name": "template", "reasoningTags": ["[THINK]", "[/THINK]"], "toolFormat": "mistral"])
    #expect(try choice(template, recorded: made.json).required() == made)
    let none = try choice(template, ChatFormatOverride(reasoning: .init("none")), recorded: made.json)
      .required()
    #expect(none.answer.reasoning == nil && none.answer.tools == .mistral)
    #expect(try choice(template, ChatFormatOverride.qwen3, recorded: made.json).format == .qwen3)
    let native = try choice(.string(Self.current), ChatFormatOverride(tools: .json)).required()
    #expect(native.name == "qwen3" && native.answer.tools == .json && native != .qwen3)
    #expect(try choice(.string(Self.current), recorded: native.json).required() == native)
    #expect(ChatFormat.qwen3.json == "qwen3")
    for wrong: JSONValue in [
      ["name": "template"], ["name": "template", "toolFormat": "x"],
      ["name": "template", "toolFormat": "json", "reasoningTags": ["a"]], 7,
    ] {
      #expect(try choice(template, recorded: wrong).format == nil, "\(wrong)")
    }
    #expect(
      try choice(.string(Self.current), ChatFormatOverride(name: "template")).format?.name == "template")
  }

  @Test(arguments: [
    "", "<think>", "a a", "<think> <think>x", "a b c", String(repeating: "x", count: 70) + " y",
  ])
  func tagsThatCannotBeToldApart(text: String) {
    #expect(ChatFormatOverride.Reasoning(text) == nil)
  }

  /// The revision of April 2025 is the current one without its guards.
  @Test func knowsTheFirstRevision() throws {
    var text = try #require(DemoData.tokenizer.configuration?["chat_template"]?.stringValue)
    for (new, old) in [
      (" and message.content is string and not(", " and not("),
      (
        "    {%- if message.content is string %}\n        {%- set content = message.content %}\n    {%- else %}\n"
          + "        {%- set content = '' %}\n    {%- endif %}\n", ""
      ),
      (
        "message.role + '\\n' + content + '<|im_end|>'",
        "message.role + '\\n' + message.content + '<|im_end|>'"
      ),
      (
        "        {%- set reasoning_content = '' %}\n        {%- if message.reasoning_content is string %}",
        "        {%- set content = message.content %}\n        {%- set reasoning_content = '' %}\n"
          + "        {%- if message.reasoning_content is defined and message.reasoning_content is not none %}"
      ),
      (
        "in content %}\n                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')"
          + "[-1].lstrip('\\n') %}\n                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}",
        "in message.content %}\n                {%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}\n"
          + "                {%- set reasoning_content = message.content.split('</think>')[0].rstrip('\\n').split('<think>')"
          + "[-1].lstrip('\\n') %}"
      ),
      (
        "        {{- content }}\n        {{- '\\n</tool",
        "        {{- message.content }}\n        {{- '\\n</tool"
      ),
    ] {
      #expect(text.contains(new))
      text = text.replacing(new, with: old)
    }
    #expect(try format(text) == .qwen3)
  }

  @Test func templatesWithFilesOfTheirOwnWin() throws {
    let folder = TemporaryFolder()
    TinyTokenizer.write(to: folder)
    func opened() throws -> Tokenizer { try Tokenizer(folder: folder.path) }
    #expect(try opened().configuration?.objectValue?.keys.contains("chat_template") == false)
    folder.write(Self.current.utf8, to: "chat_template.jinja")
    #expect(try opened().chatFormat.summary == "qwen3 (the template in chat_template.jinja)")
    #expect(try opened().configuration?["chat_template"] == .string(Self.current))
    folder.write(#"{"chat_template": "{{ messages }}"}"#.utf8, to: "tokenizer_config.json")
    #expect(try opened().chatFormat.format == .qwen3)
    #expect(try opened().configuration?["chat_template"] == .string(Self.current))
    folder.write("{{ messages }}".utf8, to: "chat_template.jinja")
    #expect(try opened().chatFormat.summary.contains("template (the template in chat_template.jinja"))
    try folder.makeFolder("additional_chat_templates")
    folder.write("{{ tools }}{{ messages }}".utf8, to: "additional_chat_templates/tool_use.jinja")
    #expect(
      try opened().chatFormat.summary.contains(
        "2 named templates in chat_template.jinja and additional_chat_templates: default, tool_use"))
    #expect(
      try opened().configuration?["chat_template"] == [
        ["name": "default", "template": "{{ messages }}"],
        ["name": "tool_use", "template": "{{ tools }}{{ messages }}"],
      ])
    #expect(try Tokenizer(folder: folder.path, chatFormat: .qwen3).chatFormat.format == .qwen3)
  }
}
