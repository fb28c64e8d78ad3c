import TestSupport

/// Changes a text at places where parsers decide: numbers become the ones that overflow, pieces between brackets and
/// commas are doubled, moved or dropped, and known words appear.
package struct TextMutation {
  private var generator: SeededGenerator

  package init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// Numbers at the edges of integers and floats, and some that are just wrong.
  private static let numbers = [
    "0", "1", "-1", "2", "31", "32", "33", "127", "128", "255", "256", "65536", "2147483647", "2147483648",
    "4294967296", "281474976710656", "2305843009213693951", "4611686018427387904", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "1e308",
    "1e-308",
    "1e400", "0.5", "-0", "1e3", "0x7fffffffffffffff", "1e19", "null", "true", "\"\"", "[]", "{}",
  ]

  /// One of two times.
  package var isWanted: Bool {
    mutating get { Bool.random(using: &generator) }
  }

  /// The input with one to four changes.
  package mutating func mutated(_ input: [UInt8], words: [String]) -> [UInt8] {
    var bytes = input
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: replaceNumber(&bytes)
      case 1: insert(words.randomElement(using: &generator) ?? "", &bytes)
      case 2: doublePiece(&bytes)
      case 3: dropPiece(&bytes)
      case 4: movePiece(&bytes)
      default: flipBit(&bytes)
      }
    }
    return bytes
  }

  private mutating func replaceNumber(_ bytes: inout [UInt8]) {
    let isDigit = { (byte: UInt8) in byte &- UInt8(ascii: "0") < 10 }
    let starts = bytes.indices.filter { isDigit(bytes[$0]) && ($0 == 0 || !isDigit(bytes[$0 - 1])) }
    guard let start = starts.randomElement(using: &generator) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    bytes.replaceSubrange(start..<end, with: (Self.numbers.randomElement(using: &generator) ?? "").utf8)
  }

  private mutating func insert(_ word: String, _ bytes: inout [UInt8]) {
    bytes.insert(contentsOf: word.utf8, at: place(in: bytes))
  }

  private mutating func doublePiece(_ bytes: inout [UInt8]) {
    let piece = piece(of: bytes)
    guard piece.count < 4096 else { return }
    bytes.insert(contentsOf: Array(bytes[piece]), at: piece.upperBound)
  }

  private mutating func dropPiece(_ bytes: inout [UInt8]) { bytes.removeSubrange(piece(of: bytes)) }

  private mutating func movePiece(_ bytes: inout [UInt8]) {
    let piece = piece(of: bytes)
    let moved = Array(bytes[piece])
    bytes.removeSubrange(piece)
    bytes.insert(contentsOf: moved, at: place(in: bytes))
  }

  private mutating func flipBit(_ bytes: inout [UInt8]) {
    guard let index = bytes.indices.randomElement(using: &generator) else { return }
    bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
  }

  /// A place next to a separator, or anywhere.
  private mutating func place(in bytes: [UInt8]) -> Int {
    separators(in: bytes).randomElement(using: &generator)
      ?? Int.random(in: 0...bytes.count, using: &generator)
  }

  /// What lies between two separators.
  private mutating func piece(of bytes: [UInt8]) -> Range<Int> {
    let ends = [place(in: bytes), place(in: bytes)].sorted()
    return ends[0]..<ends[1]
  }

  private func separators(in bytes: [UInt8]) -> [Int] {
    bytes.indices.filter { "{}[],:\"\n<> ".utf8.contains(bytes[$0]) }
  }
}
