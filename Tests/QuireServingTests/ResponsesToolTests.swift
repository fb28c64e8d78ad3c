import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// Tools of the Responses API: namespaces of functions, and tools that this server cannot offer.
@Suite(.timeLimit(.minutes(5)))
struct ResponsesToolTests {
  private static let path = "/v1/responses"

  private static func function(_ name: JSONValue) -> JSONValue {
    ["type": "function", "name": name, "description": "d", "parameters": ["type": "object"]]
  }

  /// As Codex sends them.
  private static let tools: JSONValue = [
    function("exec"),
    [
      "type": "namespace", "name": "agents", "description": "About agents.",
      "tools": [function("spawn"), function("wait"), ["type": "custom", "name": "patch"]],
    ],
    ["type": "namespace", "name": "jobs", "tools": [function("wait")]],
    ["type": "web_search", "external_web_access": false],
  ]

  private static func body(_ members: JSONObject) -> JSONValue {
    var body: JSONObject = ["input": "hi", "tools": tools]
    for member in members.members { body[member.key] = member.value }
    return .object(body)
  }

  private static func text(_ generator: ScriptedGenerator) throws -> String {
    let tokens = try #require(generator.requests.last?.promptTokens)
    return String(decoding: try ServerFixture.tokenizer().decode(tokens), as: UTF8.self)
  }

