import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// llama-server's smaller paths.
@Suite(.timeLimit(.minutes(5)))
struct NativeEndpointTests {
  @Test func propertiesAreDescribed() throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 99)) { $0.version = "1.2.3" }
    let properties = try fixture.get("/props").json()
    #expect(properties["total_slots"] == 4 && properties["model_path"] == "tiny/qwen3")
    #expect(properties["default_generation_settings"]?["n_ctx"] == 99)
    #expect(properties["default_generation_settings"]?["params"]?["top_k"] == 20)
    #expect(properties["build_info"] == "quire-1.2.3" && properties["eos_token"] == "<|im_end|>")
    #expect(properties["modalities"] == ["vision": false, "audio": false])
    #expect(properties["chat_template"]?.stringValue != nil)
    #expect(try fixture.post("/props", "{}").status == 405)
    #expect(try fixture.get("/version").json() == ["version": "1.2.3"])
    #expect(try fixture.get("/ping").json() == ["status": "ok"])
    let meta = try fixture.get("/v1/models").json()["data"]?[0]?["meta"]
    #expect(meta?["n_ctx"] == 99 && meta?["n_vocab"] == 273)
  }

  @Test func slotsShowWhatRuns() throws {
    let generator = ScriptedGenerator(contextLength: 99)
    let fixture = try ServerFixture(generator)
    let clients = (0..<6).map { index in
      let client = SocketClient(port: fixture.port)
      let body: JSONValue = ["prompt": [1, 2, .int(index)], "n_predict": 10, "stop": "private", "seed": 5]
      client.send(requestText("POST", "/completion", body: body.serialized()))
      #expect(eventually { generator.requests.count == index + 1 })
      return client
    }
    generator.emit([.text("a\n"), .text("b")], to: 1)
    let response = try fixture.get("/slots")
    let slots = try #require(try response.json().arrayValue)
    #expect(slots.count == 4 && slots.map { $0["id"] } == [0, 1, 2, 3])
    #expect(slots.map { $0["id_task"] } == [0, 1, 2, 3])
    #expect(
      slots.allSatisfy { $0["is_processing"] == true && $0["n_ctx"] == 99 && $0["n_prompt_tokens"] == 3 })
    #expect(slots[1]["next_token"]?[0]?["n_decoded"] == 2 && slots[1]["next_token"]?[0]?["n_remain"] == 8)
    #expect(slots[1]["next_token"]?[0]?["has_new_line"] == true)
    #expect(slots[0]["next_token"]?[0]?["has_new_line"] == false && slots[0]["params"]?["seed"] == 5)
    #expect(!response.text.contains("private"))
    let full = try fixture.get("/slots?fail_on_no_slot=1")
    #expect(
      full.status == 503 && full.header("Retry-After") == "1" && full.text.contains("found all 4 taken"))
    // The slot goes to the request that has waited longest.
    generator.emit([.end()], to: 2)
    #expect(clients[2].readResponse()?.status == 200)
    #expect(try fixture.get("/slots").json().arrayValue?.map { $0["id_task"] } == [0, 1, 4, 3])
    for index in [0, 1, 3, 4, 5] { generator.emit([.end()], to: index) }
    let free = try #require(try fixture.get("/slots").json().arrayValue)
    #expect(free.allSatisfy { $0["is_processing"] == false && !$0.has("next_token") })
    #expect(try fixture.get("/slots?fail_on_no_slot=1").json() == .array(free))
  }

  @Test func refusedRequestsLeaveTheirSlots() throws {
    let generator = ScriptedGenerator()
    generator.refuse(.queueFull(limit: 1), after: 1)
    let fixture = try ServerFixture(generator)
    #expect(try fixture.post("/completion", ["prompt": ["a", "b"]]).status == 429)
    generator.emit([.end(.cancelled)], to: 0)
    let slots = try #require(try fixture.get("/slots").json().arrayValue)
    #expect(slots.allSatisfy { $0["is_processing"] == false })
  }

  @Test func slotsCanBeHidden() throws {
    let fixture = try ServerFixture(ScriptedGenerator()) { $0.showsSlots = false }
    let response = try fixture.get("/slots")
    #expect(response.status == 501)
    #expect(try response.json()["error"]?["code"] == "not_supported")
    #expect(try fixture.get("/props").json()["endpoint_slots"] == false)
  }

  @Test func conversationsBecomePrompts() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let answer = try fixture.post("/apply-template", chatBody(["enable_thinking": false])).json()
    #expect(
      answer == [
        "prompt": "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
      ])
    // Sent to /completion, it is the chat's prompt.
    #expect(try fixture.post("/v1/chat/completions", chatBody(["enable_thinking": false])).status == 200)
    #expect(try fixture.post("/completion", answer).status == 200)
    #expect(generator.requests[0].promptTokens == generator.requests[1].promptTokens)
    let wrong = try fixture.post("/apply-template", ["messages": []])
    #expect(wrong.status == 400)
    #expect(try wrong.json()["error"]?["param"] == "messages")
  }

  @Test func textBecomesPieces() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let tokenizer = try ServerFixture.tokenizer()
    let ids = tokenizer.encode("hé<|im_end|>").map { JSONValue.int($0) }
    let plain = try fixture.post("/tokenize", ["content": "hé<|im_end|>", "add_special": true]).json()
    #expect(plain["tokens"] == .array(ids))
    let named = try fixture.post("/tokenize", ["content": "hé<|im_end|>", "with_pieces": true]).json()
    #expect(
      named["tokens"]?.arrayValue?.map { $0["piece"] } == ["h", [195], [169], "<|im_end|>"],
      "\(named)")
    let text = try fixture.post("/tokenize", ["content": "<|im_end|>", "parse_special": false]).json()
    #expect(try #require(text["count"]?.intValue) > 1)
    #expect(try fixture.post("/detokenize", ["tokens": .array(ids)]).json()["content"] == "hé<|im_end|>")
    let both = try fixture.post("/tokenize", ["content": "a", "prompt": "b"])
    #expect(both.status == 400)
    #expect(try both.json()["error"]?["param"] == "content")
    #expect(try fixture.post("/tokenize", ["content": 1]).status == 400)
  }

  @Test func whatIsMissingIsNamed() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    for (path, word) in [
      ("/infill", "filling"), ("/embedding", "embeddings"), ("/v1/embeddings", "embeddings"),
      ("/rerank", "reranking"), ("/v1/reranking", "reranking"), ("/lora-adapters", "adapters"),
      ("/slots/0", "slots"), ("/v1/responses/compact", "shortening conversations"),
      ("/v1/responses/resp_1/cancel", "cancelling responses"),
    ] {
      for response in [try fixture.post(path, "{}"), try fixture.get(path)] {
        #expect(response.status == 501 && response.header("x-should-retry") == "false", "\(path)")
        let error = try #require(try response.json()["error"])
        #expect(error["code"] == "not_supported" && error["message"]?.stringValue?.contains(word) == true)
      }
    }
  }

  @Test func optionsAndHeadsAreAnswered() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    for (path, allowed) in [
      ("*", "GET, HEAD, POST, DELETE, OPTIONS"),
      ("/", "GET, HEAD, OPTIONS"), ("/props", "GET, HEAD, OPTIONS"),
      ("/v1/completion/", "POST, OPTIONS"), ("/version", "GET, HEAD, OPTIONS"),
      ("/slots/", "GET, HEAD, OPTIONS"),
    ] {
      let response = try #require(exchangeOnce(port: fixture.port, "OPTIONS", path))
      #expect(response.status == 200 && response.header("Allow") == allowed, "\(path)")
    }
    for path in ["/", "/ping", "/version", "/props", "/slots", "/metrics", "/v1/models", "/v1/health/"] {
      let client = SocketClient(port: fixture.port)
      client.send(requestText("HEAD", path))
      #expect(client.readHead()?.status == 200, "\(path)")
      // No body follows: the next answer begins at once.
      client.send(requestText("GET", "/ping"))
      #expect(client.readResponse()?.status == 200, "\(path)")
    }
  }
}
