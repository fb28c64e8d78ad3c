import Foundation

extension TemplateMachine {
  func applyNumber(
    _ filter: TemplateFilter, to input: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateValue {
    if case .undefined(let undefined) = input { throw .operation(undefined.message) }
    switch filter {
    case .int:
      let arguments = try values.bound("int", ["default", "base"])
      guard let base = (arguments[1] ?? .int(10)).index, base == 0 || (2...36).contains(base) else {
        throw .operation("int() base must be >= 2 and <= 36, or 0")
      }
      return try Self.integer(input, base: base) ?? arguments[0] ?? .int(0)
    case .float:
      let standard = try values.bound("float", ["default"])[0] ?? .float(0)
      if let number = input.number { return .float(number.double) }
      guard case .text(let text) = input, let value = Self.float(text) else { return standard }
      return .float(value)
    case .abs:
      try values.expectNone(filter)
      guard let number = input.number else {
        throw .operation("bad operand type for abs(): '\(input.typeName)'")
      }
      return number.isLess(than: .int(0)) ? try TemplateArithmetic.negated(number) : number.value
    default: return try rounded(input, values)
    }
  }

  /// Python's `int(value)`, or the integer part of a text with a fraction; nil where there is none.
  private static func integer(_ value: TemplateValue, base: Int) throws(TemplateFault) -> TemplateValue? {
    switch value {
    case .int, .largeInt: return value
    case .bool(let flag): return .int(flag ? 1 : 0)
    case .float(let float): return try truncated(float)
    case .text(let text):
      if let integer = try integer(text, base: base) { return .int(integer) }
      return try float(text).flatMap { float throws(TemplateFault) in try truncated(float) }
    default: return nil
    }
  }

  private static func truncated(_ value: Double) throws(TemplateFault) -> TemplateValue? {
    if !value.isFinite { return nil }
    guard let integer = Int(exactly: value.rounded(.towardZero)) else {
      throw .unsupported("an integer beyond 64 bits")
    }
    return .int(integer)
  }

  private static func trimmedString(_ text: TemplateText) -> String {
    text[text.rangeWithoutSpace(left: true, right: true)].string
  }

  /// Digits with single underscores between them, after a sign and, with a base of 16, 8 or 2, its prefix.
  private static func integer(_ text: TemplateText, base: Int) throws(TemplateFault) -> Int? {
    var digits = trimmedString(text)[...]
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
    var radix = base
    for (prefix, own) in [("0x", 16), ("0o", 8), ("0b", 2)] where base == own || base == 0 {
      if digits.lowercased().hasPrefix(prefix) {
        digits = digits.dropFirst(2)
        if digits.hasPrefix("_") { digits = digits.dropFirst() }
        radix = own
      }
    }
    if radix == 0 { radix = 10 }
    let parts = digits.split(separator: "_", omittingEmptySubsequences: false)
    guard !parts.contains(where: \.isEmpty),
      parts.allSatisfy({
        $0.utf8.allSatisfy {
          Character(Unicode.Scalar($0)).isLetter || Character(Unicode.Scalar($0)).isNumber
        }
      })
    else { return nil }
    let joined = parts.joined()
    if let value = Int((isNegative ? "-" : "") + joined, radix: radix) { return value }
    if radix == 10 && joined.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      throw .unsupported("an integer beyond 64 bits")
    }
    return nil
  }

  private static func float(_ text: TemplateText) -> Double? {
    let string = trimmedString(text)
    switch string.lowercased() {
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan", "+nan", "-nan": return .nan
    default: break
    }
    guard string.utf8.allSatisfy({ "0123456789+-.eE_".utf8.contains($0) }) else { return nil }
    let parts = string.split(separator: "_", omittingEmptySubsequences: false)
    for (left, right) in zip(parts, parts.dropFirst()) {
      guard let end = left.utf8.last, let start = right.utf8.first, (0x30...0x39).contains(end),
        (0x30...0x39).contains(start)
      else { return nil }
    }
    return Double(parts.joined())
  }

  private func rounded(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    let arguments = try values.bound("round", ["precision", "method"])
    guard let precision = (arguments[0] ?? .int(0)).index, (0...300).contains(precision) else {
      throw .unsupported("rounding to another precision than 0 to 300 digits")
    }
    guard let number = input.number else {
      throw .operation("type \(input.typeName) doesn't define __round__ method")
    }
    switch (arguments[1] ?? .template("common")).textValue?.string {
    case "common":
      guard case .float(let value) = number else { return number.value }
      // Writing the digits rounds exactly, half to even.
      return .float(value.isFinite ? Double(String(format: "%.*f", precision, value)) ?? value : value)
    case let method? where method == "ceil" || method == "floor":
      let scale = pow(10, Double(precision))
      let scaled = (number.double * scale).rounded(method == "ceil" ? .up : .down)
      return .float(scaled / scale)
    default: throw .operation("method must be common, ceil or floor")
    }
  }
}
