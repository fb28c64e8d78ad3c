import QuireGeneration
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// Responses that are continued by their id.
@Suite(.timeLimit(.minutes(5)))
struct ResponseStoreTests {
  private static let path = "/v1/responses"

  private static func fixture(
    _ generator: ScriptedGenerator = ScriptedGenerator { _ in [.text("Hi Ann."), .end()] },
    bytes: Int = 1 << 20
  ) throws -> ServerFixture {
    try ServerFixture(generator) { $0.storedResponseBytes = bytes }
  }

  private static func id(_ fixture: ServerFixture, _ members: JSONObject) throws -> String {
    let answer = try fixture.post(path, .object(members)).json()
    return try #require(answer["id"]?.stringValue, "\(answer)")
  }

  @Test func metadataHasLimits() throws {
    let fixture = try Self.fixture()
    func pairs(_ count: Int, length: Int) -> JSONValue {
      var members = JSONObject()
      for index in 0..<count { members["key\(index)"] = .string(String(repeating: "x", count: length)) }
      return .object(members)
    }
    let full = pairs(16, length: 512)
    let answer = try fixture.post(Self.path, ["input": "hi", "metadata": full]).json()
    #expect(answer["metadata"] == full)
    for wrong in [pairs(17, length: 1), pairs(1, length: 513), ["a": 1], [1]] as [JSONValue] {
      let response = try fixture.post(Self.path, ["input": "hi", "metadata": wrong])
      #expect(response.status == 400 && response.text.contains("metadata: expected at most 16 strings"))
    }
  }

  @Test func aConversationGoesOnById() throws {
    let generator = ScriptedGenerator { _ in [.text("Hi Ann."), .end()] }
    let fixture = try Self.fixture(generator)
    let first = try Self.id(fixture, ["input": "I am Ann.", "instructions": "Be kind."])
    let second = try fixture.post(
      Self.path, ["input": "Who am I?", "previous_response_id": .string(first)]
    ).json()
    #expect(second["previous_response_id"] == .string(first))
    let third = try Self.id(
      fixture,
      ["input": [["role": "user", "content": "Sure?"]], "previous_response_id": second["id"] ?? .null])
    _ = try Self.id(
      fixture,
      [
        "input": [
          ["role": "user", "content": "I am Ann."], ["role": "assistant", "content": "Hi Ann."],
          ["role": "user", "content": "Who am I?"], ["role": "assistant", "content": "Hi Ann."],
          ["role": "user", "content": "Sure?"],
        ]
      ])
    let prompts = generator.requests.map(\.promptTokens)
    #expect(prompts.count == 4)
    #expect(prompts[2] == prompts[3], "instructions are not continued")
    #expect(prompts[1].count > prompts[0].count)
    #expect(try fixture.get(Self.path + "/" + third).json()["status"] == "completed")
  }

