import Foundation
import QuireGeneration
import QuireJSON
import QuireServing
import Synchronization
import TestSupport
import Testing

/// Clients that leave, engines that fail, servers that stop.
@Suite(.timeLimit(.minutes(5)))
struct ServerLifeTests {
  private static let path = "/v1/chat/completions"

  @Test(arguments: [true, false])
  func aClientThatLeavesCancelsItsRequests(isStreamed: Bool) throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator)
    let client = SocketClient(port: fixture.port)
    let body = chatBody(["stream": .bool(isStreamed), "n": 2]).serialized()
    client.send(requestText("POST", Self.path, body: body))
    #expect(eventually { generator.requests.count == 2 })
    generator.emit([.text("some")], to: 0)
    if isStreamed { #expect(client.readUntil("\"some\"") != nil) }
    #expect(generator.cancelledCount == 0)
    client.close()
    #expect(eventually { generator.cancelledCount == 2 })
    // What still arrives goes nowhere and harms nothing.
    generator.emit([.text("more"), .end(.cancelled)], to: 0)
    #expect(try fixture.get("/health").status == 200)
  }

  @Test func eventsMayComeBeforeSubmissionReturns() throws {
    // The script of this generator runs inside `submit`.
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("early"), .end()] })
    let events = try fixture.stream(Self.path, chatBody(["stream": true, "n": 3]))
    #expect(events.count == 9)
    #expect(events[0]["choices"]?[0]?["delta"]?["role"] == "assistant")
  }

  @Test func aFullLineIsTemporary() throws {
    let generator = ScriptedGenerator()
    generator.refuse(.queueFull(limit: 3), after: 1)
    let fixture = try ServerFixture(generator)
    let response = try fixture.post(Self.path, chatBody(["n": 2]))
    #expect(response.status == 429)
    #expect(response.header("Retry-After") == "1")
    let error = try response.json()["error"]
    #expect(error?["message"] == .string(GenerationError.queueFull(limit: 3).description))
    #expect(error?["code"] == "queue_full")
    // All or none: the choice that was accepted is taken back.
    #expect(generator.cancelledCount == 1)
  }

  @Test func failuresOfTheEngineAreReported() throws {
    let generator = ScriptedGenerator { _ in [.text("so far"), .end(.failed("The cache is broken."))] }
    let fixture = try ServerFixture(generator)
    let response = try fixture.post(Self.path, chatBody())
    #expect(response.status == 500)
    #expect(try response.json()["error"]?["message"] == "The cache is broken.")
    #expect(try response.json()["error"]?["type"] == "server_error")
    let events = try fixture.stream(Self.path, chatBody(["stream": true]))
    #expect(events.last?["error"]?["message"] == "The cache is broken.")
    let stopped = try ServerFixture(ScriptedGenerator { _ in [.end(.cancelled)] })
    #expect(try stopped.post(Self.path, chatBody()).status == 503)
  }

  /// A client sends a request again after 429 and 500, which would not help here.
  @Test func whatCanNeverBeAnsweredIsTheClientsFault() throws {
    let contradiction = ScriptedGenerator { _ in [.end(.contradicted("expected a token; change it"))] }
    let response = try ServerFixture(contradiction).post(Self.path, chatBody())
    #expect(response.status == 400)
    #expect(try response.json()["error"]?["code"] == "invalid_constraint")
    let small = ScriptedGenerator(requestCountMaximum: 3) { _ in [.text("a"), .end()] }
    let fixture = try ServerFixture(small)
    let refused = try fixture.post(Self.path, chatBody(["n": 4]))
    #expect(refused.status == 400 && refused.header("Retry-After") == nil)
    #expect(try refused.json()["error"]?["code"] == "too_many_answers")
    #expect(small.requests.isEmpty)
    #expect(try fixture.post(Self.path, chatBody(["n": 3])).status == 200)
  }

  @Test func oneFailedChoiceEndsTheOthers() throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator)
    let client = SocketClient(port: fixture.port)
    client.send(requestText("POST", Self.path, body: chatBody(["n": 2]).serialized()))
    #expect(eventually { generator.requests.count == 2 })
    generator.emit([.end(.failed("No."))], to: 0)
    #expect(client.readResponse()?.status == 500)
    #expect(generator.cancelledCount >= 1)
  }

  @Test func drainingFinishesWhatRunsAndRefusesWhatComes() throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator)
    let running = SocketClient(port: fixture.port)
    running.send(requestText("POST", Self.path, body: chatBody(["stream": true]).serialized()))
    #expect(running.readHead()?.status == 200)
    let late = SocketClient(port: fixture.port)
    late.send(requestText("GET", "/health"))
    #expect(late.readResponse()?.status == 200)

    let server = fixture.server
    let isStopped = Atomic(false)
    let drain = Thread {
      server.drainAndStop(patience: .seconds(60))
      isStopped.store(true, ordering: .sequentiallyConsistent)
    }
    drain.start()
    #expect(
      eventually {
        late.send(requestText("GET", "/health"))
        return late.readResponse()?.status == 503
      })
    late.send(requestText("POST", Self.path, body: chatBody().serialized()))
    let refusal = try #require(late.readResponse())
    #expect(refusal.status == 503)
    #expect(refusal.header("Retry-After") == "5")
    #expect(isStopped.load(ordering: .sequentiallyConsistent) == false)

    generator.emit([.text("the end"), .end()], to: 0)
    #expect(running.readUntil("data: [DONE]\n\n")?.contains("the end") == true)
    #expect(running.readUntil("0\r\n\r\n") != nil)
    #expect(eventually { isStopped.load(ordering: .sequentiallyConsistent) })
    #expect(generator.cancelledCount == 0)
  }

  /// An answer that is larger than all buffers of its connection, whole but not read.
  private static func largeAnswer(isStreamed: Bool) throws -> (ServerFixture, SocketClient) {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator) { $0.http.backlogBytes = 64 << 20 }
    let client = SocketClient(port: fixture.port)
    client.send(requestText("POST", path, body: chatBody(["stream": .bool(isStreamed)]).serialized()))
    #expect(eventually { generator.requests.count == 1 })
    let text = String(repeating: "x", count: 64 << 10)
    generator.emit([GenerationEvent](repeating: .text(text), count: 400) + [.text("the end"), .end()], to: 0)
    usleep(200_000)
    #expect(fixture.server.unansweredCount == 1)
    return (fixture, client)
  }

  /// At c15a14a such a client held the server for 13 seconds longer than asked.
  @Test(arguments: [true, false])
  func aClientThatDoesNotReadHoldsNoStop(isStreamed: Bool) throws {
    let (fixture, client) = try Self.largeAnswer(isStreamed: isStreamed)
    let begin = ContinuousClock.now
    fixture.server.drainAndStop(patience: .milliseconds(50))
    #expect(begin.duration(to: .now) < .seconds(6))
    client.close()
  }

  @Test(arguments: [true, false])
  func aClientThatReadsGetsItsLastAnswer(isStreamed: Bool) throws {
    let (fixture, client) = try Self.largeAnswer(isStreamed: isStreamed)
    let server = fixture.server
    let drain = Thread { server.drainAndStop(patience: .zero) }
    drain.start()
    let response = try #require(client.readResponse())
    #expect(response.status == 200 && response.body.count > 400 * (64 << 10))
    #expect(response.text.contains("the end"))
    #expect(client.isClosedByServer(within: 10))
    #expect(eventually { drain.isFinished })
  }

  /// At c15a14a the log had no tokens of an answer that was cut off.
  @Test func theLogHasTheTokensOfACutAnswer() throws {
    let lines = Mutex<[String]>([])
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator, log: LineLog { line in lines.withLock { $0.append(line) } })
    let clients = [true, false].map { isStreamed in
      let client = SocketClient(port: fixture.port)
      let body = chatBody(["stream": .bool(isStreamed), "n": 2]).serialized()
      client.send(requestText("POST", Self.path, body: body))
      return client
    }
    #expect(eventually { generator.requests.count == 4 })
    let progress = PromptProgress(promptTokens: 9, cachedTokens: 4, computedTokens: 9, seconds: 0.1)
    for index in 0..<4 { generator.emit([.progress(progress), .text("a"), .text("b")], to: index) }
    // One is cut by its client, the other by the end of the server.
    clients[0].close()
    #expect(eventually { lines.withLock { $0.count == 1 } })
    fixture.server.drainAndStop(patience: .milliseconds(50))
    let written = lines.withLock { $0 }
    #expect(written.count == 2)
    #expect(
      written.allSatisfy { $0.contains(" cached 4 generated 4 ") && $0.hasSuffix("client left") },
      "\(written)")
  }

  /// Clients leave after the last event, so the end of the body must be there with it. At c15a14a it was not in one of 16.
  @Test(arguments: ["/v1/chat/completions", "/v1/completions"])
  func aStreamEndsWithItsLastEvent(path: String) throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a"), .text("b"), .end()] })
    let client = SocketClient(port: fixture.port)
    let members: JSONObject = ["stream": true]
    let body = path == Self.path ? chatBody(members) : completionBody("x", members)
    for _ in 0..<300 {
      client.send(requestText("POST", path, body: body.serialized()))
      try #require(client.readUntil("data: [DONE]\n\n") != nil)
      try #require(client.unread == "\r\n0\r\n\r\n")
      #expect(client.readUntil("0\r\n\r\n") != nil)
    }
  }

  @Test func drainingCutsOffWhatTakesTooLong() throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator)
    let clients = [true, false].map { isStreamed in
      let client = SocketClient(port: fixture.port)
      client.send(requestText("POST", Self.path, body: chatBody(["stream": .bool(isStreamed)]).serialized()))
      return client
    }
    #expect(eventually { generator.requests.count == 2 })
    fixture.server.drainAndStop(patience: .milliseconds(50))
    #expect(generator.cancelledCount >= 2)
    for client in clients { #expect(client.isClosedByServer(within: 10)) }
  }

  @Test func whatIsCutOffIsToldWhy() throws {
    let generator = ScriptedGenerator(endsCancelled: true)
    let fixture = try ServerFixture(generator)
    let bodies = [
      (Self.path, chatBody()), (Self.path, chatBody(["stream": true])),
      ("/v1/messages", MessagesReplyTests.body(["stream": true])),
      ("/v1/responses", ["input": "hi", "stream": true]),
    ]
    let clients = bodies.map { path, body in
      let client = SocketClient(port: fixture.port)
      client.send(requestText("POST", path, body: body.serialized()))
      return client
    }
    #expect(eventually { generator.requests.count == bodies.count })
    fixture.server.drainAndStop(patience: .milliseconds(50))
    let whole = try #require(clients[0].readResponse())
    #expect(whole.status == 503 && whole.header("Retry-After") == "5")
    for client in clients.dropFirst() {
      #expect(client.readUntil("found a server that is shutting down") != nil)
      #expect(client.readUntil("0\r\n\r\n") != nil)
    }
  }

  /// The client's departure is noticed within a write, on the generator's thread.
  @Test func aClientThatReadsNoStreamHarmsNobody() throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator) { $0.http.backlogBytes = 1 << 20 }
    let client = SocketClient(port: fixture.port)
    client.send(requestText("POST", Self.path, body: chatBody(["stream": true, "n": 2]).serialized()))
    #expect(eventually { generator.requests.count == 2 })
    let text = String(repeating: "x", count: 64 << 10)
    // Socket buffers take a few megabytes.
    for _ in 0..<1000 where generator.cancelledCount == 0 { generator.emit([.text(text)], to: 0) }
    #expect(generator.cancelledCount == 2)
    generator.emit([.text("more"), .end(.cancelled)], to: 0)
    generator.emit([.end(.cancelled)], to: 1)
    #expect(try fixture.get("/health").status == 200)
    client.close()
  }

  /// The last events of a response repeat its whole text several times.
  @Test func anEndThatIsTooLargeForASlowClientHarmsNobody() throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator) { $0.http.backlogBytes = 8 << 20 }
    let client = SocketClient(port: fixture.port)
    client.send(requestText("POST", "/v1/responses", body: #"{"input": "hi", "stream": true}"#))
    #expect(eventually { generator.requests.count == 1 })
    let text = String(repeating: "x", count: 64 << 10)
    for _ in 0..<100 { generator.emit([.text(text)], to: 0) }
    generator.emit([.end()], to: 0)
    #expect(try fixture.get("/health").status == 200)
    client.close()
  }

  @Test func optionsAreChecked() throws {
    #expect(
      throws: ServingError.invalidOption(
        name: "http.bodyBytes",
        sentence: "expected http.bodyBytes above 0 and at most 1e9, found 0.0; change it")
    ) { try ServerFixture(ScriptedGenerator()) { $0.http.bodyBytes = 0 } }
    #expect(
      throws: ServingError.invalidOption(
        name: "modelName", sentence: "expected a name of the model, found an empty one; correct it")
    ) { try ServerFixture(ScriptedGenerator()) { $0.modelName = "" } }
    let fixture = try ServerFixture(ScriptedGenerator())
    let port = fixture.port
    #expect(
      throws: ServingError.cannotListen(
        host: "127.0.0.1", port: port,
        sentence:
          "expected a free port, found port \(port) on 127.0.0.1 in use by another program; stop it or choose "
          + "another port")
    ) { try ServerFixture(ScriptedGenerator()) { $0.port = port } }
  }
}
