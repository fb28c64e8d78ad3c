/// The first bytes of a request's body or of an answer, for a log that was asked for with `--log-bodies`.
package struct LoggedBody: Sendable, Equatable {
  /// At most this many bytes are kept.
  private let limit: Int
  private var bytes: [UInt8] = []
  /// Bytes of the whole body.
  private var byteCount = 0

  package init(limit: Int) {
    self.limit = limit
  }

  package mutating func append(_ more: some Collection<UInt8>) {
    byteCount += more.count
    bytes += more.prefix(limit - bytes.count)
  }

  /// On one line: `123 bytes: {"model": …`. Control and format characters are escaped.
  package var line: String {
    let whole = String(decoding: bytes, as: UTF8.self)
    let shown = whole.unicodeScalars.map(Found.escaped).joined()
    return "\(byteCount) bytes: \(shown)\(byteCount > bytes.count ? "…" : "")"
  }
}
