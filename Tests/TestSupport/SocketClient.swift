import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// An answer as it came over the wire.
package struct WireResponse: Sendable {
  package let status: Int
  /// Names in lower case.
  package let headers: [(name: String, value: String)]
  package let body: [UInt8]

  package var text: String { String(decoding: body, as: UTF8.self) }

  package func header(_ name: String) -> String? {
    headers.first { $0.name == name.lowercased() }?.value
  }
}

/// A plain TCP client on 127.0.0.1 that can misbehave: half a request, silence, a reset.
package final class SocketClient {
  private var descriptor: Int32
  private var received: [UInt8] = []

  package init(port: Int) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    precondition(isConnected, "no server on port \(port)")
  }

  deinit { close() }

  package func close() {
    if descriptor >= 0 { _ = Glibc.close(descriptor) }
    descriptor = -1
  }

  /// Ends the sending half; answers can still be read.
  package func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

  /// Closes with a TCP reset instead of an orderly end.
  package func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  /// Sends everything; `false` when the server no longer takes it.
  @discardableResult
  package func send(_ bytes: some Collection<UInt8>) -> Bool {
    let bytes = Array(bytes)
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      sent += count
    }
    return true
  }

  @discardableResult
  package func send(_ text: String) -> Bool { send(text.utf8) }

  /// Waits for more bytes; `false` at the end of the connection. The time limit only keeps a failing test
  /// from hanging.
  private func receiveMore(seconds: Double = 60) -> Bool {
    var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&query, 1, Int32(seconds * 1000)) > 0 else { return false }
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { return false }
    received.append(contentsOf: buffer[..<count])
    return true
  }

  /// Whether the server closes the connection within the time; whatever it still sends is thrown away.
  package func isClosedByServer(within seconds: Double) -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
      var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&query, 1, 20) > 0 else { continue }
      var buffer = [UInt8](repeating: 0, count: 4096)
      if recv(descriptor, &buffer, buffer.count, 0) <= 0 { return true }
    }
    return false
  }

  /// Bytes up to and including a marker; `nil` when the connection ends before it.
  package func readUntil(_ marker: String) -> String? {
    let marker = Array(marker.utf8)
    while true {
      if let end = received.firstRange(of: marker)?.upperBound {
        defer { received.removeFirst(end) }
        return String(decoding: received[..<end], as: UTF8.self)
      }
      guard receiveMore() else { return nil }
    }
  }

  /// What has been received and not read yet.
  package var unread: String { String(decoding: received, as: UTF8.self) }

  private func read(count: Int) -> [UInt8]? {
    while received.count < count {
      guard receiveMore() else { return nil }
    }
    defer { received.removeFirst(count) }
    return Array(received[..<count])
  }

  /// The status and headers of the next response.
  package func readHead() -> WireResponse? {
    guard let head = readUntil("\r\n\r\n") else { return nil }
    let lines = head.components(separatedBy: "\r\n").filter { !$0.isEmpty }
    let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    let headers = lines.dropFirst().map { line in
      let parts = line.split(separator: ":", maxSplits: 1)
      return (
        name: parts[0].lowercased(), value: parts.last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
      )
    }
    return WireResponse(status: status, headers: headers, body: [])
  }

  /// The next chunk of a chunked body; empty for the last one, `nil` when the connection ends instead.
  package func readChunk() -> [UInt8]? {
    guard let line = readUntil("\r\n"),
      let count = Int(line.dropLast(1).trimmingCharacters(in: .whitespaces), radix: 16)
    else { return nil }
    guard let bytes = read(count: count), read(count: 2) != nil else { return nil }
    return bytes
  }

  /// The next response with its whole body; `nil` when the connection ends before.
  package func readResponse() -> WireResponse? {
    guard let head = readHead() else { return nil }
    var body: [UInt8] = []
    if head.header("Transfer-Encoding") == "chunked" {
      while true {
        guard let chunk = readChunk() else { return nil }
        if chunk.isEmpty { break }
        body += chunk
      }
    } else if let count = head.header("Content-Length").flatMap({ Int($0) }) {
      guard let bytes = read(count: count) else { return nil }
      body = bytes
    }
    return WireResponse(status: head.status, headers: head.headers, body: body)
  }
}

/// The text of a request with a body.
package func requestText(
  _ method: String, _ path: String, body: String? = nil, headers: [String] = []
) -> String {
  var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1"] + headers
  if let body { lines.append("Content-Length: \(body.utf8.count)") }
  return (lines + ["", body ?? ""]).joined(separator: "\r\n")
}

/// Sends one request on a connection of its own and returns the answer.
package func exchangeOnce(
  port: Int, _ method: String, _ path: String, body: String? = nil, headers: [String] = []
) -> WireResponse? {
  let client = SocketClient(port: port)
  client.send(requestText(method, path, body: body, headers: headers))
  return client.readResponse()
}

/// Asks again and again until `condition` holds; `false` after the time is over.
package func eventually(within seconds: Double = 30, _ condition: () -> Bool) -> Bool {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while ContinuousClock.now < deadline {
    if condition() { return true }
    usleep(2000)
  }
  return condition()
}
