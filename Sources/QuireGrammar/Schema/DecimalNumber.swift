import QuireJSON

/// A number as it is written, digit for digit: `digits` × 10^`exponent`. Floats cannot say whether 0.07 is a multiple of 0.01.
struct DecimalNumber {
  let isNegative: Bool
  /// From the first one that is not zero to the last such one; none for zero.
  private let digits: [UInt8]
  private let exponent: Int

  /// Exponents beyond it are not read, so that nothing is computed with them.
  private static let exponentMaximum = 1000

  /// Nil for a number with an exponent that is out of reach.
  init?(_ number: JSONNumber) {
    let parts = number.literal.utf8.split(maxSplits: 1) { $0 | 0x20 == UInt8(ascii: "e") }
    let written = parts.count > 1 ? Int(String(decoding: parts[1], as: UTF8.self)) : 0
    guard let written, written.magnitude <= Self.exponentMaximum else { return nil }
    isNegative = parts[0].first == UInt8(ascii: "-")
    let halves = parts[0].drop { $0 == UInt8(ascii: "-") }.split(separator: UInt8(ascii: "."))
    var digits = halves.joined().map { $0 - UInt8(ascii: "0") }
    // bounded: the limit above, and the length of a literal
    var exponent = written - (halves.count > 1 ? halves[1].count : 0)
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    self.digits = Array(digits.drop { $0 == 0 })
    self.exponent = digits.isEmpty ? 0 : exponent
  }

  /// Digits after the point.
  var fractionDigitCount: Int { max(0, -exponent) }

  /// The magnitude in units of 10^-`count`, without what is less than one unit; nil for more than 18 digits.
  func magnitude(fractionDigits count: Int) -> (units: Int, isExact: Bool)? {
    // bounded: the exponent by its limit, the count by the number of digits of a step
    let shift = exponent + count
    let length = digits.count + shift
    guard length <= JSONGrammar.digitCountMaximum else { return nil }
    let whole = digits.prefix(max(0, length)) + [UInt8](repeating: 0, count: max(0, shift))
    return (whole.reduce(0) { $0 * 10 + Int($1) }, shift >= 0)
  }
}
