/// Properties of a code point that the split pattern and the normalizer use, in one byte.
struct CharacterTraits: Equatable {
  var bits: UInt8

  /// `\p{L}`.
  static let letter = CharacterTraits(bits: 1)
  /// `\p{N}`.
  static let number = CharacterTraits(bits: 2)
  /// `\s`, line ends excepted.
  static let space = CharacterTraits(bits: 3)
  /// CR and LF.
  static let lineEnd = CharacterTraits(bits: 4)
  /// Neither letter, number nor white space.
  static let other = CharacterTraits(bits: 0)

  /// One of the five classes above.
  @inline(__always)
  var kind: CharacterTraits { CharacterTraits(bits: bits & 7) }

  /// Whether NFC may change this code point or its position.
  @inline(__always)
  var concernsNormalization: Bool { bits & (Self.markBit | Self.changeBit) != 0 }

  /// Whether NFC may replace this code point: it decomposes, or it composes with one before it.
  @inline(__always)
  var mayChange: Bool { bits & Self.changeBit != 0 }

  /// Its combining class is not 0.
  static let markBit: UInt8 = 8
  static let changeBit: UInt8 = 16
}

/// Traits of every code point in two stages: 256 code points share a block, equal blocks are stored once
/// (about 60 KB in all).
final class CharacterTable: @unchecked Sendable {
  /// The one table; built on first use, in about a millisecond.
  static let shared = CharacterTable()

  // Unchecked: both buffers are written only in `init` and only read afterwards. They are raw memory because a bounds
  // check per character would be a measurable part of the splitting time.
  /// Block number per 256 code points.
  private let blockNumbers: UnsafeMutablePointer<UInt16>
  private let blocks: UnsafeMutablePointer<UInt8>

  private init() {
    let flat = Self.flatTraits()
    var numberOfBlock: [[UInt8]: UInt16] = [:]
    var contents: [UInt8] = []
    var numbers: [UInt16] = []
    for start in stride(from: 0, to: flat.count, by: 256) {
      let block = Array(flat[start..<start + 256])
      let number = numberOfBlock[block] ?? UInt16(numberOfBlock.count)
      if Int(number) == numberOfBlock.count {
        numberOfBlock[block] = number
        contents += block
      }
      numbers.append(number)
    }
    blockNumbers = .allocate(capacity: numbers.count)
    blockNumbers.initialize(from: numbers, count: numbers.count)
    blocks = .allocate(capacity: contents.count)
    blocks.initialize(from: contents, count: contents.count)
  }

  /// `scalar` must be below 0x110000.
  @inline(__always)
  func traits(of scalar: UInt32) -> CharacterTraits {
    CharacterTraits(bits: blocks[Int(blockNumbers[Int(scalar >> 8)]) << 8 + Int(scalar & 0xFF)])
  }

  private static func flatTraits() -> [UInt8] {
    var flat = [UInt8](repeating: CharacterTraits.other.bits, count: 0x110000)
    func set(_ traits: CharacterTraits, _ edges: [UInt32]) {
      for index in stride(from: 0, to: edges.count, by: 2) {
        for code in edges[index]...edges[index + 1] { flat[Int(code)] = traits.bits }
      }
    }
    set(.letter, CharacterRanges.letters)
    set(.number, CharacterRanges.numbers)
    set(.space, CharacterRanges.spaces)
    set(.lineEnd, [0x0A, 0x0A, 0x0D, 0x0D])
    for code in Normalization.marks() { flat[Int(code)] |= CharacterTraits.markBit }
    for code in Normalization.changing() { flat[Int(code)] |= CharacterTraits.changeBit }
    return flat
  }
}
