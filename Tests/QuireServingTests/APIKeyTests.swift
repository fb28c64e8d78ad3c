import QuireJSON
import QuireServing
import Synchronization
import TestSupport
import Testing

/// A server with keys answers only those who present one.
@Suite(.timeLimit(.minutes(5)))
struct APIKeyTests {
  private static func fixture(log: LineLog? = nil) throws -> ServerFixture {
    try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] }, log: log) {
      $0.apiKeys = ["sk-first", "sk-second-and-longer"]
      $0.http.loggedBytes = 100
    }
  }

  static let accepted = [
    "Authorization: Bearer sk-first", "Authorization: bearer sk-second-and-longer",
    "AUTHORIZATION: Bearer  sk-first", "x-api-key: sk-first", "X-API-Key: sk-second-and-longer",
  ]
  static let refused = [
    "Authorization: Bearer", "Authorization: Bearer sk-firs", "Authorization: Bearer sk-firstx",
    "Authorization: Bearer sk-first sk-first", "Authorization: Basic sk-first", "Authorization: sk-first",
    "Authorization: Bearer sk-firstsk-first", "Authorization: Bearer SK-FIRST", "x-api-key: Bearer sk-first",
    "x-api-key:", "api-key: sk-first", "Cookie: key=sk-first",
  ]

  @Test func requestsNeedOneOfTheKeys() throws {
    let fixture = try Self.fixture()
    for header in Self.accepted {
      #expect(try fixture.get("/v1/models", headers: [header]).status == 200, "\(header)")
      let answer = try fixture.post("/v1/chat/completions", chatBody(), headers: [header])
      #expect(answer.status == 200, "\(header)")
    }
    for header in Self.refused {
      let response = try fixture.get("/v1/models", headers: [header])
      #expect(response.status == 401, "\(header)")
      #expect(response.header("WWW-Authenticate") == "Bearer")
      let error = try #require(try response.json()["error"])
      #expect(error["code"] == "invalid_api_key" && error["type"] == "authentication_error")
      #expect(error["message"]?.stringValue?.contains("sk-f") == false)
    }
    // A wrong key next to a right one does no harm.
    let both = ["Authorization: Bearer not-this", "x-api-key: sk-first"]
    #expect(try fixture.get("/metrics", headers: both).status == 200)
  }

  @Test func onlyThePageAndTheHealthAreOpen() throws {
    let fixture = try Self.fixture()
    for path in ["/", "/health", "/health/", "/v1/health", "/ping"] {
      #expect(try fixture.get(path).status == 200, "\(path)")
    }
    for path in [
      "/metrics", "/quire/model", "/models", "/v1/models", "/v1/models/tiny/qwen3", "/slots", "/props",
      "/version", "/tokenizer_info", "/nowhere", "/health/x", "//health",
    ] {
      #expect(try fixture.get(path).status == 401, "\(path)")
    }
    for path in ["/completion", "/v1/completions", "/tokenize", "/detokenize", "/apply-template"] {
      #expect(try fixture.post(path, "{}").status == 401, "\(path)")
    }
  }

  /// Browsers send no key with the question that comes before a request.
  @Test func browsersAskWithoutAKey() throws {
    let fixture = try Self.fixture()
    let page = ["Origin: http://localhost:3000"]
    let preflight = try #require(
      exchangeOnce(port: fixture.port, "OPTIONS", "/v1/chat/completions", headers: page))
    #expect(preflight.status == 200)
    #expect(preflight.header("Access-Control-Allow-Origin") == "http://localhost:3000")
    let refused = try fixture.get("/v1/models", headers: page)
    #expect(refused.status == 401)
    #expect(refused.header("Access-Control-Allow-Origin") == "http://localhost:3000")
  }

  @Test func keysAreNeverLogged() throws {
    let lines = Mutex<[String]>([])
    let fixture = try Self.fixture(log: LineLog { line in lines.withLock { $0.append(line) } })
    for header in Self.accepted + Self.refused {
      _ = try fixture.post("/v1/completions", completionBody(), headers: [header])
    }
    fixture.server.drainAndStop(patience: .seconds(5))
    let written = lines.withLock { $0 }
    #expect(written.count >= Self.accepted.count + Self.refused.count)
    for line in written { #expect(!line.contains("sk-f") && !line.contains("sk-s"), "\(line)") }
  }

  @Test(arguments: ["", "a b", "ü", "a\n", String(repeating: "x", count: 1025)])
  func unusableKeysAreRefused(key: String) throws {
    var options = ServerOptions(modelName: "x")
    options.apiKeys = ["good", key]
    #expect {
      try options.check()
    } throws: { error in
      guard case .invalidOption(let name, let sentence) = error as? ServingError else { return false }
      return name == "apiKeys" && (key.count < 2 || !sentence.contains(key))
    }
  }
}
