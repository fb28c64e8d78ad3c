import Foundation
import QuireFiles

/// The lines of stdin as bytes, each as soon as it has arrived. `readLine` would replace invalid UTF-8, which changes
/// the tokens, and takes a failure to read for the end. The line rules are those of ``JSONLines``: a byte order mark before the first line and the CR of a
/// CR LF are dropped.
struct InputLines {
  /// The number of the line that `next` returned last, from 1.
  private(set) var number = 0
  private var pending: [UInt8] = []
  private var begin = 0  // offset in `pending` of bytes not returned yet
  private var isAtEnd = false

  /// The next line without its line end; nil after the last.
  mutating func next() throws(CommandError) -> [UInt8]? {
    guard let line = try nextBytes() else { return nil }
    let isMarked = number == 1 && line.starts(with: TextFile.byteOrderMark)
    return Array(JSONLines.withoutReturn(line.dropFirst(isMarked ? TextFile.byteOrderMark.count : 0)))
  }

  private mutating func nextBytes() throws(CommandError) -> [UInt8]? {
    var searched = begin
    while true {
      if let end = pending[searched...].firstIndex(of: 0x0A) {
        defer { begin = end + 1 }
        number += 1
        return Array(pending[begin..<end])
      }
      pending.removeSubrange(..<begin)
      begin = 0
      searched = pending.count
      if isAtEnd { return takeRest() }
      try readMore()
    }
  }

  /// The bytes after the last line feed.
  private mutating func takeRest() -> [UInt8]? {
    guard !pending.isEmpty else { return nil }
    defer { pending = [] }
    number += 1
    return pending
  }

  private mutating func readMore() throws(CommandError) {
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    let count = chunk.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress, $0.count) }
    if count < 0, errno != EINTR { throw StandardInput.unreadable(.last) }
    if count > 0 { pending += chunk[..<count] }
    isAtEnd = count == 0
  }
}
