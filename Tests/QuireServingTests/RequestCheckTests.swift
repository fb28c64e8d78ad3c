import Foundation
import QuireJSON
import QuireServing
import Synchronization
import TestSupport
import Testing

/// The strictness of RFC 9112, over raw sockets: what two readers could understand in two ways is refused with one
/// proper answer, and nothing after it runs.
@Suite(.timeLimit(.minutes(5)))
struct RequestCheckTests {
  /// Counts what reaches the handler.
  private final class Counter: Sendable {
    let paths = Mutex<[String]>([])
  }

  private static func start(_ counter: Counter = Counter()) throws -> HTTPServer {
    try HTTPServer(
      host: "127.0.0.1", port: 0, limits: HTTPLimits(),
      refusal: { refused, _, _ in
        HTTPResponse(status: refused.status, mediaType: "text/plain", text: refused.message)
      },
      handler: { request, exchange in
        counter.paths.withLock { $0.append(request.path) }
        let headers = request.headers.map { "\($0.name)=\($0.value)" }.joined(separator: "|")
        exchange.respond(
          HTTPResponse(
            status: 200, mediaType: "text/plain",
            text: "\(request.path) \(String(decoding: request.body, as: UTF8.self)) \(headers)"))
      })
  }

  private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
  private static let post = "POST /first HTTP/1.1\r\nHost: h\r\n"
  private static let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"

