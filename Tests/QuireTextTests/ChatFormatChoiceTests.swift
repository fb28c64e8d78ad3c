import QuireJSON
import QuireText
import TestSupport
import Testing

/// Which chat format a model gets: by what is asked for, by the pack, by its templates.
@Suite struct ChatFormatChoiceTests {
  /// Beginnings of templates that are not Qwen3's, and what a refusal says about each.
  static let foreign = [
    (
      "{{- '<|im_start|>user\\n' }}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}",
      "one that opens the thought in the prompt"
    ),
    (
      "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
      "one without a switch for thinking"
    ),
    ("{{ '<｜User｜>' + content + '<｜Assistant｜>' }}", "one with DeepSeek's tokens"),
    ("### Instruction:\n{{ messages[0].content }}\n\n### Response:\n", "one in Alpaca's form"),
    ("{{ messages }}", "another one"), ("", "another one"),
  ]

  private static let sentence =
    "; add --chat-format qwen3 to render chats as Qwen3 does anyway, or use only raw prompts and "
    + "completions, and conversions without chats"

  private static let current = DemoData.tokenizer.configuration?["chat_template"]?.stringValue ?? ""

  private func choice(_ template: JSONValue?, _ asked: ChatFormat? = nil, recorded: JSONValue? = nil) throws
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
    #expect(try format(Self.current + "x") == nil)
    #expect(try choice(nil).summary == "qwen3 (the model has no chat template; this is its architecture's)")
    for none: JSONValue in [nil, []] { #expect(try choice(none).format == .qwen3) }
  }

  @Test(arguments: foreign)
  func refusesOthersAndSaysWhatWorks(template: String, found: String) throws {
    let refused = try choice(.string(template))
    #expect(refused.format == nil)
    let what = found + " in tokenizer_config.json"
    #expect(refused.summary == "none; the model's template is unknown: " + what)
    #expect(
      refusal(refused) == "expected one of Qwen3's published chat templates, found " + what + Self.sentence)
    let asked = try choice(.string(template), .qwen3)
    #expect(asked.format == .qwen3 && asked.summary == "qwen3 (as asked for)")
  }

  /// A list is known when every template in it is: tools may select another one than the default.
  @Test func namedTemplates() throws {
    func named(_ names: [(String, String)]) -> JSONValue {
      .array(names.map { ["name": .string($0.0), "template": .string($0.1)] })
    }
    #expect(try choice(named([("default", Self.current)])).format == .qwen3)
    let two = try choice(named([("default", Self.current), ("tool\u{1b}_use", "{{ tools }}")]))
    #expect(
      refusal(two).hasPrefix(
        "expected one of Qwen3's published chat templates, found 2 named ones in tokenizer_config.json "
          + "(default, tool_use); add --chat-format qwen3"))
    for (wrong, kind) in [(1, "a number"), ([1], "an array"), (["default": "x"], "an object")]
      as [(JSONValue, String)]
    {
      #expect(try refusal(choice(wrong)).contains("found \(kind) as chat_template in tokenizer_config.json"))
    }
  }

  @Test func aPackSaysItself() throws {
    #expect(try choice("{{ messages }}", recorded: "qwen3").summary == "qwen3 (as the pack says)")
    #expect(try choice("{{ messages }}", recorded: .null).format == nil)
    let later = try choice(.string(Self.current), recorded: "qwen9")
    #expect(refusal(later).contains("found a pack with a chat format that this version does not know; add"))
    #expect(try choice(.string(Self.current), .qwen3, recorded: "qwen9").format == .qwen3)
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
    folder.write("{{ other }}".utf8, to: "chat_template.jinja")
    #expect(try opened().chatFormat.summary.contains("another one in chat_template.jinja"))
    try folder.makeFolder("additional_chat_templates")
    folder.write("{{ tools }}".utf8, to: "additional_chat_templates/tool_use.jinja")
    #expect(
      try opened().chatFormat.summary.contains(
        "2 named ones in chat_template.jinja and additional_chat_templates (default, tool_use)"))
    #expect(
      try opened().configuration?["chat_template"] == [
        ["name": "default", "template": "{{ other }}"], ["name": "tool_use", "template": "{{ tools }}"],
      ])
    #expect(try Tokenizer(folder: folder.path, chatFormat: .qwen3).chatFormat.format == .qwen3)
  }
}
