import Foundation
import Synchronization
import Testing

import QuireServing
import TestSupport

/// The HTTP layer alone, over real sockets.
@Suite(.timeLimit(.minutes(5)))
struct HTTPServerTests {
  private static func start(
    limits: HTTPLimits = HTTPLimits(), handler: @escaping HTTPServer.Handler
  ) throws -> HTTPServer {
    try HTTPServer(
      host: "127.0.0.1", port: 0, limits: limits,
      refusal: { refused, _, _ in
        HTTPResponse(status: refused.status, mediaType: "text/plain", text: refused.message)
      },
      handler: handler)
  }

  /// Answers with what it was asked.
  private static let echo: HTTPServer.Handler = { request, exchange in
    exchange.respond(
      HTTPResponse(
        status: 200, mediaType: "text/plain",
        text: "\(request.method) \(request.path) " + String(decoding: request.body, as: UTF8.self)))
  }

  @Test func answersRequestsOnOneConnection() throws {
    let server = try Self.start(handler: Self.echo)
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    for index in 0..<20 {
      client.send(requestText("POST", "/a%00b?x=1", body: "body \(index)"))
      let response = try #require(client.readResponse())
      #expect(response.status == 200)
      #expect(response.text == "POST /a%00b body \(index)")
    }
  }

  @Test func answersPipelinedRequestsInOrder() throws {
    let server = try Self.start { request, exchange in
      // The first is the slowest: a server that let answers overtake each other would show it.
      if request.path == "/0" { usleep(100_000) }
      Self.echo(request, exchange)
    }
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send((0..<5).map { requestText("POST", "/\($0)", body: "b\($0)") }.joined())
    for index in 0..<5 {
      #expect(try #require(client.readResponse()).text == "POST /\(index) b\(index)")
    }
  }

