import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// OpenAI's Responses API.
@Suite(.timeLimit(.minutes(5)))
struct ResponsesTests {
  private static let path = "/v1/responses"
  private static let tools: JSONValue = [
    ["type": "function", "name": "weather", "parameters": ["type": "object"], "strict": true]
  ]

  private static func body(_ members: JSONObject = [:]) -> JSONValue {
    var body: JSONObject = ["input": "hi"]
    for member in members.members { body[member.key] = member.value }
    return .object(body)
  }

  private static let calling: [GenerationEvent] = [
    .text(reasoning: "I need "), .text(reasoning: "it."), .text("I will "), .text("look."),
    .callPart("weather", ""), .callPart(nil, "{\"city\": "), .callPart(nil, "\"Paris\"}"),
    .call("weather", [:]),
    .end(prompt: 40, cached: 32, completion: 9, reasoning: 3),
  ]

  /// Items without their random ids.
  private static func plain(_ output: JSONValue?) -> [JSONValue] {
    (output?.arrayValue ?? []).map { item in
      var plain = item.objectValue ?? [:]
      #expect(plain["id"]?.stringValue?.contains("_") == true)
      plain["id"] = nil
      plain["call_id"] = nil
      return .object(plain)
    }
  }

  private static func text(_ text: String) -> JSONValue {
    ["type": "output_text", "annotations": [], "logprobs": [], "text": .string(text)]
  }

  private static func call(_ arguments: String, status: JSONValue = "completed") -> JSONValue {
    ["type": "function_call", "status": status, "arguments": .string(arguments), "name": "weather"]
  }

