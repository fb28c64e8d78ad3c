import QuireGeneration
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// Small paths of other servers: numbers of tokens, load, and one path for both kinds of completion.
@Suite(.timeLimit(.minutes(5)))
struct CountAndLoadTests {
  @Test func promptsAreCountedWithoutRunning() throws {
    let generator = ScriptedGenerator { _ in [.text("a"), .end()] }
    let fixture = try ServerFixture(generator)
    let chat = try fixture.post("/v1/chat/completions/input_tokens", chatBody(["max_tokens": 5])).json()
    let tokens = try fixture.post("/tokenize", chatBody()).json()
    #expect(chat == ["input_tokens": tokens["count"] ?? .null])
    let response = try fixture.post(
      "/v1/responses/input_tokens", ["input": "hi", "tools": []]
    ).json()
    #expect(response["object"] == "response.input_tokens")
    #expect(response["input_tokens"] == tokens["count"])
    #expect(generator.requests.isEmpty)
    let wrong = try fixture.post("/v1/chat/completions/input_tokens", ["messages": []])
    #expect(wrong.status == 400)
  }

  /// What a request is refused for does not depend on whether its prompt is only counted.
  @Test(
    arguments: [
      ["temperature": 3], ["mirostat": 2], ["guided_json": ["type": "string", "pattern": "("]],
      ["repeat_penalty": 1.1, "repeat_last_n": 64],
    ] as [JSONObject])
  func countingRefusesWhatAnsweringRefuses(_ members: JSONObject) throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages"] {
      var body = chatBody(members).objectValue ?? [:]
      body["max_tokens"] = 5
      if path == "/v1/responses" { (body["input"], body["messages"]) = ("hi", nil) }
      let answer = try fixture.post(path, .object(body))
      let count = try fixture.post(
        path + (path == "/v1/messages" ? "/count_tokens" : "/input_tokens"), .object(body))
      #expect(answer.status == 400 && count.status == 400, "\(path) \(count.text)")
      let (refusal, countRefusal) = (try answer.json()["error"], try count.json()["error"])
      #expect(refusal?["message"] == countRefusal?["message"], "\(path) \(members)")
    }
  }

  @Test func promptsAreCountedAsTheyAreCut() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let cut = chatBody(["truncate_prompt_tokens": 2])
    #expect(try fixture.post("/v1/chat/completions/input_tokens", cut).json() == ["input_tokens": 2])
  }

  @Test func invocationsAreChatsOrRawPrompts() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a"), .end()] })
    #expect(try fixture.post("/invocations", chatBody()).json()["object"] == "chat.completion")
    #expect(try fixture.post("/invocations", completionBody()).json()["object"] == "text_completion")
    for body in ["{}", "[]", "no", ""] {
      #expect(try fixture.post("/invocations", body).status == 400, "\(body)")
    }
  }

  @Test func theLoadIsTheNumberOfRequests() throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator)
    #expect(try fixture.get("/load").json() == ["server_load": 0])
    let client = SocketClient(port: fixture.port)
    client.send(requestText("POST", "/v1/completions", body: #"{"prompt": "x", "stream": true}"#))
    #expect(client.readHead()?.status == 200)
    #expect(try fixture.get("/load").json() == ["server_load": 1])
  }

  @Test func thePromptsTextCanBeShown() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a"), .end()] })
    let prompt = try fixture.post("/apply-template", chatBody()).json()["prompt"]
    let whole = try fixture.post("/v1/chat/completions", chatBody(["verbose": true])).json()
    #expect(whole["__verbose"] == ["prompt": prompt ?? .null])
    let events = try fixture.stream("/v1/chat/completions", chatBody(["verbose": true, "stream": true]))
    #expect(events.map { $0.has("__verbose") } == [true, false, false])
    #expect(try !fixture.post("/v1/chat/completions", chatBody()).json().has("__verbose"))
  }

  @Test func aContinuedMessageCanBeRepeated() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("b"), .end()] })
    let members: JSONObject = [
      "messages": [["role": "user", "content": "x"], ["role": "assistant", "content": "a "]],
      "continue_final_message": true,
    ]
    func body(_ more: JSONObject) -> JSONValue {
      var all = members
      for member in more.members { all[member.key] = member.value }
      return chatBody(all)
    }
    let path = "/v1/chat/completions"
    let whole = try fixture.post(path, body(["echo": true])).json()
    #expect(whole["choices"]?[0]?["message"]?["content"] == "a b")
    let plain = try fixture.post(path, body(["echo": false])).json()
    #expect(plain["choices"]?[0]?["message"]?["content"] == "b")
    let events = try fixture.stream(path, body(["echo": true, "stream": true]))
    #expect(
      events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.stringValue } == ["a ", "b"])
    #expect(try fixture.post(path, chatBody(["echo": true])).status == 400)
  }

  @Test func thePageCanBeOff() throws {
    let fixture = try ServerFixture(ScriptedGenerator()) { $0.showsPage = false }
    #expect(try fixture.get("/").status == 404)
    #expect(fixture.server.pageURL == nil)
  }

  @Test func responsesReportProgressAndTimings() throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in [.text("a"), .text("b"), .end(completion: 2)] })
    let body: JSONValue = ["input": "hi", "stream": true, "timings_per_token": true]
    let text = try fixture.post("/v1/responses", body).text
    let events = text.split(separator: "\n").filter { $0.hasPrefix("data: ") }.compactMap {
      try? JSONValue.parse(String($0.dropFirst(6)))
    }
    let timed = events.filter { $0.has("timings") }.map { $0["type"] }
    #expect(timed == ["response.output_text.delta", "response.output_text.delta", "response.completed"])
  }
}
