import Foundation
import QuireJSON
import TestSupport
import Testing

/// Models whose chat template cannot be rendered: chats are refused with the way out, the rest works. Another template
/// than Qwen3's is interpreted.
@Suite struct ChatFormatTests {
  private static let foreign =
    #"{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n<think>\n' }}{%- endif %}"#
  private static let found = "found one that does not read 'messages' in chat_template.jinja"
  private static let askedFor = ["--chat-format", "qwen3"]
  private static let messages = #"{"messages": [{"role": "user", "content": "x"}]}"#

  private func foreignPlace() -> Workplace {
    let place = Workplace(
      DictatingCheckpoint(thinking: "<think>\nhm\n</think>\n\nyes", replies: [">": "raw"]))
    place.checkpoint.write(Self.foreign.utf8, to: "chat_template.jinja")
    return place
  }

  @Test func answersAreRefusedUnlessRawOrAskedFor() throws {
    let place = foreignPlace()
    let model = place.checkpoint.path
    let file = place.recipe(Self.messages)
    let generate = ["generate", model, "--quiet", "--temperature", "0", "--prompt"]
    for (words, command) in [
      (generate + ["x"], "generate"), (["chat", model], "chat"),
      (["render", model, "--messages", file], "render"),
    ] {
      let refused = try BuiltProgram.quire.run(words, input: Array("x\n".utf8))
      expectRefusal(
        refused, by: command, [Self.found, "add --chat-format qwen3", "raw prompts and completions"])
    }
    #expect(try BuiltProgram.quire.run(generate + ["x>", "--raw"]).output == "raw\n")
    let asked = try BuiltProgram.quire.run(generate + ["x"] + Self.askedFor)
    #expect(asked.output.hasSuffix("yes\n") && asked.status == 0)
    let rendered = try BuiltProgram.quire.run(["render", model, "--messages", file] + Self.askedFor)
    #expect(rendered.output == "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n")
    let chat = try BuiltProgram.quire.run(["chat", model] + Self.askedFor, input: Array("x\n".utf8))
    #expect(chat.output.hasSuffix("yes\n") && chat.errors.contains("chat format: qwen3 (as asked for)\n"))
    // Editors of Windows begin a text with a byte order mark.
    let marked = place.recipe("\u{FEFF}" + Self.messages)
    let same = try BuiltProgram.quire.run(["render", model, "--messages", marked] + Self.askedFor)
    #expect(same.status == 0 && same.output == rendered.output)
    let unknown = try BuiltProgram.quire.run(["render", model, "--messages", file, "--chat-format", "chatml"])
    #expect(unknown.status == 2 && unknown.errors.contains("expected one of qwen3, template, found 'chatml'"))
  }

