/// Text of a stream that is searched for tags, as bytes. A possible start of a tag is held until more text arrives.
struct HeldText {
  private(set) var bytes: [UInt8] = []

  init() {
    // More capacity than a token needs, so that a decode step does not allocate.
    bytes.reserveCapacity(256)
  }

  mutating func append(_ text: String) { bytes += text.utf8 }

  /// Removes the first `count` bytes.
  mutating func drop(_ count: Int) { bytes.removeFirst(count) }

  /// Removes the first `count` bytes and returns them.
  mutating func take(_ count: Int) -> [UInt8] {
    defer { drop(count) }
    return Array(bytes[..<count])
  }

  /// Part of the text.
  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// The first of the tags, and where it starts.
  func firstTag(of tags: [String]) -> (tag: String, start: Int)? {
    var first: (tag: String, start: Int)?
    for tag in tags {
      guard let start = bytes.firstOccurrence(of: tag.utf8), start < first?.start ?? .max else { continue }
      first = (tag, start)
    }
    return first
  }

  /// The number of leading bytes that cannot belong to an incomplete tag.
  func settledByteCount(before tags: [String]) -> Int {
    let longest = tags.reduce(0) { max($0, $1.utf8.count) }
    for start in max(0, bytes.count - longest + 1)..<max(bytes.count, 1) where start < bytes.count {
      let isPrefix = tags.contains {
        $0.utf8.count > bytes.count - start && $0.utf8.starts(with: bytes[start...])
      }
      if isPrefix { return start }
    }
    return bytes.count
  }

  /// Whether the bytes from `start` to the end are a proper prefix of the tag.
  func isBeginning(of tag: String, from start: Int) -> Bool {
    bytes.count - start < tag.utf8.count && tag.utf8.starts(with: bytes[start...])
  }

  /// Whether the tag occurs at `start`.
  func has(_ tag: String, at start: Int) -> Bool { bytes[start...].starts(with: tag.utf8) }
}
