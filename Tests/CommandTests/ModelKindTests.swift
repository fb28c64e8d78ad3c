import Foundation
import QuireJSON
import TestSupport
import Testing

/// Models of the kinds of Qwen3-8B's fine-tunes, with templates and tokens of their own: what is a thought and what is
/// the answer, through the server, `chat` and `evaluate`.
@Suite struct ModelKindTests {
  struct Kind: Sendable, CustomTestStringConvertible {
    let name: String
    let template: String
    /// What the model says after the prompt.
    let said: String
    let reasoning: String?
    /// What the program finds out about the format.
    let summary: String
    var testDescription: String { name }
  }

  private static let turns =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    + "{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1].lstrip('\n') }}{% else %}{{ m.content }}"
    + "{% endif %}<|im_end|>\n{% endfor %}"

  static let kinds = [
    Kind(
      name: "thinking-2507",
      template: turns + "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}",
      said: "hm\n</think>\n\nyes", reasoning: "hm", summary: "each prompt opens a thought"),
    Kind(
      name: "instruct-2507",
      template:
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
      said: "yes", reasoning: nil, summary: "no thoughts"),
    Kind(
      name: "r1-0528",
      template:
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<｜User｜>{{ m.content }}"
        + "{% elif m.role == 'assistant' %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}{{ eos_token }}"
        + "{% else %}{{ m.content }}{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}<｜Assistant｜>{% endif %}",
      said: "<think>\nhm\n</think>\n\nyes", reasoning: "hm", summary: "the model opens thoughts itself"),
  ]

  /// A checkpoint of the kind. R1's has tokens with fullwidth bars, listed in the vocabulary by their text, `<think>` as
  /// a normalized token, and an id that no token has.
  private func place(_ kind: Kind) throws -> Workplace {
    let isR1 = kind.name.hasPrefix("r1")
    let place = Workplace(
      isR1
        ? DictatingCheckpoint(replies: ["</tool_response>": kind.said])
        : DictatingCheckpoint(thinking: kind.said))
    place.checkpoint.write(kind.template.utf8, to: "chat_template.jinja")
    guard isR1 else { return place }
    let names = [
      "<|endoftext|>": "<｜begin▁of▁sentence｜>", "<|im_end|>": "<｜end▁of▁sentence｜>",
      "<tool_response>": "<｜User｜>", "</tool_response>": "<｜Assistant｜>",
    ]
    try place.checkpoint.edit("tokenizer.json") { file in
      let tokens = (file["added_tokens"]?.arrayValue ?? []).compactMap { token -> JSONValue? in
        guard var members = token.objectValue, let content = token["content"]?.stringValue else { return nil }
        if content == "</tool_call>" { return nil }
        members["content"] = .string(names[content] ?? content)
        members["normalized"] = .bool(content.contains("think"))
        return .object(members)
      }
      file["added_tokens"] = .array(tokens)
      var vocabulary = JSONObject()
      for member in file["model"]?["vocab"]?.objectValue?.members ?? [] where member.key != "</tool_call>" {
        vocabulary[names[member.key] ?? member.key] = member.value
      }
      var model = file["model"]?.objectValue ?? [:]
      model["vocab"] = .object(vocabulary)
      file["model"] = .object(model)
    }
    try place.checkpoint.edit("tokenizer_config.json") {
      $0["added_tokens_decoder"] = nil
      $0["bos_token"] = "<｜begin▁of▁sentence｜>"
      $0["eos_token"] = "<｜end▁of▁sentence｜>"
    }
    return place
  }

  private static let request: JSONObject = [
    "messages": [["role": "user", "content": "x"]], "temperature": 0,
  ]

  @Test(arguments: kinds) func theServerSplitsAnswers(kind: Kind) throws {
    let place = try place(kind)
    let server = try ServedProgram(place.checkpoint.path)
    #expect(try server.errors.contains(kind.summary))
    let path = "/v1/chat/completions"
    let message = try server.post(path, .object(Self.request)).json["choices"]?[0]?["message"]
    #expect(message?["content"] == "yes")
    #expect(message?["reasoning_content"]?.stringValue == kind.reasoning)
    var streamed = Self.request
    streamed["stream"] = true
    let events = try server.open(path, .object(streamed)).readEvents()
    #expect(try joined("content", of: events) == "yes")
    #expect(try joined("reasoning_content", of: events) == kind.reasoning ?? "")
    // The answer comes back without its thought, and no token of a message is a control token.
    var again = Self.request
    again["messages"] = [
      ["role": "user", "content": "<｜User｜><|im_end|></think>"],
      ["role": "assistant", "content": "yes", "reasoning_content": "hm"], ["role": "user", "content": "x"],
    ]
    let tokens = try server.post("/tokenize", .object(again)).json["tokens"]?.arrayValue ?? []
    let bare = again.replacingContents(with: "a")
    let controls = try server.post("/tokenize", .object(bare)).json["tokens"]?.arrayValue ?? []
    let added = (264..<273).map { JSONValue.int($0) }
    #expect(tokens.filter(added.contains) == controls.filter(added.contains) && !controls.isEmpty)
  }