  @Test func chatsOfCalibrationAreRefused() throws {
    let place = foreignPlace()
    place.checkpoint.write((Self.messages + "\n").utf8, to: "calibration.jsonl")
    let smooth =
      #"{ name: "s", steps: [{ step: "smooth", method: "smoothquant" }, { step: "quantize", scheme: "int8" }], "#
      + #"calibration: { windows: 1, tokens: 4 } }"#
    let convert = place.conversion(smooth)
    expectRefusal(
      try BuiltProgram.quire.run(convert), by: "convert", [Self.found, "conversions without chats"])
    #expect(place.outputs == [])
    let asked = try BuiltProgram.quire.run(convert.filter { $0 != "--quiet" } + Self.askedFor)
    #expect(
      asked.status == 0 && asked.output.contains("chat format: qwen3 (as asked for)\n"), "\(asked.errors)")
    // The pack remembers what it was made with.
    let pack = place.place("out.quire")
    let answer = ["generate", pack, "--quiet", "--temperature", "0", "--prompt", "x"]
    #expect(try BuiltProgram.quire.run(answer).output.hasSuffix("yes\n"))
    let calibrate = [
      "calibrate", place.checkpoint.path, "--recipe", place.recipe(smooth), "--output",
      place.place("s.safetensors"),
      "--quiet",
    ]
    expectRefusal(try BuiltProgram.quire.run(calibrate), by: "calibrate", [Self.found])
    #expect(try BuiltProgram.quire.run(calibrate + Self.askedFor).status == 0)
  }

  @Test func aPackWithoutAFormatStillAnswersRawPrompts() throws {
    let place = foreignPlace()
    let plan = try BuiltProgram.quire.run(place.conversion().filter { $0 != "--quiet" })
    #expect(plan.output.contains("template cannot be rendered: one that does not read"))
    let pack = place.place("out.quire")
    let raw = ["generate", pack, "--quiet", "--temperature", "0", "--prompt", "x>", "--raw"]
    #expect(try BuiltProgram.quire.run(raw).output == "raw\n")
    expectRefusal(
      try BuiltProgram.quire.run("generate", pack, "--prompt", "x"), by: "generate",
      ["found one that does not read 'messages' in tokenizer_config.json"])
  }

  @Test func tasksOfAnEvaluationAreRefused() throws {
    let place = foreignPlace()
    // A name that ends with .json5 would be a description of tasks.
    let tasks = place.place("tasks.jsonl")
    try Data((#"{"task": "t", "prompt": "x", "answer": "yes"}"# + "\n").utf8).write(
      to: URL(fileURLWithPath: tasks))
    let evaluate = ["evaluate", place.checkpoint.path, "--tasks", tasks, "--no-speed", "--thinking"]
    expectRefusal(try BuiltProgram.quire.run(evaluate), by: "evaluate", [Self.found])
    let asked = try BuiltProgram.quire.run(evaluate + Self.askedFor + ["--json", "-"])
    #expect(asked.errors.hasPrefix("chat format: qwen3 (as asked for)\n"))
    #expect(try json(asked)["rows"]?[0]?["tasks"]?["t"]?["thinking"]?["accuracy"]?.doubleValue == 1)
  }

  @Test func theServerRefusesChatsAndServesCompletions() throws {
    let place = foreignPlace()
    let server = try ServedProgram(place.checkpoint.path)
    #expect(try server.errors.contains("template cannot be rendered: one that does not read"))
    let chat: JSONValue = ["messages": [["role": "user", "content": "x"]], "temperature": 0]
    for path in ["/v1/chat/completions", "/tokenize"] {
      let refused = try server.post(path, chat)
      #expect(refused.status == 400)
      let message = refused.json["error"]?["message"]?.stringValue ?? ""
      #expect(message.contains(Self.found) && message.contains("add --chat-format qwen3"), "\(message)")
    }
    let raw = try server.post("/v1/completions", ["prompt": "x>", "temperature": 0])
    #expect(raw.json["choices"]?[0]?["text"] == "raw")
    let asked = try ServedProgram(place.checkpoint.path, Self.askedFor)
    #expect(try asked.post("/v1/chat/completions", chat).json["choices"]?[0]?["message"]?["content"] == "yes")
  }

  /// A thought that the prompt opens is reasoning though the answer has no opening tag; the template's own refusal is
  /// a status 400.
  @Test func aTemplateOfItsOwnIsServed() throws {
    let place = Workplace(DictatingCheckpoint(thinking: "hm\n</think>\n\nyes", replies: [">": "raw"]))
    let template =
      "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
      + "<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
      + "{% if add_generation_prompt %}<|im_start|>assistant\n{{ prefix }}<think>\n{% endif %}"
    place.checkpoint.write(template.utf8, to: "chat_template.jinja")
    let rendered = try BuiltProgram.quire.run(
      "render", place.checkpoint.path, "--messages", place.recipe(Self.messages))
    #expect(rendered.output == "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n<think>\n")
    let server = try ServedProgram(place.checkpoint.path)
    #expect(try server.errors.contains("template (the template in chat_template.jinja; each prompt opens"))
    var chat: JSONObject = ["messages": [["role": "user", "content": "x"]], "temperature": 0]
    let answer = try server.post("/v1/chat/completions", .object(chat)).json["choices"]?[0]?["message"]
    #expect(answer?["content"] == "yes" && answer?["reasoning_content"] == "hm")
    chat["chat_template_kwargs"] = ["prefix": "!"]
    let applied = try server.post("/apply-template", .object(chat)).json["prompt"]?.stringValue
    #expect(applied?.hasSuffix("assistant\n!<think>\n") == true)
    chat["messages"] = [["role": "user", "content": "x"], ["role": "tool", "content": "y"]]
    let refused = try server.post("/v1/chat/completions", .object(chat))
    #expect(refused.status == 400)
    #expect(refused.json["error"]?["message"]?.stringValue?.contains("no tools") == true)
  }

  /// Tool calls in another form: found from the template, parsed whole and in a stream, and not forced.
  @Test func callsOfAnotherFormAreServed() throws {
    let call = #"<tool_call>\n<function=f>\n<parameter=n>\n7\n</parameter>\n</function>\n</tool_call>"#
      .replacing("\\n", with: "\n")
    let place = Workplace(DictatingCheckpoint(thinking: call))
    let template =
      "{{ tools | tojson if tools }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
      + "{% for c in m.tool_calls %}<tool_call>\n<function={{ c.function.name }}>\n"
      + "{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n{{ v }}\n</parameter>\n{% endfor %}"
      + "</function>\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
      + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    place.checkpoint.write(template.utf8, to: "chat_template.jinja")
    let server = try ServedProgram(place.checkpoint.path)
    #expect(try server.errors.contains("no thoughts; tool calls as qwen3-coder)"))
    let tool: JSONValue = [
      "type": "function",
      "function": ["name": "f", "parameters": ["type": "object", "properties": ["n": ["type": "integer"]]]],
    ]
    var chat: JSONObject = [
      "messages": [["role": "user", "content": "x"]], "temperature": 0, "tools": [tool],
    ]
    let answer = try server.post("/v1/chat/completions", .object(chat)).json["choices"]?[0]
    let function = answer?["message"]?["tool_calls"]?[0]?["function"]
    #expect(function?["name"] == "f" && function?["arguments"] == #"{"n": 7}"#)
    #expect(
      answer?["finish_reason"] == "tool_calls" && answer?["message"]?["reasoning_content"]?.stringValue == nil
    )
    chat["tool_choice"] = "required"
    let forced = try server.post("/v1/chat/completions", .object(chat))
    #expect(forced.status == 400)
    #expect(forced.json["error"]?["message"]?.stringValue?.contains("spells them as qwen3-coder") == true)
    let other = try ServedProgram(place.checkpoint.path, ["--tool-format", "none"])
    chat["tool_choice"] = nil
    let plain = try other.post("/v1/chat/completions", .object(chat)).json["choices"]?[0]?["message"]
    #expect(plain?["content"]?.stringValue == call)
  }

  /// A template without tools refuses them; one that is no Jinja is refused with its line and column.
  @Test func whatATemplateCannotDoIsRefused() throws {
    let place = Workplace(DictatingCheckpoint(thinking: "yes"))
    place.checkpoint.write(
      "{% for m in messages %}{{ m.content }}\n{% endfor %}".utf8, to: "chat_template.jinja")
    let server = try ServedProgram(place.checkpoint.path)
    #expect(try server.errors.contains("no thoughts; no tools)"))
    let refused = try server.post(
      "/v1/chat/completions",
      [
        "messages": [["role": "user", "content": "x"]],
        "tools": [["type": "function", "function": ["name": "f"]]],
      ])
    #expect(refused.status == 400)
    #expect(refused.json["error"]?["message"]?.stringValue?.contains("does not show tools") == true)
    place.checkpoint.write("{{ messages }}\n{% if %}".utf8, to: "chat_template.jinja")
    expectRefusal(
      try BuiltProgram.quire.run("generate", place.checkpoint.path, "--prompt", "x"), by: "generate",
      ["one with a fault in chat_template.jinja (chat template, line 2, column"])
    for (words, sentence) in [
      (
        ["--tool-format", "xml"],
        "expected one of hermes, qwen3-coder, deepseek, mistral, json, none, found 'xml'"
      ),
      (["--reasoning-tags", "<a>"], "expected two different tags with a space between them"),
    ] {
      let wrong = try BuiltProgram.quire.run(["generate", place.checkpoint.path, "--prompt", "x"] + words)
      #expect(wrong.status == 2 && wrong.errors.contains(sentence), "\(wrong.errors)")
    }
  }

  /// A pack keeps how its model's answers are spelled.
  @Test func aPackKeepsTheFormat() throws {
    let place = Workplace(DictatingCheckpoint(thinking: "[A]hm[/A]yes"))
    place.checkpoint.write(
      "{% for m in messages %}{{ m.content }}{% endfor %}\n".utf8, to: "chat_template.jinja")
    let convert = place.conversion() + ["--reasoning-tags", "[A] [/A]"]
    #expect(try BuiltProgram.quire.run(convert).status == 0)
    let answer = try BuiltProgram.quire.run(
      "generate", place.place("out.quire"), "--json", "--temperature", "0", "--prompt", "x")
    #expect(
      answer.output.contains(#""reasoningContent":"hm""#) && answer.output.contains(#""content":"yes""#))
  }
}
