import Foundation
import QuireJSON
import QuireRemote
import TestSupport
import Testing

/// The client of servers: what it sends, what it accepts and what it refuses.
@Suite struct RemoteServerTests {
  private func ask(
    _ server: ScriptedServer, key: String? = nil, seconds: Int = 20, body: JSONValue? = ["a": 1]
  ) throws -> JSONValue {
    let address = try RemoteAddress("http://127.0.0.1:\(server.port)")
    return try RemoteServer(address, key: key, seconds: seconds).send(
      body, to: "completions", over: RemoteConnection())
  }

  private func failure(_ server: ScriptedServer, seconds: Int = 20) -> RemoteError? {
    do {
      _ = try ask(server, seconds: seconds)
      return nil
    } catch {
      return error as? RemoteError
    }
  }

  @Test func aRequestHasItsBodyAndKey() throws {
    let server = ScriptedServer { .json(200, "{\"of\": \($0.body.isEmpty ? "null" : $0.body)}") }
    #expect(try ask(server, key: "secret") == ["of": ["a": 1]])
    #expect(try ask(server, body: nil) == ["of": .null])
    let seen = server.requests
    #expect(seen.map(\.line) == ["POST /v1/completions", "GET /v1/completions"])
    #expect(seen[0].headers["authorization"] == "Bearer secret" && seen[1].headers["authorization"] == nil)
    #expect(seen[0].headers["content-type"] == "application/json" && seen[0].headers["expect"] == nil)
  }

