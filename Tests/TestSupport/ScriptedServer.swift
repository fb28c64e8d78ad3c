import Foundation
import QuireTensors
import Synchronization

/// An HTTP server on 127.0.0.1 whose answers a test writes byte by byte.
///
///     let server = ScriptedServer { request in .json(200, "{}") }
///     … "http://127.0.0.1:\(server.port)" …
package final class ScriptedServer: Sendable {
  package struct Request: Sendable {
    /// "POST /v1/completions".
    package let line: String
    /// Names in lower case.
    package let headers: [String: String]
    package let body: String
    /// From 0, over all connections.
    package let number: Int
  }

  /// What is sent, and whether the connection ends after it.
  package struct Reply: Sendable {
    package var bytes: [UInt8]
    package var closes = false

    /// A whole answer with its length.
    package static func json(_ status: Int, _ body: String, headers: [String] = []) -> Reply {
      let head = ["HTTP/1.1 \(status) Some", "Content-Length: \(body.utf8.count)"] + headers
      return Reply(bytes: Array((head + ["", body]).joined(separator: "\r\n").utf8))
    }

    package static func raw(_ text: String, closes: Bool) -> Reply {
      Reply(bytes: Array(text.utf8), closes: closes)
    }
  }

  package let port: Int
  private let listener: Int32
  private let seen = Mutex<[Request]>([])
  private let answer: @Sendable (Request) -> Reply

  package init(_ answer: @escaping @Sendable (Request) -> Reply) {
    self.answer = answer
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    precondition(isBound, "no port for a scripted server")
    port = Int(UInt16(bigEndian: address.sin_port))
    NativeThread.start(named: "scripted") { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        guard let self else {
          close(connection)
          return
        }
        NativeThread.start(named: "scripted") { self.serve(connection) }
      }
    }
  }

  deinit { stop() }

  /// Refuses new connections; may be called once.
  package func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  package var requests: [Request] { seen.withLock { $0 } }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    var received: [UInt8] = []
    while let request = read(connection, &received) {
      let reply = answer(request)
      var sent = 0
      while sent < reply.bytes.count {
        let count = reply.bytes.withUnsafeBytes {
          send(connection, $0.baseAddress! + sent, reply.bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        sent += count
      }
      if reply.closes { return }
    }
  }

  private func read(_ connection: Int32, _ received: inout [UInt8]) -> Request? {
    let marker = Array("\r\n\r\n".utf8)
    guard let end = fill(connection, &received, until: { $0.firstRange(of: marker)?.upperBound }) else {
      return nil
    }
    let lines = String(decoding: received[..<end], as: UTF8.self).components(separatedBy: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() where line.contains(":") {
      let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
      headers[parts[0].lowercased()] = parts.last?.trimmingCharacters(in: .whitespaces)
    }
    let count = headers["content-length"].flatMap { Int($0) } ?? 0
    guard fill(connection, &received, until: { $0.count >= end + count ? end + count : nil }) != nil else {
      return nil
    }
    let words = lines[0].components(separatedBy: " ")
    let line = words.prefix(2).joined(separator: " ")
    let body = String(decoding: received[end..<end + count], as: UTF8.self)
    received.removeFirst(end + count)
    return seen.withLock { seen in
      let request = Request(line: line, headers: headers, body: body, number: seen.count)
      seen.append(request)
      return request
    }
  }

  /// Receives until `done` says where the wanted part ends; nil at the end of the connection.
  private func fill(
    _ connection: Int32, _ received: inout [UInt8], until done: ([UInt8]) -> Int?
  ) -> Int? {
    while true {
      if let end = done(received) { return end }
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      received += buffer[..<count]
    }
  }
}
