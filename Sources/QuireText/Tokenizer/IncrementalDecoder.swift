import QuireJSON

/// Turns a stream of ids into text, holding back bytes until they make whole characters.
///
/// ```swift
/// var decoder = IncrementalDecoder(tokenizer)
/// for await id in ids { print(decoder.append(id), terminator: "") }
/// print(decoder.finish())
/// ```
///
/// Text is given out as soon as everything so far ends with a whole character, as the reference's streaming decoder
/// does it: bytes that are not UTF-8 wait for the next character and come out before it as U+FFFD. Unlike there, a
/// U+FFFD that the model wrote is a character like any other, and the end of a stream loses nothing but the beginning
/// of a character whose other bytes never came.
package struct IncrementalDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipsSpecial: Bool
  /// Bytes not yet given out.
  private var held: [UInt8] = []

  package init(_ tokenizer: Tokenizer, skipSpecial: Bool = false) {
    self.tokenizer = tokenizer
    skipsSpecial = skipSpecial
    // Room for more than a token has, so that a decode step does not allocate.
    held.reserveCapacity(256)
  }

  /// The text that the next id completes; empty while a character is incomplete.
  package mutating func append(_ id: Int32) -> String {
    if skipsSpecial && tokenizer.isSpecial(id) { return "" }
    let bytes = tokenizer.bytes(of: id)
    if bytes.isEmpty { return "" }
    held += bytes
    return endsWithWholeCharacter ? release() : ""
  }

  /// The rest without a character that it only begins; bytes that begin none are U+FFFD.
  package mutating func finish() -> String {
    held.removeLast(unfinishedByteCount)
    return release()
  }

  private mutating func release() -> String {
    defer { held.removeAll(keepingCapacity: true) }
    return String(decoding: held, as: UTF8.self)
  }

  /// Bytes at the end that are the beginning of a well-formed character: with bytes to follow they become one.
  private var unfinishedByteCount: Int {
    for length in 1...3 where length <= held.count {
      let start = held.count - length
      if held[start] & 0xC0 == 0x80 { continue }
      // The least and the largest continuation cover every range that a second byte may have (Unicode, table 3-7).
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