  static let refused: [(String, Int)] = [
    // Framing.
    (post + "Content-Length : 35\r\n\r\n", 400), (post + "Content-Length\t: 35\r\n\r\n", 400),
    (post + "Transfer-Encoding : chunked\r\n\r\n", 400),
    (post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    (post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    (post + "Content-Length: 3, 3\r\n\r\nabc", 400), (post + "Content-Length: +5\r\n\r\nabcde", 400),
    (post + "Content-Length: -5\r\n\r\n", 400), (post + "Content-Length: 0x5\r\n\r\nabcde", 400),
    (post + "Content-Length: 5 5\r\n\r\nabcde", 400), (post + "Content-Length:\r\n\r\n", 400),
    (post + "Content-Length: 1e1\r\n\r\n", 400), (post + "Content-Length: ٣\r\n\r\n", 400),
    (post + "Content-Length: 18446744073709551615\r\n\r\n", 413),
    (post + "Content-Length: 18446744073709551616\r\n\r\n", 413),
    (post + "Content-Length: 9223372036854775808\r\n\r\n", 413),
    (post + "Content-Length: 99999999999999999999999999999\r\n\r\n", 413),
    (post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    (post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    (post + "Transfer-Encoding: identity\r\n\r\n", 501), (post + "Transfer-Encoding: xchunked\r\n\r\n", 501),
    (post + "Transfer-Encoding:\u{0b}chunked\r\n\r\n", 400),
    ("POST /first HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    // Chunks.
    (chunked + "3\nabc\r\n0\r\n\r\n", 400), (chunked + "3\r\nabc\n0\r\n\r\n", 400),
    (chunked + "3\r\nabcd\r\n0\r\n\r\n", 400), (chunked + "3\r\nabc\r\n0\n\r\n", 400),
    (chunked + "3\r\nabc\r\n0\r\n\n", 400), (chunked + "+3\r\nabc\r\n0\r\n\r\n", 400),
    (chunked + "-3\r\nabc\r\n0\r\n\r\n", 400), (chunked + "0x3\r\nabc\r\n0\r\n\r\n", 400),
    (chunked + " 3\r\nabc\r\n0\r\n\r\n", 400), (chunked + "3 4\r\nabc\r\n0\r\n\r\n", 400),
    (chunked + "\r\nabc\r\n0\r\n\r\n", 400), (chunked + "zz\r\n", 400),
    (chunked + "3;\u{0}\r\nabc\r\n0\r\n\r\n", 400), (chunked + "ffffffffffffffff\r\n", 413),
    (chunked + "7fffffffffffffff\r\n", 413), (chunked + "ffffffffffffffffffff\r\n", 413),
    (chunked + "1\r\na\r\n7fffffffffffffff\r\n", 413),
    (chunked + "0\r\nno trailer\r\n\r\n", 400),
    (chunked + String(repeating: "0", count: 5000) + "3\r\nabc\r\n", 400),
    // Lines and headers.
    ("GET /first HTTP/1.1\nHost: h\n\n", 400), ("GET /first HTTP/1.1\r\nHost: h\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\n\n", 400), ("GET /first HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nX: a\u{0}b\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nX\u{0}: b\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nX: a\u{1}b\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nX: a\u{7f}\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nÜ: x\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nA(b: x\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\n\r\n", 400), ("GET /first HTTP/1.1\r\nX: y\r\n\r\n", 400),
    ("GET /first HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n", 417),
    // Request lines.
    ("GET  /first HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET /first  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET\t/first HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("GET /first\r\nHost: h\r\n\r\n", 400), ("GET /first HTTP/1.2\r\nHost: h\r\n\r\n", 505),
    ("GET /first HTTP/2.0\r\nHost: h\r\n\r\n", 505), ("GET /first HTTP/9.9\r\nHost: h\r\n\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), ("GET /first http/1.1\r\nHost: h\r\n\r\n", 400),
    ("GET first HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET /\u{0} HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("GET /é HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET http:// HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("\u{16}\u{3}\u{1}\u{2}", 400), ("G(T / HTTP/1.1\r\n\r\n", 400),
    ("GET /" + String(repeating: "a", count: 100_000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    ("GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "X: y\r\n", count: 10_000) + "\r\n", 431),
    ("GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "y", count: 100_000) + "\r\n\r\n", 431),
  ]

  @Test(arguments: refused.indices)
  func refusesOnceAndCloses(index: Int) throws {
    let (text, status) = Self.refused[index]
    let counter = Counter()
    let server = try Self.start(counter)
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send(text + Self.smuggled)
    let response = try #require(client.readResponse(), "\(text.debugDescription.prefix(80))")
    #expect(response.status == status, "\(text.debugDescription.prefix(80)): \(response.text)")
    #expect(response.text.hasPrefix("expected "), "\(response.text)")
    #expect(response.text.utf8.allSatisfy { $0 >= 0x20 } && response.text.utf8.count < 300)
    #expect(response.header("Connection") == "close")
    #expect(client.readResponse() == nil, "more than one answer")
    #expect(counter.paths.withLock { $0 } == [])
  }

  /// Byte by byte, the same is found.
  @Test func splittingChangesNothing() throws {
    let server = try Self.start()
    defer { server.stop() }
    for (text, status) in Self.refused where text.utf8.count < 120 {
      let client = SocketClient(port: server.port)
      for byte in text.utf8 { client.send([byte]) }
      #expect(client.readResponse()?.status == status, "\(text.debugDescription)")
    }
    let client = SocketClient(port: server.port)
    let good = Self.chunked + "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
    for byte in (good + requestText("POST", "/second", body: "body")).utf8 { client.send([byte]) }
    #expect(try #require(client.readResponse()).text.hasPrefix("/first abcde "))
    #expect(try #require(client.readResponse()).text.hasPrefix("/second body "))
  }

  /// Requests before a refused one get their own answers first.
  @Test func earlierRequestsAreAnswered() throws {
    let counter = Counter()
    let server = try Self.start(counter)
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send(requestText("POST", "/a", body: "1") + requestText("GET", "/b") + "GET /c HTTP/1.1\r\n\r\n")
    #expect(try #require(client.readResponse()).text.hasPrefix("/a 1 "))
    #expect(try #require(client.readResponse()).text.hasPrefix("/b  "))
    #expect(client.readResponse()?.status == 400)
    #expect(client.readResponse() == nil)
    #expect(counter.paths.withLock { $0 } == ["/a", "/b"])
  }

  @Test func soundRequestsOfOddFormAreTaken() throws {
    let server = try Self.start()
    defer { server.stop() }
    for (text, answer) in [
      ("GET http://127.0.0.1:8080/x?y=z HTTP/1.1\r\nHost: other\r\n\r\n", "/x  Host=127.0.0.1:8080"),
      ("GET HTTP://h HTTP/1.1\r\nHost: h\r\n\r\n", "/  Host=h"),
      ("\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", "/x  Host=h"),
      ("GET /x?a=b&&c%zz=;d HTTP/1.1\r\nhOsT:h\r\n\r\n", "/x  Host=h"),
      ("GET /x HTTP/1.1\r\nHost: h \t\r\nA:\r\nB: \tc\td \r\n\r\n", "/x  Host=h|A=|B=c\td"),
      ("GET /x HTTP/1.1\r\nHost: h\r\nCookie: \u{e9};;=,\r\n\r\n", "/x  Host=h"),
      ("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0003\r\n\r\nabc", "/x abc Host=h|Content-Length=0003"),
      (
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n00A ; e=\"f\"\r\n0123456789\r\n0\r\n\r\n",
        "/x 0123456789 Host=h|Transfer-Encoding=CHUNKED"
      ),
      ("GET /x HTTP/1.0\r\n\r\n", "/x  "),
    ] {
      let client = SocketClient(port: server.port)
      client.send(text)
      #expect(client.readResponse()?.text == answer, "\(text.debugDescription)")
    }
  }

  /// At 1b236b5: two status lines and a page of HTML.
  @Test func aMissingHostGetsOneErrorOfTheAPI() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let client = SocketClient(port: fixture.port)
    client.send("GET /v1/models HTTP/1.1\r\n\r\n")
    let response = try #require(client.readResponse())
    #expect(response.status == 400 && response.header("Content-Type") == "application/json")
    #expect(
      try response.json()["error"]?["message"]
        == "expected a Host header in a request of HTTP/1.1, found none; add it")
    #expect(client.readResponse() == nil)
    let absolute = SocketClient(port: fixture.port)
    absolute.send("GET http://localhost:8080/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(absolute.readResponse()?.status == 200)
    // The target counts, not the header: neither may smuggle a name past the check.
    let foreign = SocketClient(port: fixture.port)
    foreign.send("GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(foreign.readResponse()?.status == 403)
  }
}