  @Test func chunkedAndLargeBodiesAreWhole() throws {
    let text = String(repeating: "x", count: 3 << 20)
    let server = ScriptedServer { _ in
      let json = "{\"text\": \"\(text)\"}"
      let half = json.utf8.count / 2
      let parts = [json.prefix(half), json.dropFirst(half)]
      let chunks = parts.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }.joined()
      return .raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n", closes: false)
    }
    #expect(try ask(server)["text"]?.stringValue?.utf8.count == 3 << 20)
  }

  @Test func aBusyServerIsAskedAgain() throws {
    let server = ScriptedServer {
      switch $0.number {
      case 0: .json(429, "{}", headers: ["Retry-After: 0"])
      case 1: .json(503, "busy")
      default: .json(200, "{}")
      }
    }
    #expect(try ask(server) == [:])
    #expect(server.requests.count == 3)
    // Whoever asks for hours is not waited for.
    let closed = ScriptedServer { _ in
      .json(429, "{\"error\": {\"message\": \"quota\"}}", headers: ["Retry-After: 90000"])
    }
    let found = try #require(failure(closed))
    guard case .refused(_, 429, "quota") = found else {
      Issue.record("\(found)")
      return
    }
    #expect(closed.requests.count == 1 && found.refusal == nil)
  }

  @Test func aRefusalHasTheServersSentence() throws {
    for (body, sentence) in [
      ("{\"error\": {\"message\": \"no such\\nfield.\"}}", "no such field"),
      ("{\"detail\": \"none\"}", "none"),
      ("<p>\u{1b}[31mgone", "<p> [31mgone"), ("", ""),
    ] {
      let found = failure(ScriptedServer { _ in .json(400, body) })
      #expect(found?.refusal?.status == 400 && found?.refusal?.message == sentence)
    }
    let denied = try #require(failure(ScriptedServer { _ in .json(401, "{}") }))
    #expect(denied.refusal == nil && denied.description.contains("--server-key-file"))
  }

  /// Whatever a server repeats, the key is in no message and no answer.
  @Test func theKeyIsMasked() throws {
    let key = "sk-secret/key\"1"
    func sentence(_ status: Int, _ body: String) -> String {
      do {
        return try ask(ScriptedServer { _ in .json(status, body) }, key: key).serialized()
      } catch {
        return "\(error)"
      }
    }
    let quoted = JSONValue.string(key).serialized()
    let escaped = quoted.replacing("/", with: "\\/").replacing("s", with: "\\u0073")
    for body in [
      "{\"error\": {\"message\": \(quoted)}}", "{\"error\": {\"message\": \(escaped)}}", "Bearer \(key)",
      String(repeating: " ", count: 2000) + String(repeating: "x", count: 290) + key,
      "{\(quoted): 1, \(quoted): 2}",
    ] {
      for status in [200, 401] {
        let found = sentence(status, body)
        #expect(!found.contains("secret") && !found.contains("sk-"), "\(found)")
      }
    }
    #expect(sentence(200, "{\(quoted): [\(escaped)]}") == #"{"[key]":["[key]"]}"#)
    // A key that is an ordinary word does not change an answer.
    let server = ScriptedServer { _ in .json(200, #"{"content": "EMPTY"}"#) }
    #expect(try ask(server, key: "EMPTY") == ["content": "EMPTY"])
    let refused = ScriptedServer { _ in .json(401, #"{"detail": "bad key EMPTY"}"#) }
    let error = #expect(throws: RemoteError.self) { try ask(refused, key: "EMPTY") }
    #expect(error?.description.contains("bad key [key]") == true)
  }

  /// The key would go with it.
  @Test func aRedirectionIsNotFollowed() throws {
    let other = ScriptedServer { _ in .json(200, "{}") }
    let port = other.port
    let server = ScriptedServer { _ in
      .json(307, "", headers: ["Location: http://127.0.0.1:\(port)/v1/completions"])
    }
    let found = try #require(failure(server))
    #expect(other.requests.isEmpty && found.description.contains("status 307"))
  }

  @Test func whatIsNoAnswerIsRefused() throws {
    func sentence(_ reply: ScriptedServer.Reply, seconds: Int = 20) throws -> String {
      try #require(failure(ScriptedServer { _ in reply }, seconds: seconds)).description
    }
    #expect(try sentence(.json(200, "<html>")).contains("expected a JSON answer"))
    #expect(
      try sentence(.json(200, String(repeating: "[", count: 100_000))).contains("expected a JSON answer"))
    #expect(
      try sentence(.raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", closes: true))
        .contains("expected an answer from"))
    #expect(try sentence(.raw("nonsense\r\n\r\n", closes: true)).contains("start the server or correct"))
    #expect(
      try sentence(.raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{", closes: false), seconds: 1)
        .contains("within 1 s"))
    let endless = String(repeating: " ", count: RemoteConnection.answerLimit + 1)
    #expect(try sentence(.json(200, endless)).contains("at most 64 MiB"))
  }

  @Test func aServerThatIsNotThereIsNamed() throws {
    let server = ScriptedServer { _ in .json(200, "{}") }
    server.stop()
    let found = try #require(failure(server))
    #expect(found.description.contains("127.0.0.1:\(server.port)/v1/completions"))
    #expect(found.description.contains("start the server"))
  }

  @Test func addressesAreChecked() throws {
    #expect(try RemoteAddress("http://a:8080").text == "http://a:8080/v1")
    #expect(try RemoteAddress("HTTPS://a.example/api/v1/").text == "https://a.example/api/v1")
    #expect(try RemoteAddress("http://a/").host == "a")
    #expect(try RemoteAddress("http://[::1]:80").isLocal && !RemoteAddress("http://10.0.0.1").isLocal)
    #expect(try RemoteAddress("http://10.0.0.1").exposesKey && !RemoteAddress("https://a").exposesKey)
    for text in [
      "", "a:80", "ftp://a", "http://", "http://:80", "http://u:p@a", "http://a?x", "http://a b", "http://ü",
    ] {
      #expect(throws: RemoteError.self, "\(text)") { try RemoteAddress(text) }
    }
    do {
      _ = try RemoteAddress("http://user:secret@a")
    } catch {
      #expect(!error.description.contains("secret"))
    }
    #expect(throws: RemoteError.key) { try RemoteServer(RemoteAddress("http://a"), key: "a\r\nb: c") }
  }

  @Test func theTimeToWaitIsRead() {
    let now = Date(timeIntervalSince1970: 784_111_770)
    #expect(RemoteRetries.seconds("12", now: now) == 12)
    #expect(RemoteRetries.seconds("Sun, 06 Nov 1994 08:49:37 GMT", now: now) == 7)
    #expect(RemoteRetries.seconds("Sun, 06 Nov 1994 08:49:07 GMT", now: now) == 0)
    for text in ["", "-1", "soon", "1.5"] { #expect(RemoteRetries.seconds(text, now: now) == nil) }
  }
}

/// Requests that run together.
@Suite struct RemotePoolTests {
  private struct Failed: Error { let error: RemoteError }

  @Test func everyJobIsDoneOnce() throws {
    let server = ScriptedServer { .json(200, $0.body) }
    let remote = try RemoteServer(RemoteAddress("http://127.0.0.1:\(server.port)"))
    var found: [Int: JSONValue] = [:]
    try RemotePool(remote, width: 4).run(
      50,
      { index, connection throws(RemoteError) in try remote.send(.int(index), to: "x", over: connection) },
      failure: Failed.init, onFinished: { index, value throws(Failed) in found[index] = value })
    #expect(found == Dictionary(uniqueKeysWithValues: (0..<50).map { ($0, JSONValue.int($0)) }))
  }

  /// Those that run are ended, although their server would answer in an hour.
  @Test func theFirstFailureEndsTheOthers() throws {
    let server = ScriptedServer {
      if $0.body == "3" { return .json(400, "no") }
      sleep(60)
      return .json(200, "{}")
    }
    let remote = try RemoteServer(RemoteAddress("http://127.0.0.1:\(server.port)"))
    let start = ContinuousClock.now
    #expect(throws: Failed.self) {
      try RemotePool(remote, width: 8).run(
        20,
        { index, connection throws(RemoteError) in try remote.send(.int(index), to: "x", over: connection) },
        failure: Failed.init, onFinished: { _, _ throws(Failed) in })
    }
    #expect(ContinuousClock.now - start < .seconds(30))
  }
}
