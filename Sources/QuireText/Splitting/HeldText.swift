/// Text of a stream in which tags are looked for, as bytes: what could be the start of a tag must wait for more.
struct HeldText {
  private(set) var bytes: [UInt8] = []

  init() {
    // Room for more than a token has, so that a decode step does not allocate.
    bytes.reserveCapacity(256)
  }

  mutating func append(_ text: String) { bytes += text.utf8 }

  /// Takes away the first `count` bytes.
  mutating func drop(_ count: Int) { bytes.removeFirst(count) }

  /// Takes away the first `count` bytes and gives them out.
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

  /// How many bytes, counted from the front, cannot belong to a tag that is still incomplete.
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

  /// Whether the bytes from `start` on are the beginning of the tag, and not yet all of it.
  func isBeginning(of tag: String, from start: Int) -> Bool {
    bytes.count - start < tag.utf8.count && tag.utf8.starts(with: bytes[start...])
  }

  /// Whether the tag stands at `start`.
  func has(_ tag: String, at start: Int) -> Bool { bytes[start...].starts(with: tag.utf8) }
}
