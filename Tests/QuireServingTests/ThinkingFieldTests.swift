import QuireGeneration
import QuireJSON
import TestSupport
import Testing

/// The many ways to switch the thinking mode.
@Suite(.timeLimit(.minutes(5)))
struct ThinkingFieldTests {
  private static let path = "/v1/chat/completions"

  static let on: [JSONObject] = [
    [:], ["enable_thinking": true], ["thinking": true],
    ["thinking": ["type": "enabled", "budget_tokens": 1024]],
    ["thinking": ["type": "adaptive"]], ["think": "high"], ["think": true], ["reasoning": ["effort": "low"]],
    ["reasoning": ["enabled": true, "max_tokens": 100]], ["reasoning": ["summary": "auto"]],
    ["reasoning_effort": "minimal"], ["reasoning_effort": "medium"], ["reasoning_effort": "xhigh"],
    ["reasoning_effort": "max"], ["reasoning_effort": "default"], ["reasoning_effort": nil, "thinking": nil],
    ["reasoning_effort": "high", "enable_thinking": true, "reasoning": ["effort": "max"]],
  ]
  static let off: [JSONObject] = [
    ["enable_thinking": false], ["thinking": false], ["thinking": ["type": "disabled"]], ["think": false],
    ["think": "none"], ["reasoning": ["effort": "none"]], ["reasoning": ["enabled": false]],
    ["reasoning": false],
    ["reasoning_effort": "none"],
    ["chat_template_kwargs": ["enable_thinking": false], "enable_thinking": false],
  ]

  @Test func everySwitchWorks() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    for members in Self.on + Self.off {
      let response = try fixture.post(Self.path, chatBody(members))
      #expect(response.status == 200, "\(members): \(response.text)")
    }
    let prompts = generator.requests.map(\.promptTokens)
    #expect(prompts.count == Self.on.count + Self.off.count && prompts[0] != prompts.last)
    #expect(prompts.prefix(Self.on.count).allSatisfy { $0 == prompts[0] })
    #expect(prompts.suffix(Self.off.count).allSatisfy { $0 == prompts.last })
  }

  @Test(
    arguments: [
      (["enable_thinking": false, "reasoning_effort": "high"], "enable_thinking", "reasoning_effort"),
      (["thinking": ["type": "enabled"], "think": false], "thinking.type", "think"),
      (["reasoning": ["enabled": true, "effort": "none"]], "reasoning.enabled", "reasoning.effort"),
      (
        ["chat_template_kwargs": ["enable_thinking": true], "enable_thinking": false],
        "chat_template_kwargs.enable_thinking", "enable_thinking"
      ),
    ] as [(JSONObject, String, String)])
  func contradictionsNameBoth(members: JSONObject, first: String, second: String) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let response = try fixture.post(Self.path, chatBody(members))
    let error = try response.json()["error"]
    #expect(response.status == 400 && error?["param"] == .string(second))
    let message = try #require(error?["message"]?.stringValue)
    #expect(message.hasPrefix("\(second): expected a value that agrees with '\(first)', which is "))
  }

  @Test func oppositeFieldsMustNotAgree() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let members: JSONObject = ["include_reasoning": true, "reasoning": ["exclude": true]]
    let error = try fixture.post(Self.path, chatBody(members)).json()["error"]
    #expect(error?["param"] == "reasoning.exclude")
    #expect(
      error?["message"]
        == "reasoning.exclude: expected false, because 'include_reasoning' is true and means the opposite, found true; send one of the two"
    )
  }

  @Test(
    arguments: [
      ["enable_thinking": 1], ["thinking": "on"], ["thinking": ["type": "maybe"]], ["thinking": []],
      ["think": "yes"],
      ["reasoning": "high"], ["reasoning": ["effort": 3]], ["reasoning": ["exclude": "x"]],
      ["reasoning_effort": true],
    ] as [JSONObject])
  func otherValuesAreRefused(members: JSONObject) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    #expect(try fixture.post(Self.path, chatBody(members)).status == 400)
  }

  @Test func reasoningIsLeftOutWhenExcluded() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text(reasoning: "hm"), .text("a"), .end()] })
    for (members, shows) in [
      (["reasoning": ["exclude": true]], false), (["reasoning": ["exclude": false]], true),
      (["include_reasoning": false, "reasoning": ["exclude": true]], false),
    ] as [(JSONObject, Bool)] {
      let message = try fixture.post(Self.path, chatBody(members)).json()["choices"]?[0]?["message"]
      #expect(message?["reasoning_content"] == (shows ? "hm" : .null) && message?["content"] == "a")
    }
  }

  @Test func unknownMembersAreNamedAsIgnored() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let members: JSONObject = [
      "thinking": ["type": "enabled", "budget": 1024], "reasoning": ["effort": "high", "summary": "auto"],
      "chat_template_kwargs": ["enable_thinking": true, "thinking": true],
    ]
    let header = try fixture.post(Self.path, chatBody(members)).header("X-Quire-Ignored")
    #expect(header == "thinking.budget, reasoning.summary, chat_template_kwargs.thinking")
  }
}
