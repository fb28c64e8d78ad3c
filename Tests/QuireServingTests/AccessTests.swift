import Foundation
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// Which pages and which names the server answers.
@Suite(.timeLimit(.minutes(5)))
struct AccessTests {
  private static let path = "/v1/chat/completions"

  private static func fixture(
    _ adjust: (inout ServerOptions) -> Void = { _ in }
  ) throws -> ServerFixture {
    try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] }, adjust)
  }

  /// The host name of this machine as the system has it.
  private static let machineName = ProcessInfo.processInfo.hostName

  // MARK: Origins

  @Test func pagesOfThisMachineAndAllowedOnesAreServed() throws {
    let fixture = try Self.fixture {
      $0.allowedOrigins = [
        "https://chat.example.org", "null", "app://obsidian.md", "vscode-webview://*",
        "https://*.team.example",
        "tauri://localhost", "http://192.168.1.20:3000/",
      ]
    }
    for origin in [
      "http://localhost:3000", "http://app.localhost", "http://127.0.0.1", "http://127.1.2.3:5",
      "https://[::1]:8443", "https://chat.example.org", "HTTPS://chat.example.org", "null",
      "app://obsidian.md",
      "vscode-webview://1aq6vq", "https://a.b.team.example", "tauri://localhost", "http://192.168.1.20:3000",
    ] {
      let response = try fixture.post(Self.path, chatBody(["stream": true]), headers: ["Origin: \(origin)"])
      #expect(response.status == 200, "\(origin)")
      #expect(response.header("Access-Control-Allow-Origin") == origin)
      #expect(response.header("Vary") == "Origin")
    }
  }

  /// A page on the server's own address or name, as other machines see it.
  @Test func pagesOfTheRequestedHostAreServed() throws {
    let fixture = try Self.fixture()
    for host in ["192.168.1.5:8080", "[fe80::1]", Self.machineName] {
      let client = SocketClient(port: fixture.port)
      let page = host.hasPrefix("192") ? "192.168.1.5:3000" : host
      client.send("GET /health HTTP/1.1\r\nHost: \(host)\r\nOrigin: http://\(page)\r\n\r\n")
      let response = try #require(client.readResponse())
      #expect(response.status == 200, "\(host)")
      #expect(response.header("Access-Control-Allow-Origin") == "http://\(page)")
    }
    #expect(try fixture.get("/health", headers: ["Origin: http://\(Self.machineName):3000"]).status == 200)
  }

  @Test func otherPagesAreRefusedWithTheWayOut() throws {
    let fixture = try Self.fixture {
      $0.allowedOrigins = ["https://chat.example.org", "https://*.team.example"]
    }
    for origin in [
      "http://evil.example", "http://localhost.evil.example", "https://chat.example.org:1", "null", "",
      "http://evil.example/?x=://localhost", "ftp://localhost", "http://localhost:٣",
      "http://127.0.0.1.evil.example",
      "https://team.example", "https://evil.example/.team.example", "http://localhost:80:80",
      "http://192.168.1.5",
      "http://[::1", "http://localhost\u{0b}", "vscode-webview://x", String(repeating: "x", count: 10_000),
    ] {
      let response = try fixture.post(Self.path, chatBody(), headers: ["Origin: \(origin)"])
      #expect(response.status == 403 || response.status == 400, "\(origin)")
      #expect(response.header("Access-Control-Allow-Origin") == nil)
      guard response.status == 403 else { continue }
      let question = try #require(
        exchangeOnce(port: fixture.port, "OPTIONS", Self.path, headers: ["Origin: \(origin)"]))
      #expect(question.status == 200 && !question.headers.contains { $0.name.hasPrefix("access-control") })
      let message = try #require(try response.json()["error"]?["message"]?.stringValue)
      #expect(message.contains("start the server with --allow-origin"), "\(message)")
      #expect(message.utf8.count < 400)
    }
    let two = try fixture.get("/health", headers: ["Origin: http://localhost", "Origin: http://localhost"])
    #expect(two.status == 403)
  }

  /// Without these headers a page learns nothing of the refusal. At 4a87550 all of these lacked them.
  @Test func refusalsBeforeTheWholeRequestCanBeRead() throws {
    let fixture = try Self.fixture {
      $0.http.bodyBytes = 1000
      $0.http.allBodiesBytes = 500
    }
    let head = "POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\n"
    let cases: [(String, Int)] = [
      ("Content-Length: 900000000\r\n\r\n", 413),
      ("Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", 413),
      ("Content-Length: 1001\r\n\r\n" + String(repeating: "x", count: 1001), 413),
      ("Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413),
      ("Content-Length: 900\r\n\r\n" + String(repeating: "x", count: 900), 503),
      ("Transfer-Encoding: chunked\r\n\r\nx\r\n", 400), ("Content-Length: x\r\n\r\n", 400),
      ("bad header\r\n\r\n", 400), ("Transfer-Encoding: gzip\r\n\r\n", 501), ("Expect: x\r\n\r\n", 417),
      (String(repeating: "X-Y: z\r\n", count: 300) + "\r\n", 431),
      ("X-Y: \(String(repeating: "z", count: 40_000))\r\n\r\n", 431),
    ]
    for (rest, status) in cases {
      let client = SocketClient(port: fixture.port)
      client.send(head + rest)
      let response = try #require(client.readResponse(), "\(rest.prefix(40))")
      #expect(response.status == status, "\(rest.prefix(40))")
      let origins = response.headers.filter { $0.name == "access-control-allow-origin" }.map(\.value)
      #expect(origins == ["http://localhost:3000"], "\(rest.prefix(40))")
      #expect(response.header("Vary") == "Origin")
    }
    // Neither a page of another machine nor one that made its name this machine's.
    for (host, origin) in [("localhost", "http://evil.example"), ("evil.example", "http://evil.example")] {
      let client = SocketClient(port: fixture.port)
      client.send(
        "POST \(Self.path) HTTP/1.1\r\nHost: \(host)\r\nOrigin: \(origin)\r\nContent-Length: 900000000\r\n\r\n"
      )
      let response = try #require(client.readResponse())
      #expect(response.status == 413 && response.header("Access-Control-Allow-Origin") == nil)
    }
  }

  @Test func aStarAllowsEveryPage() throws {
    let fixture = try Self.fixture { $0.allowedOrigins = ["*"] }
    for origin in ["http://evil.example", "null", "", "x\u{0b}y", "naïve://ünicode"] {
      let response = try fixture.get("/health", headers: ["Origin: \(origin)"])
      #expect(response.status == 200 || response.status == 400)
      if response.status == 200 { #expect(response.header("Access-Control-Allow-Origin") == "*") }
    }
  }

  /// At 1b236b5 an empty `Access-Control-Request-Headers` ended the program.
  @Test func preflightsAreAnsweredWithAFixedList() throws {
    let fixture = try Self.fixture()
    let long = String(repeating: "x-a, ", count: 2000)
    let odd: [[UInt8]] = [
      [], Array(" ".utf8), Array("\t \t".utf8), Array(",".utf8), Array("content-type,x-stainless-os".utf8),
      Array(long.utf8), [0xff, 0xfe, 0x80], Array("é".utf8), Array("a\r\n b".utf8), Array("\u{1}".utf8),
      Array("x\u{7f}".utf8), Array("*".utf8), Array("\"".utf8),
    ]
    var lists: Set<String> = []
    for name in ["Access-Control-Request-Headers", "Access-Control-Request-Method", "Origin"] {
      for value in odd {
        let client = SocketClient(port: fixture.port)
        client.send("OPTIONS \(Self.path) HTTP/1.1\r\nHost: localhost\r\n")
        if name != "Origin" { client.send("Origin: http://localhost:3000\r\n") }
        client.send("\(name):".utf8 + value + "\r\n\r\n".utf8)
        let response = try #require(client.readResponse(), "\(name): \(value.prefix(20))")
        #expect([200, 400, 403].contains(response.status))
        if response.status == 200, name != "Origin" {
          lists.insert(response.header("Access-Control-Allow-Headers") ?? "none")
          #expect(response.header("Access-Control-Allow-Methods") == "GET, HEAD, POST, DELETE, OPTIONS")
        }
      }
    }
    let list = try #require(lists.first)
    #expect(lists.count == 1 && list.hasPrefix("Authorization, Content-Type, ") && list.hasSuffix(", *"))
    #expect(try fixture.get("/health").status == 200)
  }

  // MARK: Hosts

  private static func status(_ fixture: ServerFixture, host: String) -> Int? {
    let client = SocketClient(port: fixture.port)
    client.send("GET /v1/models HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    return client.readResponse()?.status
  }

  @Test func namesOfOthersAreRefused() throws {
    let fixture = try Self.fixture { $0.allowedHosts = ["models.example.org"] }
    for host in [
      "127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:1", "app.localhost", "[::1]:8080", "10.1.2.3",
      "localhost.", "localhost:", "models.example.org", "Models.Example.Org:8080", Self.machineName,
    ] {
      #expect(Self.status(fixture, host: host) == 200, "\(host)")
    }
    for host in [
      "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "intranet",
      "models.example.org.evil.example", "other.local",
    ] {
      #expect(Self.status(fixture, host: host) == 403, "\(host)")
    }
    for host in ["", "a b", "localhost:x", "localhost:123456", "[::1", "user@localhost", "héllo", "a,b"] {
      #expect(Self.status(fixture, host: host) == 400, "\(host)")
    }
    let client = SocketClient(port: fixture.port)
    client.send("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    let message = try #require(try client.readResponse()?.json()["error"]?["message"]?.stringValue)
    #expect(message.hasSuffix("start the server with --allow-host evil.example to allow it"))
  }

  /// On a server for the whole network, names that only that network can give go through.
  @Test func networkNamesWorkWhereTheNetworkIsServed() throws {
    let fixture = try Self.fixture { $0.host = "0.0.0.0" }
    for host in ["quire:8080", "quire.local", "model.internal", "box.home.arpa", "192.168.1.5:8080"] {
      #expect(Self.status(fixture, host: host) == 200, "\(host)")
    }
    #expect(Self.status(fixture, host: "evil.example") == 403)
    let open = try Self.fixture { $0.allowedHosts = ["*"] }
    #expect(Self.status(open, host: "evil.example") == 200)
  }

  @Test(arguments: [
    ("[::1]", "::1"), ("::1", "::1"), ("[localhost]", "[localhost]"), ("127.0.0.1", "127.0.0.1"),
  ])
  func addressesMayHaveBrackets(given: String, host: String) {
    #expect(ServerOptions(host: given, modelName: "m").host == host)
  }

  @Test func optionsThatNameNothingAreRefused() throws {
    func sentence(_ adjust: @escaping (inout ServerOptions) -> Void) -> String {
      do {
        _ = try Self.fixture(adjust)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      sentence { $0.host = "" }
        == "expected an address or a name to listen on, found an empty one; use 127.0.0.1 for this machine only, or 0.0.0.0 for every network"
    )
    for origin in [
      "", "example.org", "https://", "https://a/b", "https://a*b", "://x", "http://a b", "ünï://x",
      "http://a:99999", "http://a:", "http://a:b", "http://[::1]:65536", "https://*.a:99999",
    ] {
      #expect(
        sentence { $0.allowedOrigins = [origin] }.hasPrefix("expected '*', 'null' or an origin"), "\(origin)")
    }
    for origin in [
      "http://a:65535", "http://[::1]:80", "http://[::1]", "https://*.a.b:8443", "vscode-webview://*",
    ] {
      #expect(sentence { $0.allowedOrigins = [origin] } == "", "\(origin)")
    }
    for host in ["", "a b", "http://a", "a:80", "a:", "a/b"] {
      #expect(sentence { $0.allowedHosts = [host] }.hasPrefix("expected '*' or a host name"), "\(host)")
    }
  }
}
