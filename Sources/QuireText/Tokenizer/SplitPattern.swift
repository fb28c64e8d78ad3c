/// Cuts text into pieces for byte-pair encoding, as Qwen's regular expression does:
///
///     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
///
/// The alternatives, tried in order at each position, are numbered in the code:
/// 1. a contraction; 2. letters, optionally after one character that is no line end, letter or number;
/// 3. one number; 4. symbols, optionally with one space before and line ends after them; 5. white space up to its
/// last line end; 6. white space without its last character, which belongs to the next piece; 7. white space.
package struct SplitPattern: Sendable {
  /// The pattern as written in tokenizer.json; no other is accepted.
  static let source =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"#
    + #"|\s+(?!\S)|\s+"#

  private let table = CharacterTable.shared

  package init() {}

  /// The end of the piece that starts at `start`. `bytes` must be valid UTF-8 and `start` a character boundary before
  /// its end. The end of `bytes` counts as the end of the text.
  @inline(__always)
  package func endOfPiece(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    let (scalar, length) = UTF8Text.scalar(in: bytes, at: start)
    let next = start + length
    switch table.traits(of: scalar).kind {
    case .letter: return endOfLetters(in: bytes, from: next)  // 2
    case .number: return next  // 3
    case .other:
      if scalar == 0x27, let end = endOfContraction(in: bytes, from: next) { return end }  // 1
      if kind(in: bytes, at: next) == .letter { return endOfLetters(in: bytes, from: next) }  // 2
      return endOfSymbols(in: bytes, from: next)  // 4
    case .space:
      let following = kind(in: bytes, at: next)
      if following == .letter { return endOfLetters(in: bytes, from: next) }  // 2
      if scalar == 0x20 && following == .other { return endOfSymbols(in: bytes, from: next) }  // 4
      return endOfSpace(in: bytes, from: start)
    default: return endOfSpace(in: bytes, from: start)
    }
  }

  /// The class of the character at `index`; nil at the end.
  @inline(__always)
  private func kind(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> CharacterTraits? {
    guard index < bytes.count else { return nil }
    return table.traits(of: UTF8Text.scalar(in: bytes, at: index).scalar).kind
  }

  @inline(__always)
  private func endOfLetters(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start
    while index < bytes.count {
      let (scalar, length) = UTF8Text.scalar(in: bytes, at: index)
      guard table.traits(of: scalar).kind == .letter else { break }
      index += length
    }
    return index
  }

  private func endOfSymbols(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start
    while index < bytes.count {
      let (scalar, length) = UTF8Text.scalar(in: bytes, at: index)
      guard table.traits(of: scalar).kind == .other else { break }
      index += length
    }
    while index < bytes.count && (bytes[index] == 0x0A || bytes[index] == 0x0D) { index += 1 }
    return index
  }

  /// White space at `start`: alternatives 5, 6 and 7.
  private func endOfSpace(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start
    var lastCharacter = start
    var endOfLines: Int?
    while index < bytes.count {
      let (scalar, length) = UTF8Text.scalar(in: bytes, at: index)
      let kind = table.traits(of: scalar).kind
      guard kind == .space || kind == .lineEnd else { break }
      lastCharacter = index
      index += length
      if kind == .lineEnd { endOfLines = index }
    }
    if let endOfLines { return endOfLines }  // 5
    return index < bytes.count && lastCharacter > start ? lastCharacter : index  // 6, 7
  }

  /// The letters of a contraction after the apostrophe, ignoring case. U+017F, the long s, also matches `s`.
  private func endOfContraction(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    guard start < bytes.count else { return nil }
    let second: UInt8 = start + 1 < bytes.count ? bytes[start + 1] : 0
    // Setting bit 5 makes a capital letter small; no byte other than a letter becomes one of these letters.
    switch (bytes[start] | 0x20, second | 0x20) {
    case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
      return start + 1
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return start + 2
    default:
      return bytes[start] == 0xC5 && second == 0xBF ? start + 2 : nil
    }
  }
}
