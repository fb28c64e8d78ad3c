import Foundation
import QuireJSON
import TestSupport
import Testing

/// `serve` as a process: its port, its answers, its end. The server's own tests know the API in detail.
@Suite struct ServeCommandTests {
  private static let path = "/v1/chat/completions"

  private static func request(_ content: String, _ members: [String: JSONValue] = [:]) -> JSONValue {
    var body = JSONObject()
    body["messages"] = [["role": "user", "content": .string(content)]]
    body["temperature"] = 0
    for (key, value) in members { body[key] = value }
    return .object(body)
  }

  @Test func answersLikeGenerateStreamedOrNot() throws {
    let question = "What is 2311+9744?"
    let server = try ServedProgram(Workplace.demo, ["--model-name", "demo"])
    for (mode, kwargs) in [("--thinking", JSONValue.bool(true)), ("--no-thinking", .bool(false))] {
      let alone = try json(
        BuiltProgram.quire.run(
          "generate", Workplace.demo, "--prompt", question, mode, "--temperature", "0", "--json"))
      let members: [String: JSONValue] = ["chat_template_kwargs": ["enable_thinking": kwargs]]
      let (status, whole) = try server.post(Self.path, Self.request(question, members))
      #expect(status == 200 && whole["model"] == "demo")
      let message = try #require(whole["choices"]?.arrayValue?.first?["message"])
      #expect(message["content"] == alone["content"])
      #expect((message["reasoning_content"]?.stringValue ?? "") == alone["reasoningContent"]?.stringValue)
      #expect(whole["usage"]?["completion_tokens"] == alone["completionTokens"])

      let streamed = Self.request(question, members.merging(["stream": true]) { $1 })
      let events = try server.open(Self.path, streamed).readEvents()
      #expect(events.last == "[DONE]" && events.count > 3)
      #expect(try joined("content", of: events) == alone["content"]?.stringValue)
      #expect(try joined("reasoning_content", of: events) == alone["reasoningContent"]?.stringValue)
    }
    let health = try #require(exchangeOnce(port: server.port, "GET", "/health"))
    #expect(health.status == 200)
    server.signal(SIGTERM)
    #expect(server.end() == 0)
    let told = try server.errors
    #expect(told.hasPrefix("serving demo at http://127.0.0.1:\(server.port)/v1\nchat page at http"))
    #expect(told.contains(/\nmodel: checkpoint, bf16, \S+ MB of weights, loaded in \S+ s\n/))
    #expect(
      told.contains(
        /\nchat format: qwen3 \(.*\)\ncontext: 1024 tokens; 16 slots, 256 more requests may wait\n/))
    #expect(told.contains(/\nKV cache: 16384 tokens, up to \S+ MB of float16\ncompute: 2 threads, \w+\n/))
    #expect(told.contains("\nAPI key: not required\n") && !told.contains("\noptions: "))
    // Once, and the bar of loading only on a terminal.
    #expect(told.components(separatedBy: "API key").count == 2 && !told.contains("loading"))
    #expect(told.contains(" POST /v1/chat/completions 200 prompt "))
    // The access log may write about the last request after that.
    #expect(told.contains("\nSIGTERM: finishing running requests; a second signal stops at once\n"))
  }

  @Test func thinkingHasADefaultAndALimit() throws {
    func ask(_ options: [String], _ members: [String: JSONValue] = [:]) throws -> JSONValue? {
      let server = try ServedProgram(Workplace.demo, options)
      let (status, answer) = try server.post(Self.path, Self.request("What is 2311+9744?", members))
      #expect(status == 200)
      return answer["choices"]?[0]?["message"]
    }
    #expect(try ask(["--thinking", "off"])?["reasoning_content"] == JSONValue.null)
    let closed = try ask(["--thinking", "6", "--thinking-close-message", "Enough."])
    #expect(closed?["reasoning_content"]?.stringValue?.hasSuffix("\n\nEnough.") == true)
    let own = try ask(["--thinking", "off"], ["thinking_token_budget": 500])
    #expect(own?["reasoning_content"]?.stringValue?.isEmpty == false && own?["content"] == "12055")
    for (option, part) in [
      (["--thinking", "maybe"], "--thinking: expected on, off or a number of tokens, found 'maybe'"),
      (["--answer-reserve", "-1"], "--answer-reserve: expected a whole number from 0 to "),
      (["--thinking-close-message", "x</think>"], "correct --thinking-close-message"),
    ] {
      let outcome = try BuiltProgram.quire.run(["serve", Workplace.demo, "--port", "0"] + option)
      #expect(outcome.status != 0 && outcome.errors.contains(part), "\(outcome.errors)")
    }
  }

  @Test func badRequestsGetASentence() throws {
    let place = Workplace()
    let server = try ServedProgram(place.pack())
    for (body, status, part) in [
      (JSONValue.object(JSONObject()), 400, "messages"),
      (Self.request("x", ["messages": []]), 400, "messages"),
      (Self.request("x", ["model": "gpt"]), 404, "gpt"),
      (Self.request("x", ["max_tokens": -2]), 400, "max_tokens"),
      (Self.request("x", ["temperature": "hot"]), 400, "temperature"),
      (Self.request(String(repeating: "all ", count: 3000)), 400, "1024"),
    ] {
      let (found, reply) = try server.post(Self.path, body)
      #expect(found == status)
      let sentence = try #require(reply["error"]?["message"]?.stringValue)
      #expect(sentence.contains(part) && !sentence.contains("\n"))
    }
    #expect(try server.post(Self.path, Self.request("x", ["max_tokens": 2])).status == 200)
  }

  @Test func aPortInUseIsRefused() throws {
    let place = Workplace()
    let pack = try place.pack()
    let server = try ServedProgram(pack)
    let outcome = try BuiltProgram.quire.run("serve", pack, "--port", "\(server.port)", "--quiet")
    expectRefusal(
      outcome, by: "serve",
      ["port \(server.port) on 127.0.0.1 in use by another program", "choose another port"])
    let address = try BuiltProgram.quire.run("serve", pack, "--port", "0", "--host", "192.0.2.1", "--quiet")
    expectRefusal(address, by: "serve", ["192.0.2.1"])
    let name = try BuiltProgram.quire.run("serve", pack, "--port", "0", "--host", "no host", "--quiet")
    expectRefusal(name, by: "serve", ["no host"])
  }

  /// At 1b236b5 an empty host listened on every network.
  @Test func anEmptyHostIsRefused() throws {
    let outcome = try BuiltProgram.quire.run("serve", Workplace.demo, "--port", "0", "--host", "")
    #expect(outcome.status == 2)
    expectOneSentence(
      outcome.errors, by: "serve", ["--host: expected an address or a name to listen on, found an empty one"])
    for option in [["--allow-origin", "example.org"], ["--allow-host", "a:80"]] {
      let outcome = try BuiltProgram.quire.run(["serve", Workplace.demo, "--port", "0"] + option)
      #expect(outcome.status == 2)
      expectOneSentence(outcome.errors, by: "serve", [option[0]])
    }
  }

  @Test func pagesAndNamesAreAllowedByOption() throws {
    let options = [
      "--allow-origin", "null", "--allow-origin", "https://a.example", "--allow-host", "b.example",
    ]
    let server = try ServedProgram(Workplace.demo, options)
    for (headers, status) in [
      (["Origin: null"], 200), (["Origin: https://a.example"], 200), (["Origin: https://c.example"], 403),
      ([], 200),
    ] {
      #expect(exchangeOnce(port: server.port, "GET", "/v1/models", headers: headers)?.status == status)
    }
    for (host, status) in [("b.example", 200), ("c.example", 403)] {
      let client = SocketClient(port: server.port)
      client.send("GET /health HTTP/1.1\r\nHost: \(host)\r\n\r\n")
      #expect(client.readResponse()?.status == status)
    }
  }

  @Test func aReportIsShownWithoutFolders() throws {
    let texts = TemporaryFolder()
    let report = #"""
      {"model": "/secret/demo", "reference": null, "rows": [{"step": "reference", "perplexity": 1.5}],
       "method": {"tasks": {"file": "/secret/tasks.jsonl", "problems": 3}, "text": null}}
      """#
    let path = texts.write(report.utf8, to: "report.json")
    let server = try ServedProgram(Workplace.demo, ["--report", path])
    let model = try JSONValue.parse(
      #require(exchangeOnce(port: server.port, "GET", "/quire/model")).body)
    #expect(model["report"]?["model"] == "demo" && model["report"]?["rows"]?[0]?["perplexity"] == 1.5)
    #expect(model["report"]?["method"]?["tasks"] == ["file": "tasks.jsonl", "problems": 3])
    #expect(model["kind"] == "checkpoint" && model["steps"] == [] && model["recipe"] == JSONValue.null)
    #expect(try #require(model["parameters"]?.intValue) > 5_000_000)
    #expect(exchangeOnce(port: server.port, "GET", "/")?.status == 200)
    #expect(try server.errors.contains("\nchat page at http://127.0.0.1:\(server.port)/\n"))
  }

  @Test func aReportThatIsNoneIsRefused() throws {
    let texts = TemporaryFolder()
    for (text, part) in [
      ("", "expected a report of an evaluation at"), ("[1]", "found"), ("{\"rows\": []}", "no list \"rows\""),
      ("{\"rows\": [{}]}", "no list \"rows\""), ("\u{0}", "expected a report of an evaluation at"),
    ] {
      let path = texts.write(text.utf8, to: "report.json")
      let outcome = try BuiltProgram.quire.run("serve", Workplace.demo, "--port", "0", "--report", path)
      expectRefusal(outcome, by: "serve", [part, "evaluate MODEL --json FILE"])
    }
    let missing = try BuiltProgram.quire.run("serve", Workplace.demo, "--report", texts.path + "/none.json")
    expectRefusal(missing, by: "serve", ["no such file"])
  }

  /// The model data of a pack includes the rows of its steps.
  @Test func aPackIsDescribedByItsManifest() throws {
    let place = Workplace()
    let server = try ServedProgram(place.pack())
    let model = try JSONValue.parse(
      #require(exchangeOnce(port: server.port, "GET", "/quire/model")).body)
    #expect(model["kind"] == "pack" && model["recipe"]?["name"] == "int8")
    #expect(model["steps"]?.arrayValue?.compactMap { $0["step"]?.stringValue }.last == "quantize")
  }

  @Test func quietServersSayNothing() throws {
    let server = try ServedProgram(Workplace.demo, ["--no-request-log"])
    #expect(exchangeOnce(port: server.port, "GET", "/health")?.status == 200)
    server.signal(SIGTERM)
    #expect(server.end() == 0)
    #expect(try !server.errors.contains("/health"))
  }

  @Test func aModelInACacheHasItsRepositoryName() throws {
    let place = Workplace()
    let folder = place.path + "/models--Tiny--Qwen3-0--x/snapshots/0123456789abcdef"
    try FileManager.default.createDirectory(
      atPath: (folder as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: place.checkpoint.path, toPath: folder)
    let server = try ServedProgram(folder + "/")
    let models = try #require(exchangeOnce(port: server.port, "GET", "/v1/models"))
    #expect(try JSONValue.parse(models.body)["data"]?[0]?["id"] == "Tiny/Qwen3-0--x")
  }

  /// With few descriptors (at 1b236b5 idle connections blocked a client for 40 seconds) it serves, and evicts.
  @Test func fewDescriptorsAreEnough() throws {
    let server = try ServedProgram(Workplace.demo, limit: "ulimit -n 32")
    let idle = (0..<64).map { _ in SocketClient(port: server.port) }
    let begin = ContinuousClock.now
    #expect(exchangeOnce(port: server.port, "GET", "/health")?.status == 200)
    let (status, _) = try server.post(Self.path, Self.request("hi", ["max_tokens": 3]))
    #expect(status == 200)
    #expect(begin.duration(to: .now) < .seconds(15))
    #expect(idle.count == 64)
  }

  /// Random weights rarely say that they are done: this runs to its limit.
  private static let endless = request("hello", ["max_tokens": 400, "stream": true])

  @Test(arguments: [SIGTERM, SIGINT])
  func aSignalLetsRunningRequestsEnd(_ number: Int32) throws {
    let place = Workplace()
    let server = try ServedProgram(place.pack(), ["--drain-seconds", "60"])
    let alone = try server.open(Self.path, Self.endless).readEvents()
    let client = try server.open(Self.path, Self.endless)
    let begin = try #require(client.readChunk())
    server.signal(number)
    let events = try client.readEvents(after: begin)
    #expect(events.last == "[DONE]")
    let texts = try ["content", "reasoning_content"].map {
      (try joined($0, of: events), try joined($0, of: alone))
    }
    #expect(texts.allSatisfy { $0.0 == $0.1 } && texts.contains { $0.0.count > 10 })
    #expect(server.end() == 0)
  }

  /// While running answers end, new requests are refused, on open connections too, and the exit code is 0.
  @Test func aServerThatEndsRefusesNewRequests() throws {
    var tiny = TinyCheckpoint()
    tiny.maximumPositions = 8192
    let place = Workplace(tiny)
    let server = try ServedProgram(place.pack(), ["--drain-seconds", "60"])
    let long = Self.request("hello", ["max_tokens": 2500, "stream": true, "ignore_eos": true])
    let clients = try (0..<3).map { _ in try server.open(Self.path, long) }
    let begins = try clients.map { try #require($0.readChunk()) }
    let waiting = SocketClient(port: server.port)
    server.signal(SIGTERM)
    #expect(eventually { (try? server.errors.contains("SIGTERM: ")) == true })
    waiting.send(requestText("GET", "/health"))
    let health = try #require(waiting.readResponse())
    #expect(health.status == 503 && health.text.contains("draining"))
    let (status, reply) = try server.post(Self.path, Self.request("new"))
    #expect(status == 503 && reply["error"]?["message"]?.stringValue?.isEmpty == false)
    for (client, begin) in zip(clients, begins) {
      #expect(try client.readEvents(after: begin).last == "[DONE]")
    }
    #expect(server.end() == 0)
  }

  @Test func tooLittleMemoryForKeysAndValuesIsRefusedWithWhatIsEnough() throws {
    var tiny = TinyCheckpoint()
    tiny.maximumPositions = 100_000
    let place = Workplace(tiny)
    let words = [place.checkpoint.path, "--port", "0", "--context", "90000"]
    let outcome = try BuiltProgram.quire.run(["serve"] + words + ["--kv-memory", "1"])
    expectUsageError(
      outcome, by: "serve",
      [
        "--kv-memory: expected at least ", " MiB, which a context of 90000 tokens needs in float16, found 1;",
        "give more, or a shorter --context, or --kv-cache int8",
      ])
    let least = try #require(
      outcome.errors.firstMatch(of: /at least (\d+) MiB/).flatMap { Int($0.1) }, "\(outcome.errors)")
    let below = try BuiltProgram.quire.run(["serve"] + words + ["--kv-memory", "\(least - 1)"])
    #expect(below.status == 2 && below.errors.contains("at least \(least) MiB"))
    let server = try ServedProgram(words: words + ["--kv-memory", "\(least)"])
    #expect(try server.errors.contains(/\nKV cache: 9\d{4} tokens, up to \S/))
    let budget = try BuiltProgram.quire.run("serve", "m", "--token-budget", "8")
    #expect(budget.status == 2)
    #expect(
      budget.errors.contains("--token-budget: expected at least one token for each of the 16 slots, found 8"))
  }

  @Test func aTerminalShowsTheLoading() throws {
    let place = Workplace()
    for model in [place.checkpoint.path, try place.pack()] {
      for quiet in [[], ["--quiet"]] {
        let session = try #require(TerminalSession(["serve", model, "--port", "0"] + quiet))
        if quiet.isEmpty {
          #expect(session.wait(for: "API key: not required\n"))
          // The bar is removed before the summary.
          #expect(session.transcript.contains(/\r\u{1b}\[Kloading [^\n]*%[^\n]*\r\u{1b}\[Kserving \S/))
        } else {
          Thread.sleep(forTimeInterval: 1)
        }
        session.signal(SIGTERM)
        let status = session.finish(seconds: 30)
        #expect(status == 0 || (!quiet.isEmpty && status == 128 + SIGTERM))
        if !quiet.isEmpty { #expect(!session.transcript.contains("loading")) }
      }
    }
  }

  @Test func patienceHasAnEnd() throws {
    // So many tokens take longer than a test waits.
    var tiny = TinyCheckpoint()
    tiny.maximumPositions = 200_000
    let place = Workplace(tiny)
    let endless = Self.request("hello", ["max_tokens": 150_000, "ignore_eos": true, "stream": true])
    let context = ["--context", "160000"]
    let hurried = try ServedProgram(place.checkpoint.path, context + ["--drain-seconds", "0"])
    let client = try hurried.open(Self.path, endless)
    _ = try #require(client.readChunk())
    hurried.signal(SIGTERM)
    #expect(hurried.end(within: 30) == 0)
    #expect(try client.readEvents().contains { $0.contains("a server that is shutting down") })
    // Patience that outlasts the test, however busy the machine is.
    let server = try ServedProgram(place.checkpoint.path, context + ["--drain-seconds", "600"])
    let other = try server.open(Self.path, endless)
    _ = try #require(other.readChunk())
    server.signal(SIGTERM)
    _ = eventually { (try? server.errors.contains("SIGTERM: ")) == true }
    server.signal(SIGINT)
    // As shells count: 128 and the signal's number.
    #expect(server.end(within: 30) == 128 + SIGINT)
    // Read here, so that the connection is open until now: a closed one ends the request, and so the patience.
    #expect((try? other.readEvents().last) != "[DONE]")
  }
}