  @Test func takesChunkedBodies() throws {
    let server = try Self.start(handler: Self.echo)
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send(
      "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    #expect(try #require(client.readResponse()).text == "POST /c abcde")
  }

  @Test func confirmsExpectedBodiesBeforeTheyAreSent() throws {
    let server = try Self.start(handler: Self.echo)
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send("POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    #expect(try #require(client.readHead()).status == 100)
    client.send("ok")
    #expect(try #require(client.readResponse()).text == "POST /e ok")
  }

  @Test func refusesBodiesThatAreTooLarge() throws {
    var limits = HTTPLimits()
    limits.bodyBytes = 1000
    let server = try Self.start(limits: limits, handler: Self.echo)
    defer { server.stop() }
    let sentence = "expected a request body of at most 1000 bytes, found 1001; send a shorter one"

    // Announced and asked about: refused before it is sent.
    let asking = SocketClient(port: server.port)
    asking.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
    let refusal = try #require(asking.readResponse())
    #expect(refusal.status == 413)
    #expect(refusal.text == sentence)

    // Sent at once: read, refused, and the connection lives on.
    let sending = SocketClient(port: server.port)
    sending.send(requestText("POST", "/", body: String(repeating: "x", count: 1001)))
    let second = try #require(sending.readResponse())
    #expect(second.status == 413)
    #expect(second.text == sentence)
    sending.send(requestText("POST", "/", body: String(repeating: "x", count: 1000)))
    #expect(try #require(sending.readResponse()).status == 200)

    // Chunked: noticed while reading.
    let chunked = SocketClient(port: server.port)
    chunked.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunked.send("3e9\r\n" + String(repeating: "x", count: 1001) + "\r\n0\r\n\r\n")
    let third = try #require(chunked.readResponse())
    #expect(third.status == 413)
    #expect(third.text.hasPrefix("expected a request body of at most 1000 bytes, found at least "))
  }

  @Test func bodiesTogetherHaveALimit() throws {
    var limits = HTTPLimits()
    limits.bodyBytes = 1000
    limits.allBodiesBytes = 1500
    let held = Mutex<HTTPExchange?>(nil)
    let server = try Self.start(limits: limits) { request, exchange in
      if request.path == "/hold" { held.withLock { $0 = exchange } } else { Self.echo(request, exchange) }
    }
    defer { server.stop() }
    let body = String(repeating: "x", count: 800)
    let holding = SocketClient(port: server.port)
    holding.send(requestText("POST", "/hold", body: body))
    #expect(eventually { held.withLock { $0 != nil } })
    let refusal = try #require(exchangeOnce(port: server.port, "POST", "/", body: body))
    #expect(refusal.status == 503)
    #expect(
      refusal.text
        == "expected space in the 1500 bytes for request bodies, found other requests using them; try again later"
    )
    // An answered request makes room again, a refused one has taken none.
    held.withLock { $0 }?.respond(HTTPResponse(status: 200))
    #expect(holding.readResponse()?.status == 200)
    #expect(eventually { exchangeOnce(port: server.port, "POST", "/", body: body)?.status == 200 })
  }

  @Test func survivesWhatIsNotHTTP() throws {
    let server = try Self.start(handler: Self.echo)
    defer { server.stop() }
    let hostile = [
      "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}", "GARBAGE\r\n\r\n", "GET\r\n\r\n", "\r\n\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\nHost: h\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
      "GET /" + String(repeating: "a", count: 100_000) + " HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "X-Y: z\r\n", count: 10_000) + "\r\n",
    ]
    for text in hostile {
      let client = SocketClient(port: server.port)
      client.send(text)
      client.close()
    }
    #expect(exchangeOnce(port: server.port, "GET", "/alive")?.text == "GET /alive ")
  }

  @Test func closesSlowHeadersAndSlowBodies() throws {
    var limits = HTTPLimits()
    limits.headerSeconds = 0.3
    limits.bodySeconds = 0.3
    let server = try Self.start(limits: limits, handler: Self.echo)
    defer { server.stop() }
    let silent = SocketClient(port: server.port)
    #expect(silent.isClosedByServer(within: 20))
    // A byte now and then does not buy time.
    let trickling = SocketClient(port: server.port)
    trickling.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
    let isCut = eventually(within: 20) {
      usleep(20_000)
      return !trickling.send("x")
    }
    #expect(isCut)
    #expect(exchangeOnce(port: server.port, "GET", "/alive")?.status == 200)
  }

  @Test func closesIdleConnections() throws {
    var limits = HTTPLimits()
    limits.idleSeconds = 0.3
    let server = try Self.start(limits: limits, handler: Self.echo)
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send(requestText("GET", "/"))
    #expect(client.readResponse()?.status == 200)
    #expect(client.isClosedByServer(within: 20))
  }

  @Test func streamsFromAnyThreadAsItIsWritten() throws {
    let held = Mutex<HTTPExchange?>(nil)
    let server = try Self.start { _, exchange in
      exchange.beginStream(EventStream.head)
      held.withLock { $0 = exchange }
    }
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send(requestText("GET", "/"))
    let head = try #require(client.readHead())
    #expect(head.header("Content-Type") == "text/event-stream; charset=utf-8")
    #expect(head.header("X-Accel-Buffering") == "no")
    #expect(eventually { held.withLock { $0 != nil } })
    let exchange = try #require(held.withLock { $0 })
    for index in 0..<50 {
      exchange.write("data: \(index)\n\n".utf8)
      // Each event is there before the next is written: nothing is held back.
      #expect(client.readChunk() == Array("data: \(index)\n\n".utf8))
    }
    exchange.endStream()
    #expect(client.readChunk() == [])
    client.send(requestText("GET", "/again"))
    #expect(client.readHead()?.status == 200)
  }

  @Test func silentStreamsArePinged() throws {
    var limits = HTTPLimits()
    limits.pingSeconds = 0.1
    let server = try Self.start(limits: limits) { _, exchange in exchange.beginStream(EventStream.head) }
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send(requestText("GET", "/"))
    #expect(client.readHead()?.status == 200)
    #expect(client.readChunk() == EventStream.ping)
    #expect(client.readChunk() == EventStream.ping)
  }

  enum Departure: CaseIterable {
    case close, reset
  }

  @Test(arguments: Departure.allCases, [true, false])
  func noticesClientsThatLeave(_ departure: Departure, isStreaming: Bool) throws {
    let isGone = Atomic(false)
    let isHandled = Atomic(false)
    let server = try Self.start { _, exchange in
      exchange.onClientGone { isGone.store(true, ordering: .relaxed) }
      if isStreaming { exchange.beginStream(EventStream.head) }
      isHandled.store(true, ordering: .relaxed)
    }
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send(requestText("POST", "/", body: "x"))
    #expect(eventually { isHandled.load(ordering: .relaxed) })
    if isStreaming { #expect(client.readHead()?.status == 200) }
    #expect(isGone.load(ordering: .relaxed) == false)
    if departure == .reset { client.reset() } else { client.close() }
    #expect(eventually { isGone.load(ordering: .relaxed) })
    #expect(eventually { server.unansweredCount == 0 })
  }

  /// The rest of such a request cannot come. At 4a87550 its connection stayed until the limit for bodies.
  @Test(arguments: [
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Le",
  ])
  func aRequestThatCannotBeWholeEndsItsConnection(_ half: String) throws {
    let server = try Self.start(handler: Self.echo)
    defer { server.stop() }
    let begin = ContinuousClock.now
    let client = SocketClient(port: server.port)
    client.send(half)
    client.endSending()
    #expect(client.isClosedByServer(within: 10))
    let next = SocketClient(port: server.port)
    next.send(requestText("GET", "/whole") + half)
    // The whole request before it is answered, if that is not already too late.
    #expect(next.readResponse()?.text == "GET /whole ")
    next.endSending()
    #expect(next.isClosedByServer(within: 10))
    #expect(begin.duration(to: .now) < .seconds(10))
  }

  /// Whole answers that nobody reads: at 4a87550 each connection could hold one of any size.
  @Test func unreadAnswersTogetherHaveALimit() throws {
    var limits = HTTPLimits()
    limits.allAnswersBytes = 20 << 20
    let large = [UInt8](repeating: UInt8(ascii: "x"), count: 16 << 20)
    let server = try Self.start(limits: limits) { request, exchange in
      let isLarge = request.path == "/large"
      exchange.respond(HTTPResponse(status: 200, body: isLarge ? large : [UInt8](repeating: 1, count: 1000)))
    }
    defer { server.stop() }
    let unread = SocketClient(port: server.port)
    unread.send(requestText("GET", "/large"))
    // It is counted once its head has come.
    #expect(unread.readHead()?.status == 200)
    let refusal = try #require(exchangeOnce(port: server.port, "GET", "/large"))
    #expect(refusal.status == 503)
    #expect(
      refusal.text
        == "expected space in the \(20 << 20) bytes for answers that clients have not read, found other requests using them; "
        + "try again later")
    #expect(exchangeOnce(port: server.port, "GET", "/small")?.status == 200)
    unread.close()
    #expect(eventually { exchangeOnce(port: server.port, "GET", "/large")?.body.count == large.count })
  }

  /// The only one may be larger than the limit.
  @Test func anAnswerAloneIsAlwaysSent() throws {
    var limits = HTTPLimits()
    limits.allAnswersBytes = 1000
    let server = try Self.start(limits: limits) { _, exchange in
      exchange.respond(HTTPResponse(status: 200, body: [UInt8](repeating: 1, count: 1 << 20)))
    }
    defer { server.stop() }
    for _ in 0..<3 { #expect(exchangeOnce(port: server.port, "GET", "/")?.body.count == 1 << 20) }
  }

  @Test func aClientThatDoesNotReadIsGivenUp() throws {
    var limits = HTTPLimits()
    limits.backlogBytes = 1 << 20
    let isGone = Atomic(false)
    let server = try Self.start(limits: limits) { _, exchange in
      exchange.onClientGone { isGone.store(true, ordering: .relaxed) }
      exchange.beginStream(EventStream.head)
      let block = [UInt8](repeating: UInt8(ascii: "x"), count: 64 << 10)
      // Socket buffers take a few megabytes; no more than a thousand blocks can be in flight.
      for _ in 0..<1000 where !isGone.load(ordering: .relaxed) { exchange.write(block) }
    }
    defer { server.stop() }
    let client = SocketClient(port: server.port)
    client.send(requestText("GET", "/"))
    #expect(eventually { isGone.load(ordering: .relaxed) })
    #expect(eventually { server.unansweredCount == 0 })
  }

  @Test func stopsWithRequestsInEveryStage() throws {
    let gone = Atomic(0)
    let handled = Atomic(0)
    let server = try Self.start { request, exchange in
      exchange.onClientGone { gone.add(1, ordering: .relaxed) }
      if request.path == "/stream" { exchange.beginStream(EventStream.head) }
      handled.add(1, ordering: .relaxed)
    }
    let clients = (0..<12).map { _ in SocketClient(port: server.port) }
    for (index, client) in clients.enumerated() {
      switch index % 4 {
      case 0: client.send(requestText("GET", "/wait"))
      case 1: client.send(requestText("GET", "/stream"))
      case 2: client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
      default: break
      }
    }
    #expect(eventually { handled.load(ordering: .relaxed) == 6 })
    #expect(!server.waitUntilAnswered(deadline: .now + .milliseconds(30)))
    server.stop()
    #expect(gone.load(ordering: .relaxed) == 6)
    for client in clients { #expect(client.isClosedByServer(within: 10)) }
    server.stop()
  }

  /// At 1b236b5 the newcomer waited until the silent ones were closed.
  @Test func idleConnectionsKeepNobodyOut() throws {
    var limits = HTTPLimits()
    limits.connectionCount = 64
    let server = try Self.start(limits: limits, handler: Self.echo)
    defer { server.stop() }
    let begin = ContinuousClock.now
    // Some silent, some in the midst of their headers, some after an answer.
    let idle = (0..<100).map { index in
      let client = SocketClient(port: server.port)
      if index % 3 == 1 { client.send("GET /half HTTP/1.1\r\nHo") }
      if index % 3 == 2 {
        client.send(requestText("GET", "/kept"))
        #expect(client.readResponse()?.status == 200)
      }
      return client
    }
    #expect(exchangeOnce(port: server.port, "GET", "/late")?.status == 200)
    #expect(begin.duration(to: .now) < .seconds(5))
    // The longest idle made room, and one of the youngest is still there.
    #expect(idle[0].isClosedByServer(within: 5))
    idle[98].send(requestText("GET", "/still"))
    #expect(idle[98].readResponse()?.text == "GET /still ")
  }

  /// Clients that never finish a body, or never read an answer, keep nobody out: at 54d20ed the newcomer waited for
  /// 60 and 75 seconds.
  @Test(arguments: ["body", "answer"])
  func stalledConnectionsKeepNobodyOut(_ kind: String) throws {
    var limits = HTTPLimits()
    limits.connectionCount = 4
    limits.stalledSeconds = 0.2
    let large = String(repeating: "x", count: 16 << 20)
    let server = try Self.start(limits: limits) { request, exchange in
      if request.path == "/large" {
        exchange.respond(HTTPResponse(status: 200, body: Array(large.utf8)))
      } else {
        Self.echo(request, exchange)
      }
    }
    defer { server.stop() }
    let begin = ContinuousClock.now
    let stalled = (0..<4).map { _ in
      let client = SocketClient(port: server.port)
      client.send(
        kind == "body"
          ? "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf" : requestText("GET", "/large"))
      return client
    }
    #expect(exchangeOnce(port: server.port, "GET", "/late")?.status == 200)
    #expect(begin.duration(to: .now) < .seconds(20))
    #expect(stalled.count == 4)
  }

  /// A connection at work is never closed for another.
  @Test func busyConnectionsKeepTheirPlace() throws {
    var limits = HTTPLimits()
    limits.connectionCount = 3
    let held = Mutex<[HTTPExchange]>([])
    let server = try Self.start(limits: limits) { request, exchange in
      if request.path == "/hold" {
        held.withLock { $0.append(exchange) }
      } else {
        Self.echo(request, exchange)
      }
    }
    defer { server.stop() }
    let busy = (0..<3).map { _ in
      let client = SocketClient(port: server.port)
      client.send(requestText("POST", "/hold", body: "x"))
      return client
    }
    #expect(eventually { held.withLock { $0.count == 3 } })
    let late = SocketClient(port: server.port)
    late.send(requestText("GET", "/late"))
    #expect(!late.isClosedByServer(within: 0.2))
    for exchange in held.withLock({ $0 }) { exchange.respond(HTTPResponse(status: 200)) }
    for client in busy { #expect(client.readResponse()?.status == 200) }
    #expect(late.readResponse()?.text == "GET /late ")
  }

  @Test func saysWhyItCannotListen() throws {
    let server = try Self.start(handler: Self.echo)
    defer { server.stop() }
    let port = server.port
    func start(host: String, port: Int) throws {
      try HTTPServer(
        host: host, port: port, limits: HTTPLimits(),
        refusal: { refused, _, _ in HTTPResponse(status: refused.status) },
        handler: Self.echo
      ).stop()
    }
    #expect(
      throws: ServingError.cannotListen(
        host: "127.0.0.1", port: port,
        sentence:
          "expected a free port, found port \(port) on 127.0.0.1 in use by another program; stop it or choose "
          + "another port")
    ) { try start(host: "127.0.0.1", port: port) }
    #expect(
      throws: ServingError.invalidOption(
        name: "port",
        sentence: "expected a port from 0 to 65535 (0 takes a free one), found 65536; choose another port")
    ) { try start(host: "127.0.0.1", port: 65536) }
    #expect {
      try start(host: "no.such.host.invalid", port: 0)
    } throws: { error in
      "\(error)".hasPrefix(
        "expected a host with an address on this machine, found 'no.such.host.invalid', which has none")
    }
    #expect(
      throws: ServingError.cannotListen(
        host: "192.0.2.1", port: 8080,
        sentence:
          "expected an address of this machine, found 192.0.2.1; use one that belongs to it, such as 127.0.0.1"
      )
    ) { try start(host: "192.0.2.1", port: 8080) }
  }

