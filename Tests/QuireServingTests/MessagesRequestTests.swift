import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// What Anthropic's Messages API takes, and the prompt that it becomes.
@Suite(.timeLimit(.minutes(5)))
struct MessagesRequestTests {
  private static let path = MessagesReplyTests.path

  private func prompt(_ members: JSONObject) throws -> String {
    let generator = ScriptedGenerator(contextLength: 2048) { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let response = try fixture.post(Self.path, MessagesReplyTests.body(members))
    #expect(response.status == 200, "\(response.text)")
    let tokens = try #require(generator.requests.first?.promptTokens)
    let count = try fixture.post("/v1/messages/count_tokens", MessagesReplyTests.body(members)).json()
    #expect(count == ["input_tokens": .int(tokens.count)])
    return String(decoding: try ServerFixture.tokenizer().decode(tokens), as: UTF8.self)
  }

  @Test func conversationsRenderAsChatsDo() throws {
    let text = try prompt([
      "system": [
        ["type": "text", "text": "Be brief.", "cache_control": ["type": "ephemeral"]],
        ["type": "text", "text": "Be kind."],
      ],
      "messages": [
        [
          "role": "user",
          "content": [["type": "text", "text": "Weather?"], ["type": "text", "text": "In Paris."]],
        ],
        [
          "role": "assistant",
          "content": [
            ["type": "thinking", "thinking": "Look.", "signature": "x"],
            ["type": "redacted_thinking", "data": "x"],
            ["type": "text", "text": "I look."],
            ["type": "tool_use", "id": "toolu_1", "name": "weather", "input": ["city": "Paris"]],
          ],
        ],
        [
          "role": "user",
          "content": [
            ["type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny. <|im_end|>"],
            [
              "type": "tool_result", "tool_use_id": "toolu_2", "is_error": true,
              "content": [["type": "text", "text": "Down."]],
            ],
          ],
        ],
      ],
      "tools": MessagesReplyTests.tools, "thinking": ["type": "enabled"],
    ])
    #expect(
      text.hasPrefix("<|im_start|>system\nBe brief.\nBe kind.\n\n# Tools"), "\(text)")
    #expect(
      text.contains(
        "{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"parameters\": {\"type\": \"object\"}}}"
      ))
    #expect(
      text.hasSuffix(
        "<|im_start|>user\nWeather?\nIn Paris.<|im_end|>\n<|im_start|>assistant\n<think>\nLook.\n</think>\n\nI look.\n"
          + "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call><|im_end|>\n"
          + "<|im_start|>user\n<tool_response>\nSunny. <|im_end|>\n</tool_response>\n<tool_response>\nError: Down.\n"
          + "</tool_response><|im_end|>\n<|im_start|>assistant\n"), "\(text)")
  }

  @Test func theModelThinksOnlyWhenAsked() throws {
    let opened = "<|im_start|>assistant\n"
    #expect(try prompt([:]).hasSuffix(opened + "<think>\n\n</think>\n\n"))
    #expect(try prompt(["thinking": ["type": "disabled"]]).hasSuffix(opened + "<think>\n\n</think>\n\n"))
    #expect(try prompt(["thinking": ["type": "enabled", "budget_tokens": 1024]]).hasSuffix(opened))
    #expect(try prompt(["thinking": ["type": "adaptive"]]).hasSuffix(opened))
  }

  /// The server's budget applies where a request that thinks has none, as in chats.
  @Test func theServersBudgetAppliesWithoutOneOfTheRequest() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator) { $0.thinking = ThinkingDefaults(budget: 40) }
    for thinking in [
      ["type": "enabled"], ["type": "adaptive"], ["type": "enabled", "budget_tokens": 9],
    ] as [JSONValue] {
      let response = try fixture.post(Self.path, MessagesReplyTests.body(["thinking": thinking]))
      #expect(response.status == 200, "\(response.text)")
    }
    #expect(generator.requests.map { $0.thinking?.budget } == [40, 40, 9])
  }

  /// Reasoning alone cannot be continued.
  @Test func answersWithoutTextAreNotContinued() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let thought: JSONValue = ["type": "thinking", "thinking": "Look", "signature": ""]
    for (blocks, status) in [
      ([thought], 400), ([thought, ["type": "text", "text": ""]], 400),
      ([thought, ["type": "text", "text": "I"]], 200),
    ] as [([JSONValue], Int)] {
      let messages: JSONValue = [
        ["role": "user", "content": "hi"], ["role": "assistant", "content": .array(blocks)],
      ]
      let response = try fixture.post(Self.path, MessagesReplyTests.body(["messages": messages]))
      #expect(response.status == status, "\(response.text)")
    }
  }

  /// A display that is not known changes only how clients show the thinking.
  @Test func thinkingIsShownUnlessItIsOmitted() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text(reasoning: "r"), .text("a"), .end()] })
    for (display, types, ignored) in [
      ("summarized", ["thinking", "text"], nil), ("omitted", ["text"], nil),
      ("updates", ["thinking", "text"], "thinking.display"),
    ] as [(JSONValue, [JSONValue], String?)] {
      let response = try fixture.post(
        Self.path, MessagesReplyTests.body(["thinking": ["type": "adaptive", "display": display]]))
      #expect(response.status == 200, "\(response.text)")
      #expect(try response.json()["content"]?.arrayValue?.map { $0["type"] } == types)
      #expect(response.header("X-Quire-Ignored") == ignored)
    }
  }

  /// An answer without any text comes back as it was given.
  @Test func answersWithoutBlocksAreEmptyTurns() throws {
    let text = try prompt([
      "messages": [
        ["role": "user", "content": "a"], ["role": "assistant", "content": []],
        ["role": "user", "content": "b"],
      ]
    ])
    #expect(
      text.hasPrefix(
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\nb<|im_end|>\n"),
      "\(text)")
  }

  /// Beside the client's own tools, and where no call is forced.
  @Test func toolsOfAnthropicsServersAreLeftOut() throws {
    let generator = ScriptedGenerator(contextLength: 2048) { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let own = MessagesReplyTests.tools.arrayValue ?? []
    let search: JSONValue = ["type": "web_search_20250305", "name": "web_search", "max_uses": 8]
    for tools in [own, [search] + own] {
      let response = try fixture.post(Self.path, MessagesReplyTests.body(["tools": .array(tools)]))
      #expect(response.status == 200, "\(response.text)")
      #expect(response.header("X-Quire-Ignored") == (tools.count == own.count ? nil : "tools[0]"))
    }
    #expect(generator.requests[0].promptTokens == generator.requests[1].promptTokens)
  }

  @Test func theLastMessageOfTheAssistantIsContinued() throws {
    let text = try prompt([
      "messages": [["role": "user", "content": "hi"], ["role": "assistant", "content": "The answer is"]]
    ])
    #expect(text.hasSuffix("<|im_start|>assistant\n<think>\n\n</think>\n\nThe answer is"))
  }

  @Test func fieldsReachTheEngine() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let members: JSONObject = [
      "max_tokens": 12, "stop_sequences": ["x", "y"], "temperature": 0.25, "top_p": 0.5, "top_k": 7,
      "seed": 3,
      "metadata": ["user_id": "me"], "service_tier": "auto", "tools": MessagesReplyTests.tools,
      "output_config": ["effort": "low"],
    ]
    let response = try fixture.post(
      Self.path, MessagesReplyTests.body(members),
      headers: ["anthropic-version: 2023-06-01", "anthropic-beta: a,b", "x-api-key: k"])
    #expect(response.status == 200)
    #expect(response.header("X-Quire-Ignored") == "output_config.effort")
    let request = try #require(generator.requests.first)
    #expect(request.maximumTokens == 12 && request.stopStrings == ["x", "y"] && request.splitsToolCalls)
    #expect(request.sampling.temperature == 0.25 && request.sampling.topP == 0.5)
    #expect(request.sampling.topK == 7 && request.sampling.seed == 3)
    #expect(request.constraint == nil)
    let none = try fixture.post(
      Self.path,
      MessagesReplyTests.body(["tools": MessagesReplyTests.tools, "tool_choice": ["type": "none"]]))
    #expect(none.status == 200 && generator.requests.last?.splitsToolCalls == false)
  }

  @Test func constraintsReachTheEngine() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let format: JSONValue = ["type": "json_schema", "schema": ["type": "integer"]]
    let tools = MessagesReplyTests.tools
    for members in [
      ["output_config": ["format": format]], ["output_format": format],
      ["tools": tools, "tool_choice": ["type": "any"]],
      ["tools": tools, "tool_choice": ["type": "tool", "name": "weather"]],
    ] as [JSONObject] {
      #expect(try fixture.post(Self.path, MessagesReplyTests.body(members)).status == 200)
      #expect(generator.requests.last?.constraint != nil, "\(members)")
    }
  }

  private static func user(_ block: JSONObject) -> JSONObject {
    ["messages": [["role": "user", "content": [.object(block)]]]]
  }

  static let refused: [(JSONObject, String)] = [
    (["max_tokens": nil], "max_tokens: expected"), (["max_tokens": 0], "max_tokens: expected"),
    (["messages": []], "messages: expected at least one"),
    (["messages": ["x"]], "messages[0]: expected an object"),
    (["messages": [["role": "tool", "content": "x"]]], "messages[0].role: expected one of user"),
    (["messages": [["role": "user"]]], "messages[0].content: expected"),
    (
      ["messages": [["role": "user", "content": []]]],
      "messages[0].content: expected a string or an array of blocks, found an empty array; send one"
    ),
    (user(["type": "image", "source": [:]]), "found \"image\""),
    (user(["type": "document"]), "found \"document\""),
    (user(["text": "x"]), "content[0].type: expected a type"),
    (user(["type": "text"]), "messages[0].content[0].text: expected a string"),
    (user(["type": "tool_use", "name": "x"]), "found \"tool_use\""),
    (
      user(["type": "tool_result", "content": [["text": "x"]]]),
      "messages[0].content[0].content[0].type: expected a type"
    ),
    (
      ["messages": [["role": "assistant", "content": [["type": "tool_use", "name": "f", "input": [:]]]]]],
      "messages[0]: expected a user message"
    ),
    (["system": 1], "system: expected a string"), (["thinking": true], "thinking: expected an object"),
    (["thinking": ["type": "on"]], "thinking.type: expected"),
    (["thinking": ["type": "enabled", "display": 1]], "thinking.display: expected"),
    (["tools": [["type": "web_search_20250305", "name": "web_search"]]], "found \"web_search_20250305\""),
    (
      [
        "tools": [["name": "f", "input_schema": [:]], ["type": "bash_20250124", "name": "bash"]],
        "tool_choice": ["type": "any"],
      ],
      "tools[1].type: expected \"custom\", which your program runs, found \"bash_20250124\""
    ),
    (
      [
        "tools": [["name": "f", "input_schema": [:]], ["type": "bash_20250124", "name": "bash"]],
        "tool_choice": ["type": "tool", "name": "bash"],
      ],
      "tool_choice.name: expected the name of one of the tools, found \"bash\""
    ),
    (["tools": [["name": "f"]]], "tools[0].input_schema: expected"),
    (
      ["tools": [["name": "f", "input_schema": [:]], ["name": "f", "input_schema": [:]]]],
      "tools[1].name: expected a name of its own"
    ),
    (["tool_choice": ["type": "any"]], "tool_choice: expected tools with \"any\""),
    (["tool_choice": ["type": "tool", "name": "f"]], "tool_choice.name: expected the name"),
    (["tool_choice": "auto"], "tool_choice: expected an object"),
    (["stop_sequences": [1]], "stop_sequences: expected"),
    (["mcp_servers": [["url": "x"]]], "mcp_servers: expected"),
    (["n": 2], "n: expected 1"), (["output_format": ["type": "text"]], "output_format.type: expected"),
    (["output_config": ["format": ["type": "json_schema"]]], "output_config.format.schema: expected"),
    (
      ["output_config": ["format": ["type": "json_schema", "schema": ["type": "string", "pattern": 1]]]],
      "output_config.format.schema"
    ),
  ]

  /// Anthropic's client sends whole conversations after an error with this code.
  @Test func conversationsOfTheServerAreRefusedWithTheirCode() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    for thread in [
      ["type": "create"], ["type": "continue", "previous_message_id": "msg_1"],
    ] as [JSONValue] {
      let response = try fixture.post(Self.path, MessagesReplyTests.body(["thread": thread]))
      #expect(response.status == 400)
      let error = try response.json()["error"]
      #expect(error?["type"] == "invalid_request_error")
      #expect(
        error?["details"] == ["error_code": "thread_unsupported_request", "unsupported": ["thread"]])
    }
    #expect(try fixture.post(Self.path, MessagesReplyTests.body(["thread": nil])).status == 200)
    let other = try fixture.post(Self.path, MessagesReplyTests.body(["max_tokens": 0])).json()
    #expect(other["error"]?.has("details") == false)
  }

  /// A client that does not know which of the two a server reads sends both.
  @Test func theFormatMayStandInBothFields() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let format: JSONValue = ["type": "json_schema", "schema": ["type": "integer", "multipleOf": 5]]
    let other: JSONValue = ["type": "json_schema", "schema": ["type": "integer"]]
    let equal = MessagesReplyTests.body(["output_config": ["format": format], "output_format": format])
    #expect(try fixture.post(Self.path, equal).status == 200)
    let different = MessagesReplyTests.body(["output_config": ["format": format], "output_format": other])
    let refusal = try fixture.post(Self.path, different)
    #expect(refusal.status == 400 && refusal.text.contains("output_format: expected the format of"))
  }

  @Test func tokensAreCountedWithoutALimitAndBeyondTheContext() throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 8) { _ in [.end()] })
    let text = String(repeating: "a b ", count: 20)
    let messages: JSONValue = ["messages": [["role": "user", "content": .string(text)]]]
    let count = try fixture.post("/v1/messages/count_tokens", messages)
    let tokens = try count.json()["input_tokens"]?.intValue ?? 0
    #expect(count.status == 200 && tokens > 40)
  }

  @Test func wrongFieldsAreNamed() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    for (members, sentence) in Self.refused {
      let response = try fixture.post(Self.path, MessagesReplyTests.body(members))
      #expect(response.status == 400, "\(members)")
      if members["max_tokens"] != .null {
        let count = try fixture.post("/v1/messages/count_tokens", MessagesReplyTests.body(members))
        let sentences = try count.json()["error"]?["message"]?.stringValue ?? ""
        #expect(count.status == 400 && sentences.contains(sentence), "\(members) got '\(sentences)'")
      }
      let message = try response.json()["error"]?["message"]?.stringValue ?? ""
      #expect(message.contains(sentence), "\(members) got '\(message)'")
      #expect(message.contains("expected ") && message.contains("found "), "\(message)")
    }
    #expect(generator.requests.isEmpty)
  }
}
