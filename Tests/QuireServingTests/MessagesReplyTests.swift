import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// Answers of Anthropic's Messages API, whole and as streams.
@Suite(.timeLimit(.minutes(5)))
struct MessagesReplyTests {
  static let path = "/v1/messages"
  static let tools: JSONValue = [["name": "weather", "input_schema": ["type": "object"]]]

  static func body(_ members: JSONObject = [:]) -> JSONValue {
    var body: JSONObject = ["max_tokens": 50, "messages": [["role": "user", "content": "hi"]]]
    for member in members.members { body[member.key] = member.value }
    return .object(body)
  }

  private static let calling: [GenerationEvent] = [
    .text(reasoning: "I need "), .text(reasoning: "it."), .text("I will "), .text("look."),
    .callPart("weather", ""), .callPart(nil, "{\"city\": "), .callPart(nil, "\"Paris\"}"),
    .call("weather", [:]),
    .end(prompt: 40, cached: 32, completion: 9, reasoning: 3),
  ]

  /// Content blocks and the end, put together from the events of a stream as Anthropic's clients do.
  static func message(of events: [JSONValue]) throws -> JSONValue {
    var message = try #require(events.first?["message"]?.objectValue)
    var blocks: [JSONObject] = []
    var texts: [String] = []
    for event in events.dropFirst() {
      let index = event["index"]?.intValue
      switch event["type"]?.stringValue {
      case "content_block_start":
        #expect(index == blocks.count)
        blocks.append(try #require(event["content_block"]?.objectValue))
        texts.append("")
      case "content_block_delta":
        #expect(index == blocks.count - 1)
        for name in ["text", "thinking", "partial_json"] {
          texts[blocks.count - 1] += event["delta"]?[name]?.stringValue ?? ""
        }
      case "content_block_stop":
        let last = blocks.count - 1
        let type = try #require(blocks[last]["type"]?.stringValue)
        if type == "tool_use" {
          blocks[last]["input"] = try JSONValue.parse(texts[last])
        } else {
          blocks[last][type] = .string(texts[last])
        }
      case "message_delta":
        for member in event["delta"]?.objectValue?.members ?? [] { message[member.key] = member.value }
        message["usage"] = event["usage"]
      default: break
      }
    }
    message["content"] = .array(blocks.map { .object($0) })
    return .object(message)
  }

  /// The message without its random ids.
  private static func plain(_ message: JSONValue) -> JSONValue {
    var plain = message.objectValue ?? [:]
    plain["id"] = nil
    plain["content"] = .array(
      message["content"]?.arrayValue?.map { block in
        var block = block.objectValue ?? [:]
        if block["type"] == "tool_use" { #expect(block["id"]?.stringValue?.hasPrefix("toolu_") == true) }
        block["id"] = nil
        return .object(block)
      } ?? [])
    return .object(plain)
  }

  @Test func wholeAnswersAndStreamsAreTheSameMessage() throws {
    let generator = ScriptedGenerator { _ in Self.calling }
    let fixture = try ServerFixture(generator)
    let members: JSONObject = [
      "tools": Self.tools, "thinking": ["type": "enabled", "budget_tokens": 1024, "depth": 3],
    ]
    let whole = try fixture.post(Self.path, Self.body(members))
    let promptTokens = try #require(generator.requests.first?.promptTokens.count)
    #expect(whole.header("request-id") == whole.header("X-Request-Id"))
    #expect(whole.header("X-Quire-Ignored") == "thinking.depth")
    #expect(generator.requests.first?.thinking?.budget == 1024)
    let message = try whole.json()
    #expect(message["id"]?.stringValue?.hasPrefix("msg_") == true)
    #expect(
      Self.plain(message) == [
        "type": "message", "role": "assistant", "model": "tiny/qwen3",
        "content": [
          ["type": "thinking", "thinking": "I need it.", "signature": ""],
          ["type": "text", "text": "I will look."],
          ["type": "tool_use", "name": "weather", "input": ["city": "Paris"]],
          ["type": "tool_use", "name": "weather", "input": [:]],
        ],
        "stop_reason": "tool_use", "stop_sequence": nil,
        "usage": [
          "input_tokens": .int(promptTokens - 32), "cache_creation_input_tokens": 0,
          "cache_read_input_tokens": 32, "output_tokens": 9,
        ],
      ])
    var streaming = members
    streaming["stream"] = true
    let events = try fixture.post(Self.path, Self.body(streaming)).namedEvents()
    #expect(Self.plain(try Self.message(of: events)) == Self.plain(message))
    #expect(
      events.map { $0["type"]?.stringValue } == [
        "message_start", "ping", "content_block_start", "content_block_delta", "content_block_delta",
        "content_block_delta", "content_block_stop", "content_block_start", "content_block_delta",
        "content_block_delta", "content_block_stop", "content_block_start", "content_block_delta",
        "content_block_delta", "content_block_stop", "content_block_start", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
      ])
    #expect(events[0]["message"]?["usage"]?["input_tokens"] == .int(promptTokens))
    #expect(events[5]["delta"] == ["type": "signature_delta", "signature": ""])
    #expect(events[12]["delta"] == ["type": "input_json_delta", "partial_json": "{\"city\": "])
  }

  @Test func reasonsForStoppingAreNamed() throws {
    let call = GenerationEvent.call("weather", [:])
    let cases: [([GenerationEvent], JSONValue, JSONValue)] = [
      ([.text("a"), .end()], "end_turn", nil), ([.text("a"), .end(.length)], "max_tokens", nil),
      ([.text("a"), .end(match: .string("\n"))], "stop_sequence", "\n"), ([call, .end()], "tool_use", nil),
      ([call, .callPart("weather", "{\"a"), .end(.length)], "max_tokens", nil),
      ([.callPart("weather", "{\"a"), .end()], "end_turn", nil),
    ]
    for (events, reason, sequence) in cases {
      let fixture = try ServerFixture(ScriptedGenerator { _ in events })
      let message = try fixture.post(Self.path, Self.body(["tools": Self.tools])).json()
      #expect(message["stop_reason"] == reason)
      #expect(message["stop_sequence"] == sequence)
    }
  }