  @Test func responsesAreReadAndDeleted() throws {
    let fixture = try Self.fixture()
    let answer = try fixture.post(Self.path, ["input": "a"]).json()
    let id = try #require(answer["id"]?.stringValue)
    #expect(answer["store"] == true)
    #expect(try fixture.get("/v1/responses/\(id)").json() == answer)
    #expect(try fixture.get("/responses/\(id)/").json() == answer)
    let deleted = try #require(exchangeOnce(port: fixture.port, "DELETE", "/v1/responses/\(id)"))
    #expect(try deleted.json() == ["id": .string(id), "object": "response", "deleted": true])
    let missing = try fixture.get("/v1/responses/\(id)")
    #expect(missing.status == 404)
    #expect(
      try missing.json()["error"]?["message"]?.stringValue?.hasPrefix("Response with id '\(id)' not found.")
        == true)
    #expect(exchangeOnce(port: fixture.port, "DELETE", "/v1/responses/\(id)")?.status == 404)
    let wrong = try fixture.post("/v1/responses/\(id)", "{}")
    #expect(wrong.status == 405 && wrong.header("Allow") == "GET, HEAD, DELETE, OPTIONS")
    #expect(exchangeOnce(port: fixture.port, "DELETE", "/v1/models")?.status == 405)
    let error = try fixture.post(Self.path, ["input": "b", "previous_response_id": .string(id)])
    #expect(error.status == 400)
    #expect(try error.json()["error"]?["code"] == "previous_response_not_found")
  }

  /// What OpenAI's API offers for a stored response and this server does not is refused, never ignored in silence.
  @Test(arguments: [
    (
      "stream=true", "stream: expected \"false\", because a stored response is returned whole, found \"true\""
    ),
    ("starting_after=3", "starting_after: expected no such parameter"),
    ("stream=false&starting_after=0", "starting_after: expected no such parameter"),
    ("include=message.output_text.logprobs", "include: expected \"reasoning.encrypted_content\""),
    ("include%5B%5D=message.output_text.logprobs", "include: expected \"reasoning.encrypted_content\""),
    ("include[]=x&include[]=y", "found \"x\""),
  ])
  func parametersOfAStoredResponse(query: String, sentence: String) throws {
    let fixture = try Self.fixture()
    let id = try Self.id(fixture, ["input": "a"])
    let response = try fixture.get("/v1/responses/\(id)?\(query)")
    #expect(response.status == 400)
    let message = try #require(try response.json()["error"]?["message"]?.stringValue)
    #expect(message.contains(sentence) && message.contains("leave it out"), "\(message)")
    let plain = try fixture.get(
      "/v1/responses/\(id)?stream=false&include[]=reasoning.encrypted_content&include_obfuscation=true&x")
    #expect(plain.status == 200 && plain.header("X-Quire-Ignored") == "?x")
  }

  @Test func theItemsOfAResponseAreListed() throws {
    let fixture = try Self.fixture()
    let first = try Self.id(fixture, ["input": "I am Ann."])
    let second = try Self.id(
      fixture,
      [
        "previous_response_id": .string(first),
        "input": [["role": "user", "content": [["type": "input_text", "text": "Who?"]]]],
      ])
    let path = "/v1/responses/\(second)/input_items"
    let all = try fixture.get(path + "?order=asc").json()
    let data = try #require(all["data"]?.arrayValue)
    #expect(data.map { $0["content"]?[0]?["text"] } == ["I am Ann.", "Hi Ann.", "Who?"])
    #expect(data.map { $0["content"]?[0]?["type"] } == ["input_text", "output_text", "input_text"])
    #expect(data.map { $0["role"] } == ["user", "assistant", "user"] && all["has_more"] == false)
    let ids = data.compactMap { $0["id"]?.stringValue }
    #expect(Set(ids).count == 3 && all["first_id"]?.stringValue == ids[0])
    let newest = try fixture.get(path + "?limit=1").json()
    #expect(newest["data"]?.arrayValue == [data[2]] && newest["has_more"] == true)
    let rest = try fixture.get(path + "?limit=2&after=\(ids[2])&extra=1")
    #expect(try rest.json()["data"]?.arrayValue == [data[1], data[0]])
    #expect(rest.header("X-Quire-Ignored") == "?extra")
    for wrong in ["limit=0", "limit=101", "order=up", "after=msg_x", "include=message.output_text.logprobs"] {
      #expect(try fixture.get(path + "?" + wrong).status == 400, "\(wrong)")
    }
    #expect(try fixture.get("/v1/responses/resp_x/input_items").status == 404)
    #expect(try fixture.get("/v1/responses//input_items").status == 404)
  }

  /// An item of a conversation has one id, whichever response it is listed for: that of the answer, or the first one it got.
  @Test func itemsKeepTheirIDs() throws {
    let fixture = try Self.fixture()
    func ids(_ id: String) throws -> [String?] {
      let list = try fixture.get("/v1/responses/\(id)/input_items?order=asc").json()
      return (list["data"]?.arrayValue ?? []).map { $0["id"]?.stringValue }
    }
    let own: JSONValue = ["role": "user", "content": "b", "id": "msg_mine"]
    let first = try Self.id(fixture, ["input": "a"])
    let second = try Self.id(fixture, ["previous_response_id": .string(first), "input": [own, own]])
    let answer = try fixture.get("/v1/responses/\(first)").json()["output"]?[0]?["id"]?.stringValue
    let (before, after, again) = (try ids(first), try ids(second), try ids(second))
    #expect(before.count == 1 && answer != nil)
    #expect(Array(after.prefix(3)) == before + [answer, "msg_mine"])
    #expect(Set(after).count == 4 && after == again)
    let long = String(repeating: "x", count: 65)
    let third = try Self.id(fixture, ["input": [["role": "user", "content": "c", "id": .string(long)]]])
    #expect(try ids(third) != [long])
  }

  @Test func streamsAreStored() throws {
    let fixture = try Self.fixture()
    let text = try fixture.post(Self.path, ["input": "a", "stream": true]).text
    let last = try #require(text.split(separator: "\n").last { $0.hasPrefix("data: ") })
    let response = try #require(JSONValue.parse(String(last.dropFirst(6)))["response"])
    let id = try #require(response["id"]?.stringValue)
    #expect(try fixture.get("/v1/responses/\(id)").json() == response)
  }

  @Test func nothingIsStoredUnasked() throws {
    let cases: [(Int, JSONObject)] = [(1 << 20, ["store": false]), (0, [:]), (100, ["store": true])]
    for (bytes, members) in cases {
      let fixture = try Self.fixture(bytes: bytes)
      var body = members
      body["input"] = "a"
      let answer = try fixture.post(Self.path, .object(body)).json()
      #expect(answer["store"] == false)
      let id = try #require(answer["id"]?.stringValue)
      #expect(try fixture.get("/v1/responses/\(id)").status == 404)
    }
  }

  @Test func theOldestIsDroppedFirst() throws {
    // Room for a few responses, each with about 1,000 bytes.
    let fixture = try Self.fixture(bytes: 5000)
    var ids: [String] = []
    for _ in 0..<8 { ids.append(try Self.id(fixture, ["input": "a"])) }
    let statuses = try ids.map { try fixture.get("/v1/responses/\($0)").status }
    #expect(statuses.first == 404 && statuses.last == 200)
    #expect(statuses == statuses.sorted(by: >))
  }

  /// The AI SDK sends what it has received as references, unless responses are not stored.
  @Test func itemsCanBeReferredTo() throws {
    let generator = ScriptedGenerator(contextLength: 4096) { _ in
      [.text(reasoning: "Hm."), .text("Look."), .call("weather", ["city": "Rome"]), .end()]
    }
    let fixture = try Self.fixture(generator)
    let tools: JSONValue = [["type": "function", "name": "weather", "parameters": ["type": "object"]]]
    let question: JSONValue = ["role": "user", "content": "Rome?"]
    let first = try fixture.post(Self.path, ["input": [question], "tools": tools]).json()
    let output = try #require(first["output"]?.arrayValue)
    let references = output.map { ["type": "item_reference", "id": $0["id"] ?? .null] as JSONValue }
    let result: JSONValue = [
      "type": "function_call_output", "call_id": output[2]["call_id"] ?? .null, "output": "sunny",
    ]
    for items in [output, references] {
      let response = try fixture.post(
        Self.path, ["input": .array([question] + items + [result]), "tools": tools])
      #expect(response.status == 200 && response.header("X-Quire-Ignored") == nil, "\(response.text)")
    }
    let prompts = generator.requests.map(\.promptTokens)
    #expect(prompts.count == 3 && prompts[1] == prompts[2])
    let id = try #require(first["id"]?.stringValue)
    let listed = try fixture.get("/v1/responses/\(id)/input_items").json()
    let asked: JSONValue = ["type": "item_reference", "id": listed["data"]?[0]?["id"] ?? .null]
    let conversation = JSONValue.array([asked] + references + [result])
    let again = try fixture.post(Self.path, ["input": conversation, "tools": tools])
    #expect(again.status == 200, "\(again.text)")
    #expect(generator.requests.last?.promptTokens == prompts[1])
    let twice = try fixture.post(Self.path, ["input": [references[1], references[1]]])
    #expect(twice.status == 400 && twice.text.contains("input[1].id: expected each item once"))
    // The conversations that took the items in have them still.
    #expect(exchangeOnce(port: fixture.port, "DELETE", "/v1/responses/\(id)")?.status == 200)
    #expect(try fixture.post(Self.path, ["input": .array(references + [result])]).status == 200)
  }

  @Test func itemsOfADroppedResponseAreGone() throws {
    let fixture = try Self.fixture()
    let first = try fixture.post(Self.path, ["input": "a"]).json()
    let id = try #require(first["id"]?.stringValue)
    let list = try fixture.get("/v1/responses/\(id)/input_items").json()
    let found = [first["output"]?[0]?["id"], list["data"]?[0]?["id"]].compactMap(\.self)
    #expect(found.count == 2)
    #expect(exchangeOnce(port: fixture.port, "DELETE", "/v1/responses/\(id)")?.status == 200)
    for item in found {
      let gone = try fixture.post(Self.path, ["input": [["type": "item_reference", "id": item]]])
      #expect(try gone.status == 400 && gone.json()["error"]?["code"] == "item_not_found")
    }
  }

  @Test func callsAndTheirResultsGoOn() throws {
    let generator = ScriptedGenerator(contextLength: 4096) { _ in
      [.call("weather", ["city": "Rome"]), .end()]
    }
    let fixture = try Self.fixture(generator)
    let tools: JSONValue = [["type": "function", "name": "weather", "parameters": ["type": "object"]]]
    let first = try fixture.post(Self.path, ["input": "Rome?", "tools": tools]).json()
    let call = try #require(first["output"]?[0])
    let next = try fixture.post(
      Self.path,
      [
        "previous_response_id": first["id"] ?? .null, "tools": tools,
        "input": [
          ["type": "function_call_output", "call_id": call["call_id"] ?? .null, "output": "sunny"]
        ],
      ])
    #expect(next.status == 200, "\(next.text)")
    let prompts = generator.requests.map(\.promptTokens)
    #expect(prompts.count == 2 && prompts[1].starts(with: prompts[0].dropLast(8)))
  }
}
