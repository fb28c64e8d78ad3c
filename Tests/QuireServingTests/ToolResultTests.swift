import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// What tools return that is not text: no user chose it, and it comes again with each later request.
@Suite(.timeLimit(.minutes(5)))
struct ToolResultTests {
  private static let note = "[image: this model reads only text]"

  private struct Prompt {
    let text: String
    let ignored: String?
  }

  private func prompt(_ path: String, _ body: JSONValue) throws -> Prompt {
    let generator = ScriptedGenerator(contextLength: 2048) { _ in [.end()] }
    let response = try ServerFixture(generator).post(path, body)
    #expect(response.status == 200, "\(response.text)")
    let tokens = try #require(generator.requests.first?.promptTokens)
    return Prompt(
      text: String(decoding: try ServerFixture.tokenizer().decode(tokens), as: UTF8.self),
      ignored: response.header("X-Quire-Ignored"))
  }

  private static func chat(_ content: JSONValue, role: JSONValue = "tool") -> JSONValue {
    let call: JSONValue = ["id": "c", "type": "function", "function": ["name": "see", "arguments": "{}"]]
    return chatBody([
      "messages": [
        ["role": "user", "content": "look"], ["role": "assistant", "content": nil, "tool_calls": [call]],
        ["role": role, "tool_call_id": "c", "content": content],
      ]
    ])
  }

  private static func messages(_ content: JSONValue) -> JSONValue {
    MessagesReplyTests.body([
      "messages": [
        ["role": "user", "content": "look"],
        ["role": "assistant", "content": [["type": "tool_use", "id": "c", "name": "see", "input": [:]]]],
        ["role": "user", "content": [["type": "tool_result", "tool_use_id": "c", "content": content]]],
      ]
    ])
  }

  private static func items(_ output: JSONValue) -> JSONValue {
    [
      "input": [
        ["role": "user", "content": "look"],
        ["type": "function_call", "call_id": "c", "name": "see", "arguments": "{}"],
        ["type": "function_call_output", "call_id": "c", "output": output],
      ]
    ]
  }

