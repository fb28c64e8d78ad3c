import QuireJSON

/// Turns a stream of ids into text; holds back bytes until they form whole characters.
///
/// ```swift
/// var decoder = IncrementalDecoder(tokenizer)
/// for await id in ids { print(decoder.append(id), terminator: "") }
/// print(decoder.finish())
/// ```
///
/// Text is returned as soon as the bytes so far end with a whole character, as in the streaming decoder of Hugging
/// Face's `tokenizers`: bytes that are not UTF-8 wait for the next character and are returned before it as U+FFFD.
/// There are two differences: a U+FFFD that the model wrote is an ordinary character, and at the end of a stream only
/// the bytes of an incomplete character are dropped.
package struct IncrementalDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipsSpecial: Bool
  /// Special tokens that are returned nevertheless.
  private let shownIDs: [Int32]
  /// Bytes not returned yet.
  private var held: [UInt8] = []

  /// - Parameter shown: Texts of special tokens that are returned although others are not: the tags of an answer.
  package init(_ tokenizer: Tokenizer, skipSpecial: Bool = false, shown: [String] = []) {
    self.tokenizer = tokenizer
    shownIDs = shown.compactMap(tokenizer.addedTokenID).filter(tokenizer.isSpecial)
    skipsSpecial = skipSpecial
    // More capacity than a token needs, so that a decode step does not allocate.
    held.reserveCapacity(256)
  }

  /// The text that the next id completes; empty while a character is incomplete.
  package mutating func append(_ id: Int32) -> String {
    if skipsSpecial && tokenizer.isSpecial(id) && !shownIDs.contains(id) { return "" }
    let bytes = tokenizer.bytes(of: id)
    if bytes.isEmpty { return "" }
    held += bytes
    return endsWithWholeCharacter ? release() : ""
  }

  /// Whether the ids so far end with an incomplete, so far valid character.
  package var endsInsideCharacter: Bool { unfinishedByteCount > 0 }

  /// The rest without an incomplete last character; other invalid bytes become U+FFFD.
  package mutating func finish() -> String {
    held.removeLast(unfinishedByteCount)
    return release()
  }

  private mutating func release() -> String {
    defer { held.removeAll(keepingCapacity: true) }
    return String(decoding: held, as: UTF8.self)
  }

  /// The number of bytes at the end that form an incomplete, so far valid character.
  private var unfinishedByteCount: Int {
    for length in 1...3 where length <= held.count {
      let start = held.count - length
      if held[start] & 0xC0 == 0x80 { continue }
      // Testing the smallest and the largest continuation byte covers every allowed range of a second byte (Unicode,
      // table 3-7).
      let missing = (held[start] >= 0xF0 ? 4 : held[start] >= 0xE0 ? 3 : 2) - length
      guard held[start] >= 0xC2, missing > 0 else { return 0 }
      let isBeginning = [0x80, 0xBF].contains { (byte: UInt8) in
        let character = Array(held[start...]) + [UInt8](repeating: byte, count: missing)
        return character.withUnsafeBytes { firstInvalidUTF8Offset(in: $0) == nil }
      }
      return isBeginning ? length : 0
    }
    return 0
  }

  /// Whether the held bytes end with a well-formed character.
  private var endsWithWholeCharacter: Bool {
    for length in 1...min(4, held.count) {
      let start = held.count - length
      if held[start] & 0xC0 != 0x80 {
        return held.withUnsafeBytes { firstInvalidUTF8Offset(in: .init(rebasing: $0[start...])) == nil }
      }
    }
    return false
  }
}
