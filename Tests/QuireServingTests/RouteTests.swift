import Foundation
import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// Paths, methods and the small endpoints.
@Suite(.timeLimit(.minutes(5)))
struct RouteTests {
  @Test func modelsAreListedAndDescribed() throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 99))
    let list = try fixture.get("/v1/models").json()
    #expect(list["object"] == "list")
    let model = try #require(list["data"]?[0])
    #expect(model["id"] == "tiny/qwen3")
    #expect(model["object"] == "model")
    #expect(model["owned_by"] == "quire")
    #expect(model["max_model_len"] == 99)
    #expect(try #require(model["created"]?.intValue) > 1_700_000_000)
    for path in ["/v1/models/tiny/qwen3", "/v1/models/tiny%2Fqwen3", "/v1/models/tiny%2fqwen3"] {
      #expect(try fixture.get(path).json() == model)
    }
    for path in ["/v1/models/other", "/v1/models/tiny%2", "/v1/models/tiny%00qwen3", "/v1/models/tiny%ZZ"] {
      let response = try fixture.get(path)
      #expect(response.status == 404)
      #expect(try response.json()["error"]?["code"] == "model_not_found")
    }
  }

  /// Anthropic's clients read the list of models page by page.
  @Test func theListOfModelsHasPages() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    for query in ["limit=1", "limit=1000&after_id="] {
      #expect(try fixture.get("/v1/models?\(query)").json()["data"]?[0]?["id"] == "tiny/qwen3")
    }
    for query in ["after_id=tiny%2Fqwen3", "before_id=tiny/qwen3&limit=5"] {
      let page = try fixture.get("/v1/models?\(query)").json()
      #expect(page["data"] == [] && page["has_more"] == false && page["last_id"] == JSONValue.null)
    }
    for limit in ["0", "1001", "x", "1e9", "99999999999999999999"] {
      let response = try fixture.get("/v1/models?limit=\(limit)")
      #expect(response.status == 400)
      #expect(
        try response.json()["error"]?["message"]
          == .string(
            "limit: expected an integer from 1 to 1000, found \"\(limit)\"; correct it or leave it out"))
    }
  }

  @Test func queriesHaveALimit() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let parameters = (0..<101).map { "p\($0)=\(String(repeating: "v", count: 200))" }
    #expect(try fixture.get("/health?" + parameters.dropLast().joined(separator: "&")).status == 200)
    let response = try fixture.get("/health?" + parameters.joined(separator: "&"))
    #expect(response.status == 414)
    #expect(
      try response.json()["error"]?["message"]
        == "expected at most 100 parameters in the query, found more; send fewer")
    #expect(try fixture.get("/health?" + String(repeating: "x", count: 32_000)).status == 200)
  }

  @Test func unknownPathsAndMethodsAreRefused() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    for path in ["/v1/", "/v1", "/v1/v1/models", "//health", "/v1/../health", "/health%00", "/v1/images"] {
      let response = try fixture.get(path)
      #expect(response.status == 404)
      #expect(
        try response.json()["error"]?["message"]
          == .string(
            "expected a path such as /v1/chat/completions, /v1/completions or /v1/models, found \(path); correct it"
          ))
    }
    let wrong = try fixture.get("/v1/chat/completions")
    #expect(wrong.status == 405)
    #expect(wrong.header("Allow") == "POST, OPTIONS")
    #expect(
      try wrong.json()["error"]?["message"]
        == "expected one of the methods POST, OPTIONS for /v1/chat/completions, found GET; use one of them")
    #expect(try fixture.post("/health", "{}").header("Allow") == "GET, HEAD, OPTIONS")
    let options = try #require(exchangeOnce(port: fixture.port, "OPTIONS", "/v1/completions"))
    #expect(options.status == 200)
    #expect(options.header("Allow") == "POST, OPTIONS")
    let client = SocketClient(port: fixture.port)
    client.send(requestText("HEAD", "/health"))
    #expect(client.readHead()?.status == 200)
  }

  /// Clients differ in whether their base URL ends with `/v1`, and in slashes at its end.
  @Test func pathsWorkWithAndWithoutVersionAndSlash() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
    for path in [
      "/models", "/models/", "/v1/models/", "/v1/health", "/health/", "/v1/metrics", "/metrics?format=text",
      "/models/tiny/qwen3", "/v1/models/tiny/qwen3/", "/v1/tokenizer_info",
    ] {
      #expect(try fixture.get(path).status == 200, "\(path)")
    }
    for path in ["/chat/completions", "/v1/chat/completions/", "/chat/completions/"] {
      #expect(try fixture.post(path, chatBody()).status == 200, "\(path)")
    }
    for path in ["/completions", "/v1/completions/"] {
      #expect(try fixture.post(path, completionBody()).status == 200, "\(path)")
    }
    #expect(try fixture.post("/v1/tokenize", ["prompt": "x"]).status == 200)
    #expect(try fixture.post("/v1/detokenize/", ["tokens": [1]]).status == 200)
  }

  @Test func largeBodiesAndOtherContentTypes() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
    let large = try fixture.post(
      "/v1/chat/completions", chatBody(text: String(repeating: "x", count: 10 << 20)))
    #expect(large.status == 413)
    #expect(
      try #require(try large.json()["error"]?["message"]?.stringValue).hasPrefix(
        "expected a request body of at most 8388608 bytes, found 104"))
    let plain = try fixture.post("/v1/chat/completions", chatBody(), headers: ["Content-Type: text/plain"])
    #expect(plain.status == 200)
  }

  @Test func healthAndMetrics() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let health = try fixture.get("/health")
    #expect(health.status == 200)
    #expect(try health.json() == ["status": "ok"])
    let metrics = try fixture.get("/metrics")
    #expect(metrics.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
    let lines = metrics.text.split(separator: "\n")
    for line in [
      "quire:num_requests_running 0.0", "quire:kv_cache_usage_perc 0.25",
      "# TYPE quire:request_queue_time_seconds histogram",
      "quire:request_queue_time_seconds_bucket{le=\"0.01\"} 0",
      "quire:request_queue_time_seconds_bucket{le=\"0.025\"} 1",
      "quire:request_queue_time_seconds_bucket{le=\"+Inf\"} 1", "quire:request_queue_time_seconds_sum 0.02",
      "quire:request_success_total{finished_reason=\"stop\"} 0",
      "quire:request_success_total{finished_reason=\"timeout\"} 0", "quire:prefix_cache_queries_total 0",
    ] {
      #expect(lines.contains(Substring(line)), "\(line) is missing")
    }
  }

  @Test func textBecomesTokensAndBack() throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 77))
    let tokenizer = try ServerFixture.tokenizer()
    let ids = tokenizer.encode("héllo<|im_end|>", addedTokens: .recognized)
    let tokens: JSONValue = .array(ids.map { .int($0) })
    let answer = try fixture.post("/tokenize", ["prompt": "héllo<|im_end|>", "add_special_tokens": false])
      .json()
    #expect(answer["tokens"] == tokens)
    #expect(answer["count"] == .int(ids.count))
    #expect(answer["max_model_len"] == 77)
    #expect(answer["token_strs"] == JSONValue.null)
    let named = try fixture.post("/tokenize", ["prompt": "h<|im_end|>", "return_token_strs": true])
      .json()
    #expect(named["token_strs"] == ["h", "<|im_end|>"])
    let text = try fixture.post("/detokenize", ["tokens": tokens]).json()
    #expect(text["prompt"] == "héllo<|im_end|>")
  }

  @Test func theTokenizerIsDescribed() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let info = try fixture.get("/tokenizer_info").json()
    #expect(info["eos_token"] == "<|im_end|>")
    #expect(try info == ServerFixture.tokenizer().configuration)
  }

  @Test func conversationsBecomeTokens() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let answer = try fixture.post("/tokenize", chatBody()).json()
    #expect(try fixture.post("/v1/chat/completions", chatBody()).status == 200)
    let ids = try #require(generator.requests.first?.promptTokens)
    #expect(answer["tokens"] == .array(ids.map { .int($0) }))
  }
}
