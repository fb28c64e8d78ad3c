import QuireJSON
import QuireServing
import Synchronization
import TestSupport
import Testing

/// Bodies in the log, and what clients sent in messages.
@Suite(.timeLimit(.minutes(5)))
struct LoggedBodyTests {
  @Test func bodiesAreLoggedWhenAskedFor() throws {
    let lines = Mutex<[String]>([])
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in [.text("an\u{1b}swer"), .end()] },
      log: LineLog { line in lines.withLock { $0.append(line) } }
    ) { $0.http.loggedBytes = 90 }
    let id = ["X-Request-Id: mine"]
    _ = try fixture.post("/v1/completions", ["prompt": "qué\nstion"], headers: id)
    _ = try fixture.post("/completion", ["prompt": "x", "stream": true], headers: id)
    _ = try fixture.get("/v1/models", headers: id)
    fixture.server.drainAndStop(patience: .seconds(5))
    let written = lines.withLock { $0 }
    #expect(written.count == 7)
    #expect(written.allSatisfy { $0.contains(" mine ") && !$0.contains("\u{1b}") && !$0.contains("\n") })
    #expect(written[1].hasSuffix(#" mine request 24 bytes: {"prompt":"qué\nstion"}"#), "\(written[1])")
    #expect(written[2].contains(" mine answer ") && written[2].hasSuffix("…"))
    #expect(written[5].contains(#" bytes: data: {"index":0,"content":"an\u001bswer""#), "\(written[5])")
  }

  @Test func quotesAreShownAsTheyAre() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    func message(_ members: JSONObject) throws -> String {
      try #require(
        try fixture.post("/v1/completions", completionBody("x", members)).json()["error"]?["message"]?
          .stringValue)
    }
    #expect(try message(["seed": "say \"hi\""]).contains(#"found 'say "hi"'; "#))
    #expect(try message(["seed": "it's"]).contains(#"found "it's"; "#))
    #expect(try message(["seed": "\\d\n"]).contains(#"found "\d\n"; "#))
    #expect(try message(["seed": "it's \"so\""]).contains(#"found "it's "so""; "#))
  }

  @Test func lengthsAreShownAsTheyWereSent() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    for (digits, shown) in [
      ("9223372036854775808", "9223372036854775808"),
      ("0099999999999999999999999", "99999999999999999999999"),
      (String(repeating: "7", count: 60), String(repeating: "7", count: 40) + "…"),
    ] {
      let client = SocketClient(port: fixture.port)
      client.send("POST /completion HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(digits)\r\n\r\n")
      let response = try #require(client.readResponse())
      #expect(response.status == 413)
      #expect(
        try response.json()["error"]?["message"]
          == .string("expected a request body of at most 8388608 bytes, found \(shown); send a shorter one"))
    }
  }

  @Test func messagesAreCounted() throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 1 << 20) { _ in [.end()] })
    let message: JSONValue = ["role": "user", "content": ""]
    let body: JSONValue = ["messages": .array([JSONValue](repeating: message, count: 16_385))]
    let error = try #require(try fixture.post("/tokenize", body).json()["error"])
    #expect(error["message"] == "messages: expected at most 16384 messages, found 16385; send fewer")
  }
}