  @Test func functionsOfNamespacesAreCalledWithTheirNamespace() throws {
    let generator = ScriptedGenerator(contextLength: 4096) { _ in
      [.call("agents.wait", [:]), .call("exec", [:]), .end()]
    }
    let fixture = try ServerFixture(generator)
    let response = try fixture.post(Self.path, Self.body(["tool_choice": "auto"]))
    #expect(response.status == 200, "\(response.text)")
    #expect(response.header("X-Quire-Ignored") == "tools[3], tools[1].tools[2]")
    let answer = try response.json()
    let calls = answer["output"]?.arrayValue ?? []
    #expect(calls.map { $0["name"] } == ["wait", "exec"])
    #expect(calls.first?["namespace"] == "agents" && calls.last?.has("namespace") == false)
    let repeated = try #require(answer["tools"]?.arrayValue)
    #expect(repeated.map { $0["name"] } == ["exec", "agents", "jobs"])
    #expect(repeated[1]["tools"]?.arrayValue?.map { $0["name"] } == ["spawn", "wait"])
    let prompt = try Self.text(generator)
    #expect(
      prompt.contains("{\"name\": \"agents.spawn\", \"description\": \"About agents.\\nd\""), "\(prompt)")
    #expect(prompt.contains("{\"name\": \"agents.wait\", \"description\": \"d\""))
    #expect(prompt.contains("\"jobs.wait\"") && !prompt.contains("patch") && !prompt.contains("web_search"))
    let events = try fixture.post(Self.path, Self.body(["stream": true])).namedEvents()
    let added = events.filter { $0["type"] == "response.output_item.added" }
    #expect(added.first?["item"]?["namespace"] == "agents" && added.first?["item"]?["name"] == "wait")
    let done = events.filter { $0["type"] == "response.function_call_arguments.done" }
    #expect(done.map { $0["name"] } == ["wait", "exec"])
  }

  @Test func callsThatComeBackHaveTheirNamespace() throws {
    let generator = ScriptedGenerator(contextLength: 4096) { _ in [.call("jobs.wait", [:]), .end()] }
    let fixture = try ServerFixture(generator) { $0.storedResponseBytes = 1 << 20 }
    let call: JSONValue = [
      "type": "function_call", "call_id": "c", "namespace": "jobs", "name": "wait", "arguments": "{}",
    ]
    let output: JSONValue = [
      "type": "function_call_output", "call_id": "c", "namespace": "jobs", "name": "wait", "output": "done",
    ]
    let input: JSONValue = [["role": "user", "content": "hi"], call, output]
    let sent = try fixture.post(Self.path, ["tools": Self.tools, "input": input])
    #expect(sent.status == 200 && sent.header("X-Quire-Ignored") == "tools[3], tools[1].tools[2]")
    let whole = try Self.text(generator)
    #expect(whole.contains("<tool_call>\n{\"name\": \"jobs.wait\", \"arguments\": {}}\n</tool_call>"))
    let first = try fixture.post(Self.path, Self.body([:])).json()
    let id = try #require(first["id"])
    _ = try fixture.post(Self.path, Self.body(["previous_response_id": id, "input": [output]]))
    #expect(try Self.text(generator) == whole)
  }

  @Test func choicesNameFunctionsInEveryForm() throws {
    let generator = ScriptedGenerator(contextLength: 4096) { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let spawn: JSONValue = ["type": "function", "name": "spawn", "namespace": "agents"]
    let allowed: JSONValue = ["type": "allowed_tools", "mode": "auto", "tools": [spawn]]
    let cases: [(JSONValue, JSONValue)] = [
      (spawn, spawn), (["type": "function", "name": "spawn"], spawn),
      (["type": "function", "name": "agents.spawn"], spawn),
      (["type": "function", "function": ["name": "exec"]], ["type": "function", "name": "exec"]),
      (["function": ["name": "spawn"]], spawn), (allowed, allowed),
      (
        ["type": "allowed_tools", "allowed_tools": ["tools": [["type": "function", "name": "spawn"]]]],
        allowed
      ),
      (["type": "auto"], "auto"), ("none", "none"),
    ]
    for (choice, repeated) in cases {
      let response = try fixture.post(Self.path, Self.body(["tool_choice": choice]))
      #expect(response.status == 200, "\(response.text)")
      #expect(try response.json()["tool_choice"] == repeated, "\(choice)")
      #expect(response.header("X-Quire-Ignored") == "tools[3], tools[1].tools[2]", "\(choice)")
    }
  }

  /// A choice that asks for a tool which cannot be offered, and names that are not clear.
  @Test func choicesThatCannotBeFollowedAreRefused() throws {
    let generator = ScriptedGenerator(contextLength: 4096) { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let search: JSONValue = ["type": "web_search"]
    let twice: JSONValue = [
      "type": "namespace", "name": "a", "tools": [Self.function("f"), Self.function("f")],
    ]
    let cases: [(JSONObject, String)] = [
      (["tool_choice": "required"], "tools[1].tools[2].type: expected \"function\""),
      (
        ["tools": [search], "tool_choice": "required"],
        "tools[0].type: expected \"function\", which your program runs, found \"web_search\""
      ),
      (["tool_choice": search], "tool_choice: expected"),
      (
        ["tool_choice": ["type": "allowed_tools", "tools": [search]]],
        "tool_choice.tools[0].type: expected \"function\""
      ),
      (
        ["tool_choice": ["type": "function", "name": "wait"]],
        "tool_choice.name: expected the name of one of the tools with its 'namespace', because 2 namespaces have such a "
          + "function, found \"wait\" without one"
      ),
      (
        ["tool_choice": ["type": "allowed_tools", "tools": [["type": "function", "name": "wait"]]]],
        "tool_choice.tools[0].name: expected the name of one of the tools with its 'namespace'"
      ),
      (["tool_choice": ["type": "function", "name": "x"]], "tool_choice.name: expected the name of one"),
      (["tool_choice": ["type": "function"]], "tool_choice.name: expected a name"),
      (["tools": [twice]], "tools[0].tools[1].name: expected a name of its own, found \"a.f\""),
      (["tools": [["type": "namespace", "tools": []]]], "tools[0].name: expected a name"),
      (["tools": [["type": "namespace", "name": "a", "tools": 1]]], "tools[0].tools: expected an array"),
      (
        ["tools": [["type": "namespace", "name": "a", "tools": .array(functions(129))]]],
        "tools: expected at most 128 tools, found 129"
      ),
    ]
    for (members, sentence) in cases {
      let response = try fixture.post(Self.path, Self.body(members))
      let message = try response.json()["error"]?["message"]?.stringValue ?? ""
      #expect(response.status == 400 && message.contains(sentence), "\(members) got '\(message)'")
    }
    #expect(generator.requests.isEmpty)
    let alone = try fixture.post(Self.path, Self.body(["tools": [search]]))
    #expect(alone.status == 200 && alone.header("X-Quire-Ignored") == "tools[0]")
    #expect(try alone.json()["tools"] == [])
  }

  private func functions(_ count: Int) -> [JSONValue] {
    (0..<count).map { Self.function(.string("f\($0)")) }
  }
}