  @Test func wholeAnswersHaveEveryItem() throws {
    let generator = ScriptedGenerator { _ in Self.calling }
    let fixture = try ServerFixture(generator)
    let response = try fixture.post(
      Self.path,
      Self.body([
        "tools": Self.tools, "instructions": "Be brief.", "store": true, "metadata": ["a": "b"],
        "reasoning": ["effort": "low", "context": "auto"], "max_output_tokens": 60, "temperature": 0.5,
      ]))
    #expect(response.header("X-Quire-Ignored") == "reasoning.context")
    let answer = try response.json()
    #expect(
      Self.plain(answer["output"]) == [
        [
          "type": "reasoning", "summary": [], "content": [["type": "reasoning_text", "text": "I need it."]],
          "status": "completed",
        ],
        [
          "type": "message", "status": "completed", "role": "assistant",
          "content": [Self.text("I will look.")],
        ],
        Self.call("{\"city\": \"Paris\"}"), Self.call("{}"),
      ])
    let promptTokens = try #require(generator.requests.first?.promptTokens.count)
    #expect(
      answer["usage"] == [
        "input_tokens": .int(promptTokens),
        "input_tokens_details": ["cached_tokens": 32, "cache_write_tokens": 0], "output_tokens": 9,
        "output_tokens_details": ["reasoning_tokens": 3], "total_tokens": .int(promptTokens + 9),
      ])
    let expected: JSONObject = [
      "object": "response", "status": "completed", "model": "tiny/qwen3", "error": nil,
      "incomplete_details": nil, "instructions": "Be brief.", "max_output_tokens": 60, "metadata": ["a": "b"],
      "parallel_tool_calls": true, "previous_response_id": nil, "store": true, "temperature": 0.5,
      "text": ["format": ["type": "text"]], "tool_choice": "auto", "background": false,
      "reasoning": ["effort": "low", "summary": nil],
      "tools": [
        [
          "type": "function", "name": "weather", "description": nil, "parameters": ["type": "object"],
          "strict": true,
        ]
      ],
    ]
    for member in expected.members { #expect(answer[member.key] == member.value, "\(member.key)") }
    #expect(answer["id"]?.stringValue?.hasPrefix("resp_") == true)
  }

  @Test func streamsAddUpToTheWholeAnswer() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in Self.calling })
    let events = try fixture.post(Self.path, Self.body(["tools": Self.tools, "stream": true])).namedEvents()
    #expect(events.map { $0["sequence_number"] } == events.indices.map { .int($0) })
    let call = [
      "response.output_item.added", "response.function_call_arguments.delta",
      "response.function_call_arguments.done", "response.output_item.done",
    ]
    let textual = { (name: String) in
      [
        "response.output_item.added", "response.content_part.added", "response.\(name).delta",
        "response.\(name).done", "response.content_part.done", "response.output_item.done",
      ]
    }
    #expect(
      events.types == ["response.created", "response.in_progress"] + textual("reasoning_text")
        + textual("output_text") + call + call + ["response.completed"])
    var texts: [String] = []
    var items: [JSONValue] = []
    for event in events {
      switch event["type"]?.stringValue {
      case "response.output_item.added":
        #expect(event["output_index"] == .int(texts.count) && event["item"]?["status"] == "in_progress")
        texts.append("")
      case "response.output_item.done": items.append(try #require(event["item"]))
      default:
        guard let delta = event["delta"]?.stringValue else { continue }
        #expect(event["output_index"] == .int(texts.count - 1))
        texts[texts.count - 1] += delta
      }
    }
    #expect(texts == ["I need it.", "I will look.", "{\"city\": \"Paris\"}", "{}"])
    let last = try #require(events.last?["response"])
    #expect(last["output"] == .array(items))
    #expect(last["status"] == "completed" && events[0]["response"]?["output"] == [])
    #expect(events[0]["response"]?["id"] == last["id"] && events[0]["response"]?["status"] == "in_progress")
    let whole = try fixture.post(Self.path, Self.body(["tools": Self.tools])).json()
    #expect(Self.plain(last["output"]) == Self.plain(whole["output"]))
  }

  /// Clients that ask for a summary show nothing else of the reasoning.
  @Test(
    arguments: [["summary": "auto"], ["summary": "detailed"], ["generate_summary": "auto"]] as [JSONObject])
  func reasoningIsItsOwnSummary(reasoning: JSONObject) throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in Self.calling })
    let body: JSONObject = ["tools": Self.tools, "reasoning": .object(reasoning), "stream": true]
    let response = try fixture.post(Self.path, Self.body(body))
    #expect(response.header("X-Quire-Ignored") == nil)
    let events = try response.namedEvents()
    let part = (0..<6).map { events.types[2 + $0] }
    #expect(
      part == [
        "response.output_item.added", "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done", "response.output_item.done",
      ])
    let deltas = events.filter { $0["type"] == "response.reasoning_summary_text.delta" }
    #expect(deltas.map { $0["delta"] } == ["I need ", "it."])
    #expect(deltas.allSatisfy { $0["summary_index"] == 0 && !$0.has("content_index") })
    let last = try #require(events.last?["response"])
    let text: JSONValue = [["type": "summary_text", "text": "I need it."]]
    #expect(last["output"]?[0]?["summary"] == text && last["output"]?[0]?["content"] == [])
    #expect(last["reasoning"]?["summary"] == .string(reasoning.members[0].value.stringValue ?? ""))
    #expect(last["output"]?[1]?["content"]?[0]?["text"] == "I will look.")
    let whole = try fixture.post(
      Self.path, Self.body(["tools": Self.tools, "reasoning": .object(reasoning)])
    ).json()
    #expect(Self.plain(whole["output"]) == Self.plain(last["output"]))
  }

  /// A summary that comes back is the reasoning again, in the request and by id.
  @Test func summariesComeBackAsReasoning() throws {
    let generator = ScriptedGenerator(contextLength: 2048) { _ in Self.calling }
    let fixture = try ServerFixture(generator)
    func prompt(_ members: JSONObject) throws -> [Int32] {
      var members = members
      members["tools"] = Self.tools
      let response = try fixture.post(Self.path, .object(members))
      #expect(response.status == 200, "\(response.text)")
      return try #require(generator.requests.last?.promptTokens)
    }
    func history(_ reasoning: JSONValue) -> JSONValue {
      [
        ["role": "user", "content": "hi"], reasoning,
        ["role": "assistant", "content": "I will look."],
        ["type": "function_call", "call_id": "a", "name": "weather", "arguments": "{\"city\": \"Paris\"}"],
        ["type": "function_call", "call_id": "b", "name": "weather", "arguments": "{}"],
        ["type": "function_call_output", "call_id": "a", "output": "sunny"],
      ]
    }
    let content: JSONValue = [["type": "reasoning_text", "text": "I need it."]]
    let summary: JSONValue = [["type": "summary_text", "text": "I need it."]]
    let expected = try prompt(["input": history(["type": "reasoning", "summary": [], "content": content])])
    #expect(
      try prompt(["input": history(["type": "reasoning", "summary": summary, "content": []])]) == expected)
    let first = try fixture.post(
      Self.path, Self.body(["tools": Self.tools, "reasoning": ["summary": "auto"]])
    ).json()
    #expect(
      try prompt([
        "previous_response_id": first["id"] ?? .null,
        "input": [["type": "function_call_output", "call_id": "a", "output": "sunny"]],
      ]) == expected)
  }

  @Test func cutAnswersAreIncomplete() throws {
    let ends: [([GenerationEvent], JSONValue)] = [
      (
        [.text("a"), .end(.length)],
        ["type": "message", "status": "incomplete", "role": "assistant", "content": [Self.text("a")]]
      ),
      ([.callPart("weather", "{\"a"), .end(.length)], Self.call("{\"a", status: "incomplete")),
    ]
    for (script, item) in ends {
      let fixture = try ServerFixture(ScriptedGenerator { _ in script })
      let events = try fixture.post(Self.path, Self.body(["tools": Self.tools, "stream": true])).namedEvents()
      let whole = try fixture.post(Self.path, Self.body(["tools": Self.tools])).json()
      #expect(events.last?["type"] == "response.incomplete")
      for answer in [try #require(events.last?["response"]), whole] {
        #expect(answer["status"] == "incomplete")
        #expect(answer["incomplete_details"] == ["reason": "max_output_tokens"])
        #expect(Self.plain(answer["output"]) == [item])
      }
    }
  }

  @Test func failuresEndAStream() throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in [.text("a"), .end(.failed("expected x, found y"))] })
    let last = try #require(try fixture.post(Self.path, Self.body(["stream": true])).namedEvents().last)
    #expect(last["type"] == "response.failed" && last["response"]?["status"] == "failed")
    #expect(last["response"]?["error"] == ["code": "server_error", "message": "expected x, found y"])
    #expect(try fixture.post(Self.path, Self.body()).status == 500)
  }

  @Test func logprobsComeWithTheText() throws {
    let events: [GenerationEvent] = [
      .text(reasoning: "t", logprob: -1), .text("a", logprob: -0.5), .text("b", logprob: -0.25), .end(),
    ]
    let generator = ScriptedGenerator { _ in events }
    let fixture = try ServerFixture(generator)
    let include: JSONObject = ["include": ["message.output_text.logprobs"]]
    let part = try fixture.post(Self.path, Self.body(include)).json()["output"]?[1]?["content"]?[0]
    #expect(part?["logprobs"]?.arrayValue?.map { $0["logprob"] } == [-0.5, -0.25])
    let stream = try fixture.post(Self.path, Self.body(["top_logprobs": 2, "stream": true])).namedEvents()
    let deltas = stream.filter { $0["type"] == "response.output_text.delta" }
    #expect(deltas.map { $0["logprobs"]?[0]?["token"] } == ["a", "b"])
    #expect(generator.requests.map(\.logprobCount) == [0, 2])
  }

  // MARK: Requests

  @Test func itemsRenderAsChatsDo() throws {
    let generator = ScriptedGenerator(contextLength: 2048) { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let response = try fixture.post(
      Self.path,
      Self.body([
        "instructions": "Be brief.", "tools": Self.tools,
        "input": [
          ["role": "user", "content": "Weather?"],
          [
            "type": "reasoning", "id": "rs_1", "summary": [],
            "content": [["type": "reasoning_text", "text": "Look."]],
          ],
          [
            "type": "message", "role": "assistant",
            "content": [["type": "output_text", "text": "I look.", "annotations": []]],
          ],
          ["type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{\"city\":\"Paris\"}"],
          ["type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"],
          ["type": "function_call_output", "call_id": "c1", "output": "Sunny."],
          [
            "type": "function_call_output", "call_id": "c2",
            "output": [["type": "input_text", "text": "Rain."]],
          ],
        ],
      ]))
    #expect(response.status == 200 && response.header("X-Quire-Ignored") == nil, "\(response.text)")
    let tokens = try #require(generator.requests.first?.promptTokens)
    let text = String(decoding: try ServerFixture.tokenizer().decode(tokens), as: UTF8.self)
    #expect(text.hasPrefix("<|im_start|>system\nBe brief.\n\n# Tools"))
    #expect(
      text.hasSuffix(
        "<|im_start|>assistant\n<think>\nLook.\n</think>\n\nI look.\n<tool_call>\n{\"name\": \"weather\", "
          + "\"arguments\": {\"city\": \"Paris\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {}}\n"
          + "</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\nSunny.\n</tool_response>\n<tool_response>\n"
          + "Rain.\n</tool_response><|im_end|>\n<|im_start|>assistant\n"), "\(text)")
  }

  @Test func fieldsReachTheEngine() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let schema: JSONValue = [
      "type": "json_schema", "name": "n", "schema": ["type": "integer"], "strict": true,
    ]
    let allowed: JSONValue = [
      "type": "allowed_tools", "mode": "required", "tools": [["type": "function", "name": "weather"]],
    ]
    let cases: [(JSONObject, Bool)] = [
      (["temperature": 0.25, "top_p": 0.5, "seed": 3, "max_output_tokens": 9], false),
      (["text": ["format": schema]], true), (["text": ["format": ["type": "json_object"]]], true),
      (["text": ["format": ["type": "text"]], "background": false], false),
      (["tools": Self.tools, "tool_choice": "required"], true),
      (["tools": Self.tools, "tool_choice": ["type": "function", "name": "weather"]], true),
      (["tools": Self.tools, "tool_choice": allowed], true),
      (["tools": Self.tools, "tool_choice": "none"], false),
    ]
    for (members, isConstrained) in cases {
      let response = try fixture.post(Self.path, Self.body(members))
      #expect(response.status == 200, "\(response.text)")
      #expect((generator.requests.last?.constraint != nil) == isConstrained, "\(members)")
    }
    let first = try #require(generator.requests.first)
    #expect(first.sampling.temperature == 0.25 && first.sampling.topP == 0.5 && first.sampling.seed == 3)
    #expect(first.maximumTokens == 9 && generator.requests.last?.splitsToolCalls == false)
  }

  static let refused: [(JSONObject, String)] = [
    (["input": nil], "input: expected"), (["input": []], "input: expected"),
    (["input": [1]], "input[0]: expected"),
    (["input": [["role": "tool", "content": "x"]]], "input[0].role: expected one of user"),
    (["input": [["role": "user"]]], "input[0].content: expected"),
    (
      ["input": [["role": "user", "content": [["type": "input_image", "image_url": "x"]]]]],
      "input[0].content[0].type: expected"
    ),
    (
      ["input": [["type": "item_reference", "id": "x"]]],
      "input[0].id: expected the id of an item of a response that is stored here, found \"x\"; send the item itself"
    ),
    (["input": [["type": "item_reference"]]], "input[0].id: expected the id of an item, found \"none\""),
    (
      ["input": [["role": "user", "content": "a"], ["type": "computer_call", "id": "x"]]],
      "found \"computer_call\""
    ),
    (["input": [["type": "function_call", "name": "f"]]], "input[0].arguments: expected a string"),
    (["input": [["type": "function_call", "arguments": "{}"]]], "input[0].name: expected a name"),
    (["input": [["type": "function_call_output", "call_id": "x"]]], "input[0].output: expected"),
    (["previous_response_id": "resp_1"], "send the whole conversation as 'input'"),
    (["conversation": "x"], "conversation: expected"), (["background": true], "background: expected false"),
    (["prompt": ["id": "x"]], "prompt: expected"),
    (["tools": [[:]]], "tools[0].type: expected a type"),
    (["tools": [["type": "function"]]], "tools[0].name: expected a name"),
    (["tool_choice": "required"], "tool_choice: expected tools"),
    (["tools": tools, "tool_choice": ["type": "file_search"]], "tool_choice: expected"),
    (
      [
        "tools": tools,
        "tool_choice": ["type": "allowed_tools", "tools": [["type": "function", "name": "x"]]],
      ],
      "tool_choice.tools[0].name: expected the name"
    ),
    (["include": ["x"]], "include[0]: expected"),
    (["text": ["format": ["type": "x"]]], "text.format.type: expected"),
    (["text": ["format": ["type": "json_schema", "name": "n"]]], "text.format.schema: expected"),
    (["text": ["verbosity": "low"]], "text.verbosity: expected"),
    (["max_output_tokens": 0], "max_output_tokens: expected"),
    (
      ["reasoning": ["summary": "concise"]],
      "reasoning.summary: expected \"auto\" or \"detailed\", because the summary of a reasoning is its whole text here, "
        + "found \"concise\""
    ),
    (["n": 2], "n: expected 1"), (["reasoning": ["effort": "x"]], "reasoning.effort: expected"),
  ]

  @Test func wrongFieldsAreNamed() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    for (members, sentence) in Self.refused {
      let response = try fixture.post(Self.path, Self.body(members))
      #expect(response.status == 400, "\(members)")
      let message = try response.json()["error"]?["message"]?.stringValue ?? ""
      #expect(message.contains(sentence), "\(members) got '\(message)'")
      #expect(message.contains("expected ") && message.contains("found "), "\(message)")
    }
    #expect(generator.requests.isEmpty)
    #expect(try fixture.post(Self.path, Self.body(["model": "other"])).status == 404)
  }
}
