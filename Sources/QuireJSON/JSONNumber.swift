/// A number with its literal, so that reading and writing it does not change it.
///
/// The literal is always valid JSON; JSON5 forms (`+1`, `.5`, `0x1F`) are converted when they are read.
package struct JSONNumber: Sendable, Equatable {
  package let literal: String

  /// Precondition, not checked: the literal is valid JSON and finite as a 64-bit float.
  init(validLiteral: String) {
    literal = validLiteral
  }

  package init(_ value: some BinaryInteger) {
    literal = String(value)
  }

  /// Nil for infinities and NaN, which JSON cannot write.
  package init?(exactly value: Double) {
    guard value.isFinite else { return nil }
    literal = shortestDecimal(value.description)
  }

  /// Whether the literal has neither fraction nor exponent; Python reads such a literal as an int.
  package var isIntegerLiteral: Bool {
    !literal.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }
  }

  /// The value when it is exactly an integer that fits in 64 bits; nil otherwise.
  package var int: Int? {
    if let exact = Int(literal) { return exact }
    if isIntegerLiteral { return nil }
    // Beyond 2^53 a float literal does not identify one integer.
    guard let double, abs(double) <= 0x1p53 else { return nil }
    let truncated = Int(double)
    return Double(truncated) == double ? truncated : nil
  }

  /// The nearest 64-bit float; nil if that is infinite.
  package var double: Double? {
    guard let value = Double(literal), value.isFinite else { return nil }
    return value
  }

  /// The output of Python's `json.dumps(json.loads(literal))`: integers in full, floats as `repr` (`1e+22`, `1e-05`,
  /// `-0.0`).
  package var pythonLiteral: String {
    if isIntegerLiteral { return literal == "-0" ? "0" : literal }
    guard let value = Double(literal), value.isFinite else { return literal }
    return shortestDecimal(value.description)
  }
}

/// Converts a shortest round-trip decimal (Swift's `description`) to the form of Python's `repr` for a float:
/// positional for decimal exponents -4 ..< 16, otherwise `d.ddde+XX` with at least two exponent digits.
func shortestDecimal(_ description: String) -> String {
  // bounded: a float's exponent has three digits, and Swift writes seventeen more
  var digits: [UInt8] = []
  var exponent = 0
  var seenPoint = false
  var isNegative = false
  var bytes = Array(description.utf8)[...]
  if bytes.first == UInt8(ascii: "-") {
    isNegative = true
    bytes.removeFirst()
  }
  while let byte = bytes.first {
    bytes.removeFirst()
    if byte == UInt8(ascii: "e") {
      exponent += Int(String(decoding: bytes, as: UTF8.self)) ?? 0
      break
    }
    if byte == UInt8(ascii: ".") {
      seenPoint = true
      continue
    }
    digits.append(byte)
    if !seenPoint { exponent += 1 }
  }
  // value = 0.d1d2d3… × 10^exponent, with d1 ≠ 0 unless the value is zero.
  while digits.count > 1 && digits.first == UInt8(ascii: "0") {
    digits.removeFirst()
    exponent -= 1
  }
  while digits.count > 1 && digits.last == UInt8(ascii: "0") { digits.removeLast() }
  if digits == [UInt8(ascii: "0")] { exponent = 1 }
  return (isNegative ? "-" : "") + pythonForm(String(decoding: digits, as: UTF8.self), exponent - 1)
}

/// Inserts the decimal point into `digits` (d.ddd × 10^exponent) as Python's `repr` does.
private func pythonForm(_ digits: String, _ exponent: Int) -> String {
  // bounded: as above
  if exponent < -4 || exponent >= 16 {
    let fraction = digits.dropFirst()
    let size = String(abs(exponent))
    return digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction) + (exponent < 0 ? "e-" : "e+")
      + (size.utf8.count < 2 ? "0" + size : size)
  }
  if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + digits }
  if digits.utf8.count <= exponent + 1 {
    return digits + String(repeating: "0", count: exponent + 1 - digits.utf8.count) + ".0"
  }
  return digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
}