  @Test func incompleteCallsAreTextUnlessStreamed() throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in [.callPart("weather", "{\"city\": \"Par"), .end(.length)] })
    let message = try fixture.post(Self.path, Self.body(["tools": Self.tools])).json()
    #expect(
      message["content"] == [
        [
          "type": "text",
          "text": "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Par",
        ]
      ])
    let events = try fixture.post(Self.path, Self.body(["tools": Self.tools, "stream": true])).namedEvents()
    let pieces = events.compactMap { $0["delta"]?["partial_json"]?.stringValue }
    #expect(pieces.joined() == "{\"city\": \"Par")
    #expect(events.last { $0["type"] == "message_delta" }?["delta"]?["stop_reason"] == "max_tokens")
  }

  @Test func oneCallIsGivenWhereSeveralAreNotAllowed() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in Self.calling })
    let message = try fixture.post(
      Self.path,
      Self.body([
        "tools": Self.tools, "tool_choice": ["type": "auto", "disable_parallel_tool_use": true],
        "thinking": ["type": "adaptive", "display": "omitted"],
      ])
    ).json()
    #expect(message["content"]?.arrayValue?.map { $0["type"] } == ["text", "tool_use"])
  }

  // MARK: Errors

  @Test func errorsHaveAnthropicsForm() throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator)
    func check(_ response: WireResponse, _ status: Int, _ type: JSONValue) throws {
      #expect(response.status == status)
      let body = try response.json()
      #expect(body["type"] == "error" && body["error"]?["type"] == type, "\(response.text)")
      #expect(body["error"]?["message"]?.stringValue?.contains("expected ") == true)
      #expect(body["request_id"]?.stringValue == response.header("X-Request-Id"))
    }
    try check(fixture.post(Self.path, "{"), 400, "invalid_request_error")
    try check(fixture.post(Self.path, Self.body(["model": "other"])), 404, "not_found_error")
    try check(fixture.post("/messages/other", "{}"), 404, "not_found_error")
    try check(fixture.get("/messages/"), 405, "invalid_request_error")
    generator.refuse(.queueFull(limit: 1))
    try check(fixture.post(Self.path, Self.body()), 429, "rate_limit_error")
    generator.refuse(.draining)
    try check(fixture.post("/v1/messages/", Self.body()), 503, "overloaded_error")
    let client = SocketClient(port: fixture.port)
    client.send("POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n")
    try check(try #require(client.readResponse()), 413, "request_too_large")
    // Other paths keep OpenAI's form.
    #expect(try fixture.post("/v1/completions", "{").json().has("type") == false)
  }

  @Test(arguments: [true, false])
  func failuresAreErrorsOfTheirKind(isStreamed: Bool) throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in [.text("a"), .end(.failed("expected x, found y"))] })
    let response = try fixture.post(Self.path, Self.body(["stream": .bool(isStreamed)]))
    let error = isStreamed ? try #require(try response.namedEvents().last) : try response.json()
    #expect(response.status == (isStreamed ? 200 : 500))
    #expect(error["type"] == "error" && error["error"]?["type"] == "api_error")
    #expect(error["request_id"]?.stringValue == response.header("request-id"))
  }

  /// Readers of JSON treat these arguments differently; a call is one in every API.
  @Test(arguments: [#"{"a": 1, "a": 2}"#, #"{"a": 1e400}"#, #"{"a": "\ud83d"}"#])
  func ambiguousArgumentsAreACall(arguments: String) throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.callPart("weather", arguments), .end()] })
    let response = try fixture.post(Self.path, Self.body(["tools": Self.tools]))
    let message = try JSONValue.parse(response.body, limits: JSONLimits(acceptsAmbiguous: true))
    #expect(message["stop_reason"] == "tool_use" && message["content"]?[0]?["type"] == "tool_use")
    let body: JSONValue = ["input": "hi", "tools": [["type": "function", "name": "weather"]]]
    let output = try fixture.post("/v1/responses", body).json()["output"]?[0]
    #expect(output?["status"] == "completed" && output?["arguments"] == .string(arguments))
  }

  /// The demo model through its engine: every piece of a forced call, whole and streamed.
  @Test(.timeLimit(.minutes(10)))
  func forcedCallsOfAModelAreInputs() throws {
    let fixture = try EngineFixture.demo().fixture
    let schema: JSONValue = [
      "type": "object", "properties": ["a": ["type": "integer"], "b": ["enum": ["x", "y"]]],
      "required": ["a", "b"], "additionalProperties": false,
    ]
    let tools: JSONValue = [["name": "add", "description": "Adds.", "input_schema": schema]]
    for choice in [["type": "any", "disable_parallel_tool_use": true], ["type": "tool", "name": "add"]]
      as [JSONValue]
    {
      let members: JSONObject = [
        "tools": tools, "tool_choice": choice, "max_tokens": 400, "seed": 4, "temperature": 1,
      ]
      let message = try fixture.post(Self.path, Self.body(members)).json()
      #expect(message["stop_reason"] == "tool_use")
      #expect(SchemaCheck.accepts(schema, try #require(message["content"]?[0]?["input"])))
      var streaming = members
      streaming["stream"] = true
      let streamed = try fixture.post(Self.path, Self.body(streaming)).namedEvents()
      #expect(try Self.message(of: streamed)["content"]?[0]?["input"] == message["content"]?[0]?["input"])
    }
  }
}