  @Test func imagesBecomeNotesInEveryAPI() throws {
    let cases: [(String, JSONValue, String)] = [
      (
        "/v1/chat/completions",
        Self.chat([["type": "text", "text": "Seen."], ["type": "image_url", "image_url": ["url": "x"]]]),
        "messages[2].content[1]"
      ),
      (
        "/v1/chat/completions", Self.chat(["Seen.", ["type": "image"]], role: "function"),
        "messages[2].content[1]"
      ),
      (
        "/v1/messages",
        Self.messages([
          ["type": "text", "text": "Seen."], ["type": "image", "source": ["type": "base64", "data": "x"]],
        ]),
        "messages[2].content[0].content[1]"
      ),
      (
        "/v1/responses",
        Self.items([
          ["type": "input_text", "text": "Seen."], ["type": "input_image", "image_url": "data:x"],
        ]),
        "input[2].output[1]"
      ),
    ]
    for (path, body, ignored) in cases {
      let prompt = try prompt(path, body)
      #expect(
        prompt.text.contains("<tool_response>\nSeen.\n\(Self.note)\n</tool_response>"), "\(prompt.text)")
      #expect(prompt.ignored == ignored, "\(path)")
    }
  }

  /// Conversations with two calls, `a` and `b`, and results for these ids, which say whose they are.
  private static func twoCalls(_ ids: [JSONValue]) -> [(path: String, body: JSONValue)] {
    func call(_ id: JSONValue) -> JSONValue {
      ["id": id, "type": "function", "function": ["name": "see", "arguments": "{}"]]
    }
    let user: JSONValue = ["role": "user", "content": "look"]
    let called: [JSONValue] = ["a", "b"]
    let results = ids.map { id -> JSONValue in ["role": "tool", "tool_call_id": id, "content": id] }
    let calls: JSONValue = ["role": "assistant", "content": nil, "tool_calls": [call("a"), call("b")]]
    let uses = called.map { id -> JSONValue in
      ["type": "tool_use", "id": id, "name": "see", "input": [:]]
    }
    let blocks = ids.map { id -> JSONValue in ["type": "tool_result", "tool_use_id": id, "content": id] }
    let items = called.map { id -> JSONValue in
      ["type": "function_call", "call_id": id, "name": "see", "arguments": "{}"]
    }
    let outputs = ids.map { id -> JSONValue in
      ["type": "function_call_output", "call_id": id, "output": id]
    }
    return [
      ("/v1/chat/completions", chatBody(["messages": .array([user, calls] + results)])),
      (
        "/v1/messages",
        MessagesReplyTests.body([
          "messages": [
            user, ["role": "assistant", "content": .array(uses)],
            ["role": "user", "content": .array(blocks)],
          ]
        ])
      ),
      ("/v1/responses", ["input": .array([user] + items + outputs)]),
    ]
  }

  /// The prompt shows results without ids, so their order says which call they answer.
  @Test func resultsComeInTheOrderOfTheirCalls() throws {
    for (ids, order) in [
      (["a", "b"], "a b"), (["b", "a"], "a b"), (["b"], "b"),
      // An id that no call has: the client's order.
      (["b", "x", "a"], "b x a"),
    ] as [([JSONValue], String)] {
      for (path, body) in Self.twoCalls(ids) {
        let text = try prompt(path, body).text
        let found = text.matches(of: /<tool_response>\n(\w)\n/).map { String($0.1) }
        #expect(found.joined(separator: " ") == order, "\(path) \(text)")
      }
    }
  }

  @Test func otherPartsAreNamedByTheirKind() throws {
    let names = [
      "input_audio": "audio", "input_file": "file", "video_url": "video", "image": "image", "x\ny": "x\\ny",
    ]
    for (type, name) in names {
      let prompt = try prompt("/v1/responses", Self.items([["type": .string(type)]]))
      #expect(prompt.text.contains("\n[\(name): this model reads only text]\n"), "\(prompt.text)")
    }
    let file = try prompt(
      "/v1/messages", Self.messages([["type": "document", "source": ["type": "base64", "data": "x"]]]))
    #expect(file.text.contains("\n[document: this model reads only text]\n"))
    #expect(file.ignored == "messages[2].content[0].content[0].source")
  }

  /// These have text, in members of their own.
  @Test func referencesAndDocumentsOfTextAreRead() throws {
    let parts: [(JSONValue, String)] = [
      (["type": "tool_reference", "tool_name": "Web"], "Tool: Web"),
      (
        [
          "type": "document", "title": "T",
          "source": ["type": "text", "media_type": "text/plain", "data": "D"],
        ],
        "T\nD"
      ),
      (
        [
          "type": "search_result", "source": "S", "title": "T",
          "content": [["type": "text", "text": "a"], ["type": "text", "text": "b"]],
        ], "T\nS\na\nb"
      ),
    ]
    for (part, text) in parts {
      let prompt = try prompt("/v1/messages", Self.messages([part]))
      #expect(prompt.text.contains("<tool_response>\n\(text)\n</tool_response>"), "\(prompt.text)")
      #expect(prompt.ignored == nil, "\(text)")
    }
  }

  @Test func partsOfUsersAreRefused() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let image: JSONValue = [
      ["type": "text", "text": "a"], ["type": "image_url", "image_url": ["url": "x"]],
    ]
    let chat = try fixture.post(
      "/v1/chat/completions", chatBody(["messages": [["role": "user", "content": image]]]))
    let error = try chat.json()["error"]
    #expect(chat.status == 400 && error?["param"] == "messages[0].content[1].type")
    #expect(
      error?["message"]
        == "messages[0].content[1].type: expected \"text\", found \"image_url\", which this server cannot give to the model; leave it out"
    )
    for (path, body) in [
      ("/v1/messages", MessagesReplyTests.body(["messages": [["role": "user", "content": image]]])),
      ("/v1/responses", ["input": [["role": "user", "content": image]]]),
    ] as [(String, JSONValue)] {
      #expect(try fixture.post(path, body).status == 400, "\(path)")
    }
  }

  /// A stored response keeps the note, not the image.
  @Test func continuedResponsesHaveTheSameNote() throws {
    let generator = ScriptedGenerator(contextLength: 2048) { _ in [.text("ok"), .end()] }
    let fixture = try ServerFixture(generator) { $0.storedResponseBytes = 1 << 20 }
    let data = JSONValue.string(String(repeating: "x", count: 5000))
    let first = try fixture.post(
      "/v1/responses", Self.items([["type": "input_image", "image_url": data]])
    ).json()
    let id = try #require(first["id"]?.stringValue)
    let items = try fixture.get("/v1/responses/\(id)/input_items").text
    #expect(items.contains(Self.note) && items.utf8.count < 2000)
    let second = try fixture.post(
      "/v1/responses", ["previous_response_id": .string(id), "input": "go on"])
    #expect(second.status == 200, "\(second.text)")
    let tokens = try #require(generator.requests.last?.promptTokens)
    #expect(
      String(decoding: try ServerFixture.tokenizer().decode(tokens), as: UTF8.self).contains(Self.note))
  }
}
