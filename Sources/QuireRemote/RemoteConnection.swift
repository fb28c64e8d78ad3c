import CCurl
import Foundation

/// One connection to servers, for one thread. It stays open between requests.
package final class RemoteConnection {
  /// Ends running requests.
  let stop: StopFlag
  private let client: OpaquePointer

  package init(stop: StopFlag = StopFlag()) throws(RemoteError) {
    guard let client = quire_http_open() else { throw .noLibrary }
    self.client = client
    self.stop = stop
  }

  deinit { quire_http_close(client) }

  /// What came back, whatever its status.
  struct Answer {
    var outcome = quire_http_failed
    var status = 0
    var body: [UInt8] = []
    /// The value of Retry-After.
    var retryAfter = ""
    /// The reason of a failure.
    var error = ""
  }

  struct Request {
    var url: String
    var headers: [String]
    /// Nil for GET.
    var body: [UInt8]?
    var seconds: Int
    var isDirect: Bool
  }

  static let connectSeconds = 20
  /// The most bytes of an answer.
  package static let answerLimit = 64 << 20

  func exchange(_ request: Request) -> Answer {
    var found = quire_http_answer()
    withPointers(to: request.headers) { headers in
      (request.body ?? []).withUnsafeBufferPointer { body in
        request.url.withCString { url in
          var asked = quire_http_request()
          asked.url = url
          asked.headers = headers.baseAddress
          asked.header_count = headers.count
          body.withMemoryRebound(to: CChar.self) { body in
            // An empty body is not GET.
            let empty = url + strlen(url)
            asked.body = request.body == nil ? nil : body.baseAddress ?? empty
            asked.body_count = body.count
            asked.connect_milliseconds = 1000 * min(Self.connectSeconds, request.seconds)
            asked.milliseconds = 1000 * request.seconds
            asked.answer_limit = Self.answerLimit
            asked.is_direct = request.isDirect ? 1 : 0
            asked.stop = UnsafePointer(stop.pointer)
            quire_http_exchange(client, &asked, &found)
          }
        }
      }
    }
    defer { free(found.body) }
    var answer = Answer()
    answer.outcome = found.outcome
    answer.status = found.status
    if let bytes = found.body {
      answer.body = [UInt8](UnsafeRawBufferPointer(start: bytes, count: found.body_count))
    }
    answer.retryAfter = withUnsafeBytes(of: found.retry_after) { Self.text($0) }
    answer.error = withUnsafeBytes(of: found.error) { Self.text($0) }
    return answer
  }

  /// The text up to the first zero byte.
  private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  private func withPointers(
    to texts: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Void
  ) {
    let copies = texts.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    copies.map { $0.map { UnsafePointer($0) } }.withUnsafeBufferPointer(body)
  }
}

/// Tells running requests to end.
///
/// `@unchecked`: the flag is read and set atomically.
package final class StopFlag: @unchecked Sendable {
  fileprivate let pointer: UnsafeMutablePointer<Int32>

  package init() {
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: 0)
  }

  deinit { pointer.deallocate() }

  package func set() { quire_http_set_flag(pointer) }
  package var isSet: Bool { quire_http_read_flag(pointer) != 0 }
}
