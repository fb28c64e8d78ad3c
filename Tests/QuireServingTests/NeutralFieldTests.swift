import QuireGeneration
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// Values that ask for what happens anyway are accepted; others of the same fields are refused.
@Suite(.timeLimit(.minutes(5)))
struct NeutralFieldTests {
  private static let chatPath = "/v1/chat/completions"
  private static let completionPath = "/v1/completions"
  private static let tool: JSONValue = ["type": "function", "function": ["name": "weather"]]

  @Test func everyNeutralValueIsAcceptedAndNoOther() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
    func status(_ path: String, _ name: String, _ value: JSONValue) throws -> Int {
      let body = path == Self.chatPath ? chatBody([name: value]) : completionBody("x", [name: value])
      let response = try fixture.post(path, body)
      #expect(response.header("X-Quire-Ignored") == nil, "\(name)")
      return response.status
    }
    for (path, own) in [
      (Self.chatPath, KnownFields.neutralInChat), (Self.completionPath, KnownFields.neutralInCompletions),
    ] {
      for field in KnownFields.neutral + own {
        for value in field.values {
          #expect(try status(path, field.name, value) == 200, "\(field.name) \(value)")
        }
        for value in [0.123, "other", [1], ["x": 1]] as [JSONValue] {
          #expect(try status(path, field.name, value) == 400, "\(field.name) \(value)")
        }
      }
    }
  }

  /// The other interfaces for conversations refuse what chats refuse, and what only chats have.
  @Test func theOtherInterfacesAreAsStrict() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
    for (path, base, own) in [
      ("/v1/messages", MessagesReplyTests.body(), KnownFields.neutralInMessages),
      ("/v1/responses", ["input": "hi"], KnownFields.neutralInResponses),
    ] {
      func post(_ name: String, _ value: JSONValue) throws -> WireResponse {
        var body = try #require(base.objectValue)
        body[name] = value
        let response = try fixture.post(path, .object(body))
        #expect(response.header("X-Quire-Ignored") == nil, "\(path) \(name)")
        return response
      }
      let replaced = Set(own.map(\.name))
      for field in KnownFields.neutral.filter({ !replaced.contains($0.name) }) + own {
        for value in field.values {
          #expect(try post(field.name, value).status == 200, "\(path) \(field.name) \(value)")
        }
        for value in [0.123, "other", [1], ["x": 1]] as [JSONValue] {
          let response = try post(field.name, value)
          #expect(response.status == 400, "\(path) \(field.name) \(value)")
          #expect(response.text.contains("\(field.name): expected "), "\(response.text)")
        }
      }
    }
  }

  /// In Anthropic's interface a field of chats must say what the request says in the interface's own field.
  @Test(
    arguments: [
      (["enable_thinking": false], true), (["enable_thinking": true], false),
      (["enable_thinking": true, "thinking": ["type": "enabled"]], true),
      (["enable_thinking": false, "thinking": ["type": "enabled"]], false),
      (["chat_template_kwargs": ["enable_thinking": true]], false), (["chat_template_kwargs": [:]], true),
      (["reasoning_effort": "none"], true), (["reasoning_effort": "high"], false),
      (["reasoning": ["effort": "high"]], false), (["think": true], false), (["think": nil], true),
      (["thinking_token_budget": 5], false), (["thinking_budget": -1], true),
      (["thinking_budget": 5, "thinking": ["type": "enabled", "budget_tokens": 5]], true),
      (["include_reasoning": true], true), (["include_reasoning": false], false),
      (["include_reasoning": false, "thinking": ["type": "enabled", "display": "omitted"]], true),
      (["max_completion_tokens": 50], true), (["max_completion_tokens": 51], false),
      (["n_predict": -1], true),
      (["parallel_tool_calls": false], true),
      (["parallel_tool_calls": false, "tools": MessagesReplyTests.tools], false),
      (["continue_final_message": true], false), (["add_generation_prompt": true], true),
    ] as [(JSONObject, Bool)])
  func fieldsOfChatsRepeatWhatMessagesSay(_ members: JSONObject, isAccepted: Bool) throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 2048) { _ in [.text("ok"), .end()] })
    let response = try fixture.post("/v1/messages", MessagesReplyTests.body(members))
    #expect(response.status == (isAccepted ? 200 : 400), "\(members) \(response.text)")
    #expect(response.header("X-Quire-Ignored") == nil)
  }

  @Test func responsesTakeTheLimitsOfChats() throws {
    let generator = ScriptedGenerator { _ in [.text("ok"), .end()] }
    let fixture = try ServerFixture(generator)
    for name in ["max_output_tokens", "max_completion_tokens", "max_tokens", "n_predict"] {
      #expect(try fixture.post("/v1/responses", ["input": "hi", name: 7]).status == 200)
    }
    #expect(generator.requests.map(\.maximumTokens) == [7, 7, 7, 7])
    let both: JSONValue = ["input": "hi", "max_output_tokens": 7, "max_tokens": 8]
    #expect(try fixture.post("/v1/responses", both).status == 400)
  }

  static let harmless: [JSONObject] = [
    ["parallel_tool_calls": false], ["tools": [], "tool_choice": "auto"], ["tool_choice": "none"],
    ["tools": [tool], "tool_choice": ["type": "auto"]],
    ["stream": false, "stream_options": ["include_usage": true]],
    ["stop": ""], ["stop": [""]], ["stop": []], ["stop": ["", "x"]], ["max_tokens": -1],
    ["max_completion_tokens": -1, "max_tokens": 5], ["logit_bias": []], ["logit_bias": [:]],
    ["response_format": ["type": "text", "json_schema": nil]], ["structured_outputs": false],
    ["grammar": "", "regex": "", "ebnf": "", "structured_outputs": [:], "guided_json": nil],
    ["structured_outputs": ["json_object": false, "disable_any_whitespace": false]],
    ["n_predict": -1],
    [
      "keep_alive": -1, "cache_prompt": true, "id_slot": -1, "session_id": "s", "chat_id": "c",
      "cache_salt": "x",
    ],
    ["timings_per_token": true, "usage": ["include": true], "extra_body": [:], "priority": 3],
    ["options": ["num_ctx": 4096], "mirostat_tau": 5, "dry_base": 1.75, "provider": ["order": []]],
  ]

  @Test(arguments: harmless)
  func harmlessFieldsAreAccepted(_ members: JSONObject) throws {
    let generator = ScriptedGenerator { _ in [.text("ok"), .end()] }
    let fixture = try ServerFixture(generator)
    #expect(try fixture.post(Self.chatPath, chatBody(members)).status == 200)
    #expect(try fixture.post(Self.completionPath, completionBody("x", members)).status == 200)
    #expect(generator.requests.allSatisfy { !$0.stopStrings.contains("") })
  }

  @Test func noLimitIsTheWholeContext() throws {
    let generator = ScriptedGenerator(contextLength: 300) { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    for limit in [-1, 9_223_372_036_854_775_807] as [JSONValue] {
      #expect(try fixture.post(Self.chatPath, chatBody(["max_tokens": limit])).status == 200)
      #expect(try fixture.post(Self.completionPath, completionBody("x", ["max_tokens": limit])).status == 200)
    }
    #expect(generator.requests.allSatisfy { $0.maximumTokens == 300 - $0.promptTokens.count })
    #expect(try fixture.post(Self.completionPath, completionBody("x", ["n_predict": 3])).status == 200)
    #expect(try fixture.post(Self.completionPath, completionBody("x")).status == 200)
    #expect(generator.requests.suffix(2).map(\.maximumTokens) == [3, 16])
  }

  @Test func manyStopStringsAreTaken() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let stops = (0..<RequestLimits.stopStringCountMaximum).map { "stop \($0)" }
    let body = chatBody(["stop": .array(stops.map { .string($0) })])
    #expect(try fixture.post(Self.chatPath, body).status == 200)
    #expect(generator.requests.first?.stopStrings == stops)
  }

  @Test func onlyTheFirstCallIsGivenWhenOneIsAllowed() throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in [.call("weather", [:]), .call("weather", [:]), .end()] })
    let members: JSONObject = ["tools": [Self.tool]]
    func count(_ extra: JSONObject) throws -> Int? {
      var members = members
      for member in extra.members { members[member.key] = member.value }
      let choice = try fixture.post(Self.chatPath, chatBody(members)).json()["choices"]?[0]
      #expect(choice?["finish_reason"] == "tool_calls")
      return choice?["message"]?["tool_calls"]?.arrayValue?.count
    }
    #expect(try count([:]) == 2)
    #expect(try count(["parallel_tool_calls": true]) == 2)
    #expect(try count(["parallel_tool_calls": false]) == 1)
  }
}