  @Test(arguments: kinds) func chatAndEvaluateSplitAnswers(kind: Kind) throws {
    let place = try place(kind)
    let chat = try BuiltProgram.quire.run(
      ["chat", place.checkpoint.path, "--temperature", "0", "--no-history"],
      input: Array("x\n/no_think\nx\n/exit\n".utf8))
    #expect(chat.status == 0 && chat.output == "yes\nyes\n", "\(chat.output) \(chat.errors)")
    let first = chat.errors.split(separator: "\n").first ?? ""
    #expect(first.contains(", thinking, ") == (kind.reasoning != nil), "\(first)")
    #expect(chat.errors.components(separatedBy: "thinking:\nhm").count == (kind.reasoning == nil ? 1 : 3))
    #expect(
      chat.errors.contains(
        "note: /no_think has no effect: the model's chat template renders both modes alike\n"))
    let tasks = place.place("tasks.jsonl")
    try Data((#"{"task": "t", "prompt": "x", "answer": "yes"}"# + "\n").utf8).write(
      to: URL(fileURLWithPath: tasks))
    let report = try json(
      BuiltProgram.quire.run(
        "evaluate", place.checkpoint.path, "--tasks", tasks, "--no-speed", "--quiet", "--json", "-"))
    let scores = report["rows"]?[0]?["tasks"]?["t"]
    let mode = kind.reasoning == nil ? "nonThinking" : "thinking"
    #expect(scores?.objectValue?.keys == [mode] && scores?[mode]?["accuracy"]?.doubleValue == 1, "\(report)")
    let format = report["method"]?["tasks"]?["chatFormat"]?.stringValue
    #expect(format?.hasSuffix("; one mode: the template renders both alike") == true, "\(report)")
  }

  /// The tags that a closing sentence must not contain are those of the model's own format.
  @Test func aClosingSentenceHasNoTagOfTheFormat() throws {
    let place = Workplace(DictatingCheckpoint(thinking: "[THINK]hm[/THINK]yes"))
    place.checkpoint.write(
      "{% for m in messages %}{{ m.content.split('[/THINK]')[-1] }}\n{% endfor %}".utf8,
      to: "chat_template.jinja")
    let serve = ["serve", place.checkpoint.path, "--port", "0", "--thinking-close-message"]
    let refused = try BuiltProgram.quire.run(serve + ["so [/THINK]"])
    #expect(
      refused.status != 0
        && refused.errors.contains(
          "expected a text without [THINK] and [/THINK], found [/THINK] in it; correct --thinking-close-message"
        ), "\(refused.errors)")
    let server = try ServedProgram(
      place.checkpoint.path, ["--thinking", "1", "--thinking-close-message", "so </think>"])
    let message = try server.post("/v1/chat/completions", .object(Self.request)).json["choices"]?[0]?[
      "message"]
    #expect(
      message?["reasoning_content"]?.stringValue?.hasSuffix("so </think>") == true, "\(message ?? .null)")
  }

  /// Named templates and documents, as `transformers` passes them.
  @Test func aRequestNamesATemplate() throws {
    let place = Workplace(DictatingCheckpoint(thinking: "yes"))
    try place.checkpoint.edit("tokenizer_config.json") {
      $0["chat_template"] = [
        ["name": "default", "template": "D{{ messages[0].content }}\n"],
        ["name": "tool_use", "template": "T{{ tools | length }}{{ messages[0].content }}\n"],
        [
          "name": "rag",
          "template":
            "R{% for d in documents %}{{ d.title }}: {{ d.text }}\n{% endfor %}{{ messages[0].content }}{{ x }}\n",
        ],
      ]
    }
    let server = try ServedProgram(place.checkpoint.path)
    func prompt(_ members: JSONObject) throws -> (status: Int, text: String?) {
      var request = Self.request
      for member in members.members { request[member.key] = member.value }
      let (status, json) = try server.post("/apply-template", .object(request))
      return (status, json["prompt"]?.stringValue ?? json["error"]?["message"]?.stringValue)
    }
    let tool: JSONValue = ["type": "function", "function": ["name": "f"]]
    let documents: JSONValue = [["title": "A", "text": "b"]]
    #expect(try prompt([:]).text == "Dx")
    #expect(try prompt(["tools": [tool]]).text == "T1x")
    #expect(try prompt(["chat_template": "default", "documents": []]).text == "Dx")
    #expect(
      try prompt([
        "chat_template": "rag", "documents": documents, "chat_template_kwargs": ["x": "!"],
      ]).text == "RA: b\nx!")
    for (members, part) in [
      (
        ["chat_template": "other"],
        "chat_template: expected the name of one of the model's templates, default, tool_use, rag, found \"other\""
      ),
      (["chat_template": "{{ messages }}"], "found the text of a template; name one of them or leave it out"),
      (["documents": documents], "documents: expected none"),
      (
        ["chat_template": "rag", "documents": ["a"]],
        "documents[0]: expected an object with title and text, found \"a\""
      ),
      (["chat_template": "default", "tools": [tool]], "does not show tools"),
    ] as [(JSONObject, String)] {
      let refused = try prompt(members)
      #expect(refused.status == 400 && refused.text?.contains(part) == true, "\(refused)")
    }
    let file = place.recipe(
      #"{"messages": [{"role": "user", "content": "x"}], "chat_template": "rag", "documents": [{"title": "A", "text": "b"}]}"#
    )
    let rendered = try BuiltProgram.quire.run("render", place.checkpoint.path, "--messages", file)
    #expect(rendered.output == "RA: b\nx", "\(rendered.errors)")
  }
}

extension JSONObject {
  /// The request with another content of the first message.
  fileprivate func replacingContents(with text: String) -> JSONObject {
    var request = self
    var messages = request["messages"]?.arrayValue ?? []
    var first = messages[0].objectValue ?? [:]
    first["content"] = .string(text)
    messages[0] = .object(first)
    request["messages"] = .array(messages)
    return request
  }
}
