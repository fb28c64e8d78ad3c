/// A pattern over tensor names as a tree, before it is compiled.
indirect enum NamePattern {
  case empty
  /// One character out of a set.
  case character(NameCharacterSet)
  case start
  case end
  case sequence([NamePattern])
  case alternatives([NamePattern])
  /// At least `least` times, at most `most` times; without a limit where that is nil.
  case repetition(NamePattern, least: Int, most: Int?)
}

/// A set of Unicode scalars: ranges, or everything outside of them.
struct NameCharacterSet {
  var ranges: [ClosedRange<UInt32>]
  var isInverted = false

  init(_ ranges: [ClosedRange<UInt32>], isInverted: Bool = false) {
    self.ranges = ranges
    self.isInverted = isInverted
  }

  init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value]) }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) } != isInverted
  }

  /// Everything but the end of a line, which no tensor name has.
  static let any = NameCharacterSet([0x0A...0x0D], isInverted: true)

  private static func range(_ first: Unicode.Scalar, _ last: Unicode.Scalar) -> ClosedRange<UInt32> {
    first.value...last.value
  }

  /// The set of `\d`, `\w`, `\s` or their opposites; nil for another letter. ASCII only, as tensor names are.
  init?(letter: Unicode.Scalar) {
    let digits = [Self.range("0", "9")]
    switch letter {
    case "d": self.init(digits)
    case "D": self.init(digits, isInverted: true)
    case "w", "W":
      self.init(
        digits + [Self.range("a", "z"), Self.range("A", "Z"), Self.range("_", "_")],
        isInverted: letter == "W")
    case "s", "S": self.init([0x09...0x0D, 0x20...0x20], isInverted: letter == "S")
    default: return nil
    }
  }
}

/// Why a pattern cannot be used, with the position of the character concerned, counted from 1.
package struct NamePatternError: Error, Equatable, CustomStringConvertible {
  package let expected: String
  package let found: String
  package let position: Int

  package var description: String { "expected \(expected), found \(found) at character \(position)" }
}
