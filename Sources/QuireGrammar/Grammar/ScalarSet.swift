/// A set of Unicode scalars as ranges, ascending and apart. Surrogates are never in it.
package struct ScalarSet: Sendable, Equatable {
  package private(set) var ranges: [ClosedRange<UInt32>] = []

  static let scalarMaximum: UInt32 = 0x10FFFF
  static let surrogates: ClosedRange<UInt32> = 0xD800...0xDFFF

  /// Every scalar.
  package static let all = ScalarSet([0...scalarMaximum])
  package static let digits = ScalarSet("0"..."9")
  static let hexadecimalDigits = ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
  /// Letters and digits of ASCII, and the underscore.
  static let wordCharacters = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  /// Spaces of Unicode's category Zs, and its line and paragraph separators.
  private static let separators = ScalarSet([
    0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
    0x205F...0x205F,
    0x3000...0x3000,
  ])
  /// What `str.isspace` of Python calls white space.
  static let pythonWhiteSpace = separators.union(ScalarSet([0x09...0x0D, 0x1C...0x1F, 0x85...0x85]))
  /// WhiteSpace and LineTerminator of ECMA-262.
  static let ecmaScriptWhiteSpace = separators.union(ScalarSet([0x09...0x0D, 0xFEFF...0xFEFF]))

  /// Ranges in any order; they may overlap and contain surrogates or numbers that are no scalars.
  package init(_ ranges: [ClosedRange<UInt32>]) {
    var merged: [ClosedRange<UInt32>] = []
    for range in ranges.flatMap(Self.withoutSurrogates).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, range.lowerBound <= last.upperBound &+ 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    // Ranges that only the surrogates separate stay apart.
    self.ranges = merged
  }

  package init(_ range: ClosedRange<Unicode.Scalar>) {
    self.init([range.lowerBound.value...range.upperBound.value])
  }

  package init(_ scalar: Unicode.Scalar) { self.init(scalar...scalar) }

  private static func withoutSurrogates(_ range: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
    let (low, high) = (range.lowerBound, min(range.upperBound, scalarMaximum))
    var parts: [ClosedRange<UInt32>] = []
    if low < surrogates.lowerBound { parts.append(low...min(high, surrogates.lowerBound - 1)) }
    if high > surrogates.upperBound && low <= high {
      parts.append(max(low, surrogates.upperBound + 1)...high)
    }
    return parts
  }

  package var isEmpty: Bool { ranges.isEmpty }

  package func contains(_ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) }
  }

  package var inverted: ScalarSet {
    var gaps: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { gaps.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= Self.scalarMaximum { gaps.append(next...Self.scalarMaximum) }
    return ScalarSet(gaps)
  }

  package func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

  package func subtracting(_ other: ScalarSet) -> ScalarSet {
    inverted.union(other).inverted
  }

  package func intersection(_ other: ScalarSet) -> ScalarSet {
    inverted.union(other.inverted).inverted
  }
}
