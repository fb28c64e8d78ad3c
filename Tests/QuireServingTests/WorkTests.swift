import Foundation
import QuireJSON
import QuireServing
import Synchronization
import TestSupport
import Testing

/// Slow requests and those that must not wait for them.
@Suite(.timeLimit(.minutes(5)))
struct WorkTests {
  /// At 1b236b5 six large bodies kept `/health` waiting for more than half a minute.
  @Test func healthAnswersWhileLargeBodiesAreWorkedOn() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
    let body = JSONValue.object(["prompt": .string(String(repeating: "word ", count: 400_000))]).serialized()
    let slow = (0..<6).map { _ in
      let client = SocketClient(port: fixture.port)
      client.send(requestText("POST", "/tokenize", body: body))
      return client
    }
    var slowest = Duration.zero
    for path in ["/health", "/metrics", "/v1/models", "/health"] {
      let begin = ContinuousClock.now
      #expect(try fixture.get(path).status == 200)
      slowest = max(slowest, begin.duration(to: .now))
    }
    // Small requests have threads of their own, too.
    let begin = ContinuousClock.now
    #expect(try fixture.post("/v1/chat/completions", chatBody()).status == 200)
    slowest = max(slowest, begin.duration(to: .now))
    let all = ContinuousClock.now
    for client in slow { #expect(client.readResponse()?.status == 200) }
    // What counts is that nobody waited for the six; the machine that tests may be busy.
    #expect(slowest < max(.seconds(1), all.duration(to: .now) / 3))
  }

  @Test func textToTokenizeHasALimit() throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 512))
    let long = String(repeating: "x", count: 2_097_153)
    let bodies: [(String, String, JSONValue)] = [
      ("/tokenize", "prompt", ["prompt": .string(long)]),
      ("/v1/completions", "prompt", completionBody(.string(long))),
      ("/v1/completions", "prompt", completionBody([.string(String(long.dropFirst())), "xy"])),
      ("/v1/chat/completions", "messages", chatBody(text: long)),
      ("/tokenize", "messages", chatBody(text: long)),
    ]
    for (path, field, body) in bodies {
      let response = try fixture.post(path, body)
      #expect(response.status == 400)
      let error = try #require(try response.json()["error"])
      #expect(error["param"] == .string(field) && error["code"] == "context_length_exceeded")
      #expect(
        error["message"]?.stringValue?.hasPrefix(
          "\(field): expected at most 2097152 bytes of text for a context of 512 tokens, found 2097") == true)
    }
    #expect(try fixture.post("/tokenize", ["prompt": .string(String(long.dropFirst()))]).status == 200)
  }

  // MARK: Request ids and the log

  @Test func requestsHaveNamesAndLines() throws {
    let lines = Mutex<[String]>([])
    let log = LineLog { line in lines.withLock { $0.append(line) } }
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in [.text("secret"), .end(prompt: 7, completion: 3)] }, log: log)
    let path = "/v1/chat/completions"
    let given = try fixture.post(
      path, chatBody(["n": 2], text: "private"), headers: ["X-Request-Id: my.id-1_2:3"])
    #expect(given.header("X-Request-Id") == "my.id-1_2:3")
    let fresh = try #require(try fixture.get("/health").header("X-Request-Id"))
    #expect(fresh.wholeMatch(of: /req-[0-9a-f]{24}/) != nil)
    for harmful in ["", "a b", "<script>", "x\u{7f}", "ünï", String(repeating: "x", count: 129), "a;b"] {
      let response = try fixture.get("/nowhere", headers: ["X-Request-Id: \(harmful)"])
      guard response.status == 404 else { continue }
      #expect(try #require(response.header("X-Request-Id")).hasPrefix("req-"))
    }
    let stream = SocketClient(port: fixture.port)
    stream.send(requestText("POST", path, body: chatBody(["stream": true]).serialized()))
    #expect(stream.readHead()?.header("X-Request-Id")?.hasPrefix("req-") == true)
    let broken = SocketClient(port: fixture.port)
    broken.send("GET /\u{1b}[31m HTTP/1.1\r\n\r\n")
    #expect(broken.readResponse()?.header("X-Request-Id")?.hasPrefix("req-") == true)
    _ = try fixture.get("/" + String(repeating: "a", count: 5000))

    fixture.server.drainAndStop(patience: .seconds(5))
    let written = lines.withLock { $0 }
    let pattern =
      /20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ \S+ \S+ \d{3}( prompt \d+ cached \d+ generated \d+)? \d+\.\d{3} s( client left)?/
    for line in written {
      #expect(line.wholeMatch(of: pattern) != nil, "\(line)")
      #expect(line.utf8.count < 400 && !line.contains("private") && !line.contains("secret"))
    }
    let first = try #require(written.first)
    #expect(first.contains(" my.id-1_2:3 POST /v1/chat/completions 200 prompt "))
    #expect(first.contains(" cached 0 generated 6 "))
    #expect(written.contains { $0.contains(" - - 400 ") })
    #expect(written.contains { $0.contains(" GET /health 200 ") })
    #expect(written.count >= 6)
  }
}
