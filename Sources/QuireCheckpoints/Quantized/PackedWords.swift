/// Unsigned integers of 4 or 8 bits in 32-bit words, the first in the lowest bits.
struct PackedWords {
  let words: UnsafeBufferPointer<UInt32>
  let bits: Int
  /// Added to each word as a whole, with carries from one number into the next.
  private let added: UInt32

  var countPerWord: Int { 32 / bits }

  /// - Parameter addsOne: whether one is added to each number, modulo the word.
  init(_ bytes: UnsafeRawBufferPointer, bits: Int, addsOne: Bool = false) {
    words = bytes.bindMemory(to: UInt32.self)
    self.bits = bits
    // 0x11111111 for 4 bits.
    added = addsOne ? UInt32.max / (1 << UInt32(truncatingIfNeeded: bits) - 1) : 0
  }

  func value(word: Int, at position: Int) -> UInt8 {
    let shifted = (words[word] &+ added) >> UInt32(truncatingIfNeeded: position * bits)
    return UInt8(truncatingIfNeeded: shifted) & UInt8(truncatingIfNeeded: (1 << bits) - 1)
  }
}

/// AutoAWQ's order of the eight numbers in a word: the number of column i is at position `awqPositions[i]`.
let awqPositions = [0, 4, 1, 5, 2, 6, 3, 7]
