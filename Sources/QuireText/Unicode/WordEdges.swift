/// Tests the characters next to an added token in valid UTF-8 text, by the classes `\w` and `\s` of the regular
/// expressions in Hugging Face's tokenizer.
enum WordEdges {
  /// Whether a word character is directly before or after `range`.
  static func touchesWord(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    if range.upperBound < bytes.count, isWord(UTF8Text.scalar(in: bytes, at: range.upperBound).scalar) {
      return true
    }
    guard let before = UTF8Text.start(in: bytes, before: range.lowerBound) else { return false }
    return isWord(UTF8Text.scalar(in: bytes, at: before).scalar)
  }

  /// The start of the white space that ends at `end`, not before `limit`.
  static func startOfSpace(_ bytes: UnsafeBufferPointer<UInt8>, before end: Int, limit: Int) -> Int {
    var start = end
    while start > limit, let before = UTF8Text.start(in: bytes, before: start), isSpace(bytes, before) {
      start = before
    }
    return start
  }

  /// The end of the white space that starts at `start`.
  static func endOfSpace(_ bytes: UnsafeBufferPointer<UInt8>, after start: Int) -> Int {
    var end = start
    while end < bytes.count, isSpace(bytes, end) { end += UTF8Text.scalar(in: bytes, at: end).length }
    return end
  }

  private static func isSpace(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
    let kind = CharacterTable.shared.traits(of: UTF8Text.scalar(in: bytes, at: index).scalar).kind
    return kind == .space || kind == .lineEnd
  }

  /// `\w` (Unicode Technical Standard 18, annex C).
  private static func isWord(_ scalar: UInt32) -> Bool {
    guard let scalar = Unicode.Scalar(scalar) else { return false }
    let properties = scalar.properties
    if properties.isAlphabetic || properties.isJoinControl { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }
}
