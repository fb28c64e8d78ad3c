import QuireGeneration
import QuireJSON
import TestSupport
import Testing

/// Fields that nobody reads are ignored and named in a header.
@Suite(.timeLimit(.minutes(5)))
struct IgnoredFieldTests {
  private static let path = "/v1/chat/completions"

  private func ignored(_ body: JSONValue, path: String = path, status: Int = 200) throws -> String? {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
    let response = try fixture.post(path, body)
    #expect(response.status == status, "\(response.text)")
    return response.header("X-Quire-Ignored")
  }

  @Test func fieldsOfEveryLevelAreNamed() throws {
    let members: JSONObject = [
      "keep_alive": "5m", "nothing": nil, "user": "me",
      "stream_options": ["include_usage": true, "extra": 1],
      "stream": true, "chat_template_kwargs": ["enable_thinking": false, "tokenize": true],
      "metadata": ["a": ["b": 1]],
      "messages": [
        [
          "role": "user",
          "content": [["type": "text", "text": "hi", "cache_control": ["type": "ephemeral"]]],
        ],
        [
          "role": "assistant", "content": nil, "refusal": nil, "name": "x",
          "tool_calls": [["id": "1", "extra_content": 1, "function": ["name": "weather", "parsed": [:]]]],
        ],
        ["role": "tool", "content": "x", "tool_call_id": "1", "is_error": false],
      ],
      "tools": [
        [
          "type": "function", "cache_control": [:],
          "function": ["name": "weather", "parameters": ["type": "object", "free": 1], "icon": "i"],
        ]
      ],
    ]
    #expect(
      try ignored(chatBody(members))
        == "keep_alive, stream_options.extra, chat_template_kwargs.tokenize, messages[2].is_error, "
        + "tools[0].cache_control, tools[0].function.icon, messages[0].content[0].cache_control, "
        + "messages[1].tool_calls[0].extra_content, messages[1].tool_calls[0].function.parsed")
    #expect(try ignored(chatBody(["user": "me", "metadata": ["a": 1], "store": true])) == nil)
  }

  @Test func otherEndpointsAndRefusalsNameThemToo() throws {
    #expect(
      try ignored(completionBody("x", ["slot": 1, "messages": []]), path: "/v1/completions")
        == "slot, messages")
    #expect(try ignored(["tokens": [1], "a": 1], path: "/detokenize") == "a")
    #expect(try ignored(["prompt": "x", "b": 1], path: "/tokenize") == "b")
    #expect(try ignored(chatBody(["temprature": 1, "top_p": 7]), status: 400) == "temprature")
    #expect(try ignored(["model": "other", "b": 1], status: 404) == "b")
  }

  /// Parameters of the query, which Anthropic's and Azure's clients add to every path.
  @Test func parametersAreNamedToo() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
    func ignored(_ path: String) throws -> String? { try fixture.get(path).header("X-Quire-Ignored") }
    #expect(try ignored("/v1/models?limit=20&beta=true&api-version=2026-01-01") == nil)
    #expect(try ignored("/health?a=1&&b&c%20d=2&%=") == "?a, ?b, ?c%20d, ?%25")
    #expect(try ignored("/v1/models/tiny%2Fqwen3?limit=1#x") == "?limit")
    let response = try fixture.post(Self.path + "?stream=true&beta=true", chatBody(["b": 1]))
    #expect(response.header("X-Quire-Ignored") == "?stream, b")
    #expect(try response.json()["object"] == "chat.completion")
  }

  /// Names are the client's own: they must not end the header, nor fill it.
  @Test func namesAreEncodedAndCut() throws {
    #expect(
      try ignored(chatBody(["a\r\nX-Evil: 1": 1, "b, c": 1, "é": 1, "": 1, "\u{0}%": 1]))
        == "a%0D%0AX-Evil%3A%201, b%2C%20c, %C3%A9, , %00%25")
    let long = try #require(try ignored(chatBody([String(repeating: "x", count: 4000): 1, "y": 1])))
    #expect(long == String(repeating: "x", count: 64) + "..., y")
    var many: JSONObject = [:]
    for index in 0..<2000 { many["field\(index)"] = 1 }
    let list = try #require(try ignored(chatBody(many)))
    #expect(list.hasPrefix("field0, field1, ") && list.hasSuffix(", ...") && list.utf8.count <= 1000)
  }

  /// A member of one kind of request has no effect in another.
  @Test func whatTokenizeDoesNotReadIsNamed() throws {
    let text: JSONValue = [
      "prompt": "x", "parse_special": false, "with_pieces": true, "tools": [["type": "x"]],
    ]
    #expect(try ignored(text, path: "/tokenize") == "parse_special, with_pieces, tools")
    let content: JSONValue = ["content": "x", "prompt": nil, "return_token_strs": true]
    #expect(try ignored(content, path: "/tokenize") == "return_token_strs")
    #expect(try ignored(chatBody(["parse_special": false]), path: "/tokenize") == "parse_special")
    let fixture = try ServerFixture(ScriptedGenerator())
    let both = try fixture.post("/tokenize", chatBody(["prompt": "x"]))
    #expect(both.status == 400 && both.text.contains("expected none next to 'messages'"), "\(both.text)")
  }

  @Test func unknownFieldsDoNotReachThePrompt() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let plain: JSONValue = ["type": "function", "function": ["name": "weather", "description": "d"]]
    let decorated: JSONValue = [
      "type": "function", "cache_control": ["type": "ephemeral"],
      "function": ["name": "weather", "x": 1, "description": "d"],
    ]
    for tool in [plain, decorated] {
      #expect(try fixture.post(Self.path, chatBody(["tools": [tool]])).status == 200)
    }
    #expect(generator.requests[0].promptTokens == generator.requests[1].promptTokens)
  }
}
