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
/// U+FFFD that the model wrote is a character like any other, and nothing is lost at the end.
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
    return endsWithWholeCharacter ? finish() : ""
  }

  /// The rest, incomplete characters as U+FFFD.
  package mutating func finish() -> String {
    defer { held.removeAll(keepingCapacity: true) }
    return String(decoding: held, as: UTF8.self)
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
