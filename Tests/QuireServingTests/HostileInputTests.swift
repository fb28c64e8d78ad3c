import QuireJSON
import TestSupport
import Testing

/// Inputs that nobody sends by mistake alone: each gets an answer, and the server lives on.
@Suite(.timeLimit(.minutes(5)))
struct HostileInputTests {
  private static let chatPath = "/v1/chat/completions"
  private static let completionPath = "/v1/completions"

  private static func answering() throws -> ServerFixture {
    try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
  }

  @Test func brokenJSONIsRefused() throws {
    let fixture = try Self.answering()
    let deep = 100_000
    let bodies: [[UInt8]] = [
      Array("{\"model\": \"x\", \"model\": \"y\"}".utf8), Array("{\"n\": NaN}".utf8),
      Array("{\"n\": 1e400}".utf8),
      Array("{\"user\": \"\\ud800\"}".utf8), Array("\u{FEFF}{}".utf8),
      [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D],
      Array("{\"metadata\": ".utf8) + [UInt8](repeating: 0x5B, count: deep)
        + [UInt8](repeating: 0x5D, count: deep) + [0x7D],
      Array("{} {}".utf8), [0], Array("{\"user\": \"\u{0}\"}".utf8),
    ]
    for body in bodies {
      let client = SocketClient(port: fixture.port)
      client.send(
        "POST \(Self.chatPath) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n\r\n")
      client.send(body)
      let response = try #require(client.readResponse())
      #expect(response.status == 400)
      #expect(try response.json()["error"]?["code"] == "invalid_json")
    }
  }

  @Test func nestingUpToTheLimitIsRead() throws {
    let fixture = try Self.answering()
    let nested = String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
    let body = "{\"metadata\": \(nested), \"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}"
    #expect(try fixture.post(Self.chatPath, body).status == 200)
  }

  static let fields = [
    "model", "messages", "tools", "tool_choice", "temperature", "top_p", "top_k", "min_p", "seed",
    "presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias", "stop", "stop_token_ids",
    "max_tokens", "max_completion_tokens", "n", "stream", "stream_options", "logprobs", "top_logprobs",
    "chat_template_kwargs", "reasoning_effort", "ignore_eos", "continue_final_message", "response_format",
    "prompt", "echo", "best_of", "suffix", "min_tokens", "include_reasoning", "return_tokens_as_token_ids",
    "enable_thinking", "thinking", "think", "reasoning", "parallel_tool_calls", "n_predict",
    "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "json_schema",
    "grammar",
    "regex", "ebnf", "n_probs", "cache_prompt", "timings_per_token", "return_progress",
    "thinking_token_budget", "thinking_budget", "thinking_budget_tokens", "reasoning_budget",
    "reasoning_budget_tokens", "allowed_token_ids", "bad_words", "logprob_token_ids", "prompt_logprobs",
    "return_token_ids", "skip_special_tokens", "include_stop_str_in_output", "truncate_prompt_tokens",
    "truncation_side", "repeat_penalty", "max_output_tokens", "chat_template", "documents",
  ]
  private static let values: [JSONValue] = [
    true, false, 0, 1, -1, 1.5, 9_223_372_036_854_775_807, 1e308, -1e308, "", "x", "\u{0}", [], [[]], [nil],
    [1],
    ["x"], [:], ["": nil], ["x": [:]], [["role": "user"]], [["type": "function"]],
  ]

  @Test(arguments: [chatPath, completionPath])
  func anyValueOfAnyFieldGetsAnAnswer(path: String) throws {
    let fixture = try Self.answering()
    let client = SocketClient(port: fixture.port)
    for field in Self.fields {
      for value in Self.values {
        let members: JSONObject = [field: value]
        let body = (path == Self.chatPath ? chatBody(members) : completionBody("x", members)).serialized()
        client.send(requestText("POST", path, body: body))
        let response = try #require(client.readResponse(), "\(body) ended the connection")
        #expect([200, 400, 404].contains(response.status), "\(body) got \(response.status)")
        guard response.status != 200 else { continue }
        let message = try #require(try response.json()["error"]?["message"]?.stringValue)
        #expect(message.contains("expected ") && message.contains("; "), "\(body) got '\(message)'")
      }
    }
  }

  private static let blocks: [JSONValue] = [
    ["type": "text"], ["type": "text", "text": 1], ["type": "tool_use"],
    ["type": "tool_result", "content": [1]],
    ["type": "thinking"], ["type": "function_call", "name": 1],
    ["type": "function_call_output", "output": [:]],
    ["type": "reasoning", "content": [["type": "x"]]], ["role": "assistant", "content": [nil]], ["type": nil],
  ]

  /// Anthropic's and OpenAI's other APIs.
  @Test(arguments: ["/v1/messages", "/v1/responses", "/v1/messages/count_tokens"])
  func anyValueOfAnyFieldOfTheOtherInterfacesGetsAnAnswer(path: String) throws {
    let fixture = try Self.answering()
    let client = SocketClient(port: fixture.port)
    let own = [
      "system", "thinking", "tools", "tool_choice", "stop_sequences", "output_config", "output_format", "n",
      "mcp_servers", "input", "instructions", "text", "include", "reasoning", "top_logprobs", "max_tokens",
      "max_output_tokens", "previous_response_id", "background", "messages", "metadata", "stream", "model",
    ]
    let wrapped = Self.blocks.flatMap { block -> [JSONValue] in
      [block, [block], [["role": "user", "content": [block]]]]
    }
    for field in own {
      for value in Self.values + wrapped {
        var body: JSONObject = [
          "max_tokens": 5, "messages": [["role": "user", "content": "x"]], "input": "x",
        ]
        body[field] = value
        client.send(requestText("POST", path, body: JSONValue.object(body).serialized()))
        let response = try #require(client.readResponse(), "\(body) ended the connection")
        #expect([200, 400, 404].contains(response.status), "\(body) got \(response.status)")
        guard response.status != 200 else { continue }
        let message = try #require(try response.json()["error"]?["message"]?.stringValue)
        #expect(message.contains("expected ") && message.contains("; "), "\(body) got '\(message)'")
      }
    }
  }

  @Test func nullMeansAbsent() throws {
    let fixture = try Self.answering()
    var members = JSONObject()
    for field in Self.fields + ["no_such_field"] where !["messages", "prompt"].contains(field) {
      members[field] = .null
    }
    #expect(try fixture.post(Self.chatPath, chatBody(members)).status == 200)
    #expect(try fixture.post(Self.completionPath, completionBody("x", members)).status == 200)
  }

  @Test func oldClientsGetStreamsWithoutChunks() throws {
    let fixture = try Self.answering()
    let client = SocketClient(port: fixture.port)
    let body = chatBody(["stream": true]).serialized()
    client.send(
      "POST \(Self.chatPath) HTTP/1.0\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    )
    let head = try #require(client.readHead())
    #expect(head.status == 200)
    #expect(head.header("Transfer-Encoding") == nil)
    #expect(client.readUntil("data: [DONE]\n\n") != nil)
    #expect(client.isClosedByServer(within: 10))
  }
}
