import CCurl
package import Foundation
package import QuireJSON

/// A server with OpenAI's API, as a client asks it.
///
///     let server = try RemoteServer(RemoteAddress("http://127.0.0.1:8080"))
///     let models = try server.send(nil, to: "models", over: RemoteConnection())
///
/// A server that is busy (429, 503 and their like) is asked again, after the time that it names. A broken connection is
/// tried three times.
package struct RemoteServer: Sendable {
  package let address: RemoteAddress
  /// The most seconds of one exchange.
  package let seconds: Int
  private let key: String?
  private let mask: KeyMask?

  /// - Parameter key: sent as `Authorization: Bearer`; only to this server, because redirections are not followed.
  package init(_ address: RemoteAddress, key: String? = nil, seconds: Int = 1800) throws(RemoteError) {
    if let key, key.isEmpty || !key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) { throw .key }
    self.address = address
    self.key = key
    mask = key.map(KeyMask.init)
    self.seconds = seconds
  }

  /// Sends JSON, or asks with GET where there is none, and returns the JSON of the answer, in which the key is masked.
  package func send(
    _ body: JSONValue?, to path: String, over connection: RemoteConnection
  ) throws(RemoteError) -> JSONValue {
    let url = address.url(path)
    // "Expect:" keeps libcurl from waiting for a go-ahead before a large body.
    var headers = ["Accept: application/json", "Expect:"]
    if body != nil { headers.append("Content-Type: application/json") }
    if let key { headers.append("Authorization: Bearer \(key)") }
    let request = RemoteConnection.Request(
      url: url, headers: headers, body: body?.serializedBytes(), seconds: seconds,
      isDirect: address.isLocal)
    var retries = RemoteRetries()
    while true {
      let answer = connection.exchange(request)
      if answer.outcome == quire_http_done, (200..<300).contains(answer.status) {
        return try json(answer.body, url)
      }
      let failure = failure(answer, url)
      guard let pause = retries.pause(after: answer) else { throw failure }
      guard Self.sleep(pause, connection.stop) else { throw .stopped }
    }
  }

  private func json(_ bytes: [UInt8], _ url: String) throws(RemoteError) -> JSONValue {
    do throws(JSONError) {
      let json = try JSONValue.parse(bytes)
      return mask.map { $0.isSecret ? $0.applied(to: json) : json } ?? json
    } catch {
      throw .malformed(url, expected: "a JSON answer", found: "an error (\(masked("\(error)")))")
    }
  }

  private func masked(_ text: String) -> String { mask?.applied(to: text) ?? text }

  private func failure(_ answer: RemoteConnection.Answer, _ url: String) -> RemoteError {
    switch answer.outcome {
    case quire_http_done:
      .refused(url, status: answer.status, message: message(answer.body))
    case quire_http_timed_out: .timedOut(url, seconds: seconds)
    case quire_http_too_large: .tooLarge(url, limit: RemoteConnection.answerLimit)
    case quire_http_stopped: .stopped
    default: .unreachable(url, found: Self.printable(masked(answer.error)))
    }
  }

  /// The sentence of a server's error: OpenAI's form, a plain `message` or `detail`, or the beginning of its text.
  private func message(_ body: [UInt8]) -> String {
    let json = try? JSONValue.parse(body)
    let found =
      json?["error"]?["message"]?.stringValue ?? json?["message"]?.stringValue
      ?? json?["error"]?.stringValue ?? json?["detail"]?.stringValue
    // Masked before it is cut, so that no part of the key is left.
    return Self.printable(masked(found ?? String(decoding: body.prefix(Self.bodyPrefix), as: UTF8.self)))
  }

  private static let bodyPrefix = 64 << 10

  private static let messageLength = 300

  /// A text of a server as one line without control characters.
  package static func printable(_ text: String) -> String {
    let words = text.unicodeScalars.split {
      $0.properties.isWhitespace || $0.properties.generalCategory == .control
        || $0.properties.generalCategory == .format
    }
    let line = words.map { String($0) }.joined(separator: " ")
    let cut = line.count > messageLength ? line.prefix(messageLength) + "…" : line
    return cut.hasSuffix(".") ? String(cut.dropLast()) : cut
  }

  /// Waits; false when the requests were stopped meanwhile.
  private static func sleep(_ duration: Double, _ stop: StopFlag) -> Bool {
    let end = ContinuousClock.now + .seconds(duration)
    while ContinuousClock.now < end {
      if stop.isSet { return false }
      usleep(20_000)
    }
    return !stop.isSet
  }
}

/// When a request is repeated.
package struct RemoteRetries {
  private var busyCount = 0
  private var brokenCount = 0

  static let busyMaximum = 30
  static let brokenMaximum = 2
  /// A server that asks for a longer pause is not waited for.
  static let pauseMaximum = 3600.0

  /// Seconds until the next attempt; nil when there is none.
  mutating func pause(after answer: RemoteConnection.Answer) -> Double? {
    switch answer.outcome {
    case quire_http_done:
      guard [408, 429, 500, 502, 503, 504, 529].contains(answer.status) else { return nil }
      // A server's own fault is rarely cured by waiting.
      guard busyCount < (answer.status == 500 ? Self.brokenMaximum : Self.busyMaximum) else { return nil }
      busyCount += 1
      let asked = Self.seconds(answer.retryAfter, now: Date())
      guard asked ?? 0 <= Self.pauseMaximum else { return nil }
      return asked ?? min(30, 0.25 * Double(1 << min(busyCount, 7)))
    case quire_http_unconnected, quire_http_failed:
      guard brokenCount < Self.brokenMaximum else { return nil }
      brokenCount += 1
      return Double(brokenCount)
    default: return nil
    }
  }

  /// The value of Retry-After: seconds, or a date (RFC 9110, 10.2.3). Nil for anything else.
  package static func seconds(_ value: String, now: Date) -> Double? {
    if let seconds = Int(value) { return seconds < 0 ? nil : Double(seconds) }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return format.date(from: value).map { max(0, $0.timeIntervalSince(now)) }
  }
}
