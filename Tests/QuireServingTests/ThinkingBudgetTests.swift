import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// How many tokens of reasoning requests and servers allow.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ThinkingBudgetTests {
  private static let path = "/v1/chat/completions"

  /// The limits of the thought and the prompts that requests with these members get.
  private static func limits(
    _ bodies: [JSONObject], _ thinking: ThinkingDefaults = ThinkingDefaults()
  ) throws -> [(limit: ThinkingLimit?, request: GenerationRequest)] {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator) { $0.thinking = thinking }
    for members in bodies {
      let response = try fixture.post(path, chatBody(members))
      #expect(response.status == 200, "\(members): \(response.text)")
      #expect(response.header("X-Quire-Ignored") == nil, "\(members)")
    }
    return generator.requests.map { ($0.thinking, $0) }
  }

  @Test func everyNameOfTheBudgetIsRead() throws {
    let names = [
      "thinking_token_budget", "thinking_budget", "thinking_budget_tokens", "reasoning_budget",
      "reasoning_budget_tokens",
    ]
    let bodies: [JSONObject] =
      names.map { [$0: 77] } + [
        ["thinking": ["type": "enabled", "budget_tokens": 77]], ["reasoning": ["max_tokens": 77]],
        ["chat_template_kwargs": ["thinking_budget": 77]],
        ["chat_template_kwargs": ["enable_thinking": true, "thinking_token_budget": 77]],
        ["thinking_budget": 77, "reasoning": ["max_tokens": 77, "effort": "high"]],
        ["reasoning_effort": "low", "thinking_budget": 77], ["thinking_budget": 77, "thinking": nil],
      ]
    let found = try Self.limits(bodies)
    #expect(found.map { $0.limit?.budget } == [Int?](repeating: 77, count: bodies.count))
    #expect(found.allSatisfy { $0.limit?.answerReserve == 256 })
  }

  /// Without thoughts a budget limits nothing.
  @Test func budgetsAreNamedAsIgnoredWithoutThoughts() throws {
    let tokenizer = try ServerFixture.tokenizer(chatFormat: ChatFormatOverride(reasoning: .init("none")))
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] }, tokenizer: tokenizer)
    let thinking: JSONValue = ["type": "enabled", "budget_tokens": 1024]
    for (path, body, ignored) in [
      (Self.path, chatBody(["thinking_budget": 5]), "thinking_budget"),
      (Self.path, chatBody(["thinking_budget": -1, "enable_thinking": true]), nil),
      (Self.path, chatBody(["thinking": thinking]), "thinking.budget_tokens"),
      (
        Self.path, chatBody(["chat_template_kwargs": ["thinking_budget": 5]]),
        "chat_template_kwargs.thinking_budget"
      ),
      ("/v1/messages", MessagesReplyTests.body(["thinking": thinking]), "thinking.budget_tokens"),
      ("/v1/responses", ["input": "hi", "reasoning": ["max_tokens": 5]], "reasoning.max_tokens"),
    ] as [(String, JSONValue, String?)] {
      let response = try fixture.post(path, body)
      #expect(response.status == 200, "\(response.text)")
      #expect(response.header("X-Quire-Ignored") == ignored, "\(body)")
    }
  }

  @Test func effortsAreBudgets() throws {
    let efforts: [(String, Int?)] = [
      ("minimal", 256), ("low", 1024), ("medium", 4096), ("high", nil), ("xhigh", nil), ("max", nil),
      ("default", nil),
    ]
    let bodies: [JSONObject] = efforts.flatMap { effort, _ in
      let value = JSONValue.string(effort)
      return [["reasoning_effort": value], ["think": value], ["reasoning": ["effort": value]]] as [JSONObject]
    }
    let found = try Self.limits(bodies)
    #expect(found.map { $0.limit?.budget } == efforts.flatMap { [$0.1, $0.1, $0.1] })
  }

  @Test func theServersDefaultsApplyWhereARequestSaysNothing() throws {
    let bodies: [JSONObject] = [
      [:], ["thinking_budget": 9], ["thinking_budget": -1], ["reasoning_effort": "low"],
      ["enable_thinking": true], ["enable_thinking": false], ["reasoning_effort": "high"],
    ]
    let on = try Self.limits(bodies)
    let off = try Self.limits(
      bodies, ThinkingDefaults(mode: .nonThinking, budget: 500, answerReserve: 7))
    #expect(on.map { $0.limit?.budget } == [nil, 9, nil, 1024, nil, nil, nil])
    #expect(off.map { $0.limit?.budget } == [500, 9, nil, 1024, 500, 500, nil])
    #expect(off.allSatisfy { $0.limit?.answerReserve == 7 })
    let thinks = { (found: (limit: ThinkingLimit?, request: GenerationRequest)) in
      !found.request.promptTokens.contains(Int32(TinyTokenizer.thinkEnd))
    }
    #expect(on.map(thinks) == [true, true, true, true, true, false, true])
    #expect(off.map(thinks) == [false, true, false, true, true, false, true])
    let prompts = try ServerFixture(ScriptedGenerator()) { $0.thinking.mode = .nonThinking }
    let body: JSONValue = ["messages": [["role": "user", "content": "hi"]]]
    let count = try prompts.post("/tokenize", body).json()["count"]?.intValue
    #expect(count == off[0].request.promptTokens.count)
  }

  @Test(
    arguments: [
      (["thinking_budget": 5, "reasoning_budget": 6], "thinking_budget", "reasoning_budget"),
      (["thinking_budget": 5, "reasoning_budget": -1], "thinking_budget", "reasoning_budget"),
      (
        ["thinking_token_budget": 0, "thinking": ["budget_tokens": 5]], "thinking_token_budget",
        "thinking.budget_tokens"
      ),
      (["reasoning": ["effort": "low"], "reasoning_effort": "high"], "reasoning.effort", "reasoning_effort"),
    ] as [(JSONObject, String, String)])
  func budgetsThatDifferAreRefused(members: JSONObject, first: String, second: String) throws {
    let response = try ServerFixture(ScriptedGenerator()).post(Self.path, chatBody(members))
    let error = try response.json()["error"]
    #expect(response.status == 400 && error?["param"] == .string(second))
    let message = try #require(error?["message"]?.stringValue)
    #expect(message.hasPrefix("\(second): expected a value that agrees with '\(first)', which is "))
  }

  @Test(arguments: [-2, 1.5, "5", true, 1e30, [5]] as [JSONValue])
  func otherBudgetsAreRefused(value: JSONValue) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    for members: JSONObject in [
      ["thinking_token_budget": value], ["reasoning": ["max_tokens": value]],
      ["chat_template_kwargs": ["thinking_budget": value]],
    ] {
      #expect(try fixture.post(Self.path, chatBody(members)).status == 400)
    }
  }

  @Test func softSwitchesChooseTheSampling() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    func ask(_ text: String, _ members: JSONObject = [:]) throws -> Float {
      #expect(try fixture.post(Self.path, chatBody(members, text: text)).status == 200)
      return try #require(generator.requests.last).sampling.temperature
    }
    #expect(try ask("hi") == 0.6)
    #expect(try ask("hi /no_think") == 0.7)
    #expect(try ask("hi /no_think\nno, /think") == 0.6)
    #expect(try ask("see /no_thinking and x/no_think") == 0.6)
    #expect(try ask("hi /think", ["enable_thinking": false]) == 0.7)
    #expect(try ask("hi", ["thinking_budget": 0]) == 0.7)
    #expect(try ask("hi /no_think", ["temperature": 0.25]) == 0.25)
    // The prompt is the one that was asked for.
    let prompt = try #require(generator.requests.first).promptTokens
    #expect(generator.requests[5].promptTokens == prompt)
  }

  // MARK: A model

  /// The demo model with a budget: streamed and whole answers are the same, and a limit leaves an answer.
  @Test(arguments: [true, false]) func thoughtsOfTheDemoModelAreClosed(isStreamed: Bool) throws {
    let fixture = try EngineFixture.demo().fixture
    func ask(_ members: JSONObject) throws -> (reasoning: String, content: String, usage: JSONValue) {
      var members = members
      members["temperature"] = 0
      members["stream"] = .bool(isStreamed)
      members["stream_options"] = ["include_usage": true]
      let body = chatBody(members, text: "What is 2311+9744?")
      let values =
        isStreamed ? try fixture.stream(Self.path, body) : [try fixture.post(Self.path, body).json()]
      func text(_ member: String) -> String {
        values.map { value in
          let choice = value["choices"]?[0]
          return (choice?["delta"] ?? choice?["message"])?[member]?.stringValue ?? ""
        }.joined()
      }
      return (text("reasoning_content"), text("content"), values.last?["usage"] ?? .null)
    }
    let free = try ask([:])
    let closed = try ask(["thinking_token_budget": 12])
    #expect(free.reasoning.hasPrefix(closed.reasoning.prefix(10)))
    #expect(closed.reasoning.hasSuffix(ChatFormat.qwen3.closingSentence))
    #expect(closed.reasoning.count < 60 + ChatFormat.qwen3.closingSentence.count)
    #expect(!closed.content.isEmpty && !closed.content.contains("think"))
    let none = try ask(["thinking_token_budget": 0])
    #expect(none.reasoning.isEmpty && !none.content.isEmpty)
    let plain = try ask(["enable_thinking": false])
    #expect(none.content == plain.content)
    let unused = try ask(["thinking_token_budget": 5000])
    #expect(unused == free)
  }
}