  /// Clients of every temper at once: the server answers all who wait, and nothing is left over.
  @Test func weathersAStorm() throws {
    let writers = DispatchQueue(label: "writers", attributes: .concurrent)
    let server = try Self.start { request, exchange in
      switch request.path {
      case "/now": Self.echo(request, exchange)
      case "/later": writers.asyncAfter(deadline: .now() + .milliseconds(3)) { Self.echo(request, exchange) }
      default:
        exchange.beginStream(EventStream.head)
        writers.async {
          for index in 0..<20 { exchange.write("data: \(index)\n\n".utf8) }
          exchange.endStream()
        }
      }
    }
    defer { server.stop() }
    let wrongCount = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 8) { worker in
      var generator = SeededGenerator(seed: UInt64(worker))
      for _ in 0..<100 {
        let path = ["/now", "/later", "/stream"][Int(generator.next() % 3)]
        let client = SocketClient(port: server.port)
        client.send(requestText("POST", path, body: "b"))
        switch generator.next() % 4 {
        case 0: client.close()
        case 1: client.reset()
        default:
          let response = client.readResponse()
          let isRight =
            path == "/stream" ? response?.text.hasSuffix("data: 19\n\n") : response?.text == "POST \(path) b"
          if isRight != true { wrongCount.add(1, ordering: .relaxed) }
        }
      }
    }
    #expect(wrongCount.load(ordering: .relaxed) == 0)
    #expect(eventually { server.unansweredCount == 0 })
  }
}
