/// The UTF-8 of a range of scalars, as sequences of byte ranges.
///
/// A range is cut where the length of the encoding changes and where the last bytes do not run through all their
/// values; what is left is one range for each byte. (The method of Ken Thompson's grep, described by Russ Cox in
/// "Regular Expression Matching in the Wild".)
enum UTF8Ranges {
  /// Calls `body` with each sequence of byte ranges, the first byte first. The range must hold no surrogates.
  static func forEach(
    in range: ClosedRange<UInt32>, _ body: ([ClosedRange<UInt8>]) throws(GrammarError) -> Void
  ) throws(GrammarError) {
    var pending = [range]
    while let range = pending.popLast() {
      if let cut = cut(range) {
        pending.append(cut + 1...range.upperBound)
        pending.append(range.lowerBound...cut)
      } else {
        let (low, high) = (bytes(range.lowerBound), bytes(range.upperBound))
        try body(zip(low, high).map { $0...$1 })
      }
    }
  }

  /// The last scalar of the first of two parts, if the range has to be cut.
  private static func cut(_ range: ClosedRange<UInt32>) -> UInt32? {
    let (low, high) = (range.lowerBound, range.upperBound)
    for last in [0x7F, 0x7FF, 0xFFFF] as [UInt32] where low <= last && high > last { return last }
    if high <= 0x7F { return nil }
    for continuationCount in 1...3 as ClosedRange<UInt32> {
      let mask: UInt32 = (1 << (6 * continuationCount)) - 1
      if low & ~mask == high & ~mask { continue }
      if low & mask != 0 { return low | mask }
      if high & mask != mask { return (high & ~mask) - 1 }
    }
    return nil
  }

  private static func bytes(_ scalar: UInt32) -> [UInt8] {
    func continuation(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 0x80 | (scalar >> shift) & 0x3F) }
    switch scalar {
    case 0..<0x80: return [UInt8(truncatingIfNeeded: scalar)]
    case 0x80..<0x800: return [UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6), continuation(0)]
    case 0x800..<0x1_0000:
      return [UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12), continuation(6), continuation(0)]
    default:
      return [
        UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18), continuation(12), continuation(6), continuation(0),
      ]
    }
  }
}
