import Foundation

/// A number of a template: an integer of 64 bits or a float.
enum TemplateNumber {
  case int(Int)
  case float(Double)
  /// More than 64 bits; can be compared only.
  case large(String)

  static func == (left: TemplateNumber, right: TemplateNumber) -> Bool {
    switch (left, right) {
    case (.int(let left), .int(let right)): left == right
    case (.large(let left), .large(let right)): left == right
    case (.int, .large), (.large, .int): false
    case (.int(let int), .float(let float)), (.float(let float), .int(let int)):
      Int(exactly: float) == int
    default: left.double == right.double
    }
  }

  func isLess(than other: TemplateNumber) -> Bool {
    if case .int(let left) = self, case .int(let right) = other { return left < right }
    return double < other.double
  }

  var double: Double {
    switch self {
    case .int(let value): Double(value)
    case .float(let value): value
    case .large(let digits): Double(digits) ?? .infinity
    }
  }

  var value: TemplateValue {
    switch self {
    case .int(let value): .int(value)
    case .float(let value): .float(value)
    case .large(let digits): .largeInt(digits)
    }
  }
}

extension TemplateValue {
  /// The number of an int, float or bool.
  var number: TemplateNumber? {
    switch self {
    case .int(let value): .int(value)
    case .bool(let value): .int(value ? 1 : 0)
    case .float(let value): .float(value)
    case .largeInt(let digits): .large(digits)
    default: nil
    }
  }
}

/// Python's arithmetic on numbers.
enum TemplateArithmetic {
  static func apply(
    _ operation: TemplateBinary, _ left: TemplateNumber, _ right: TemplateNumber
  ) throws(TemplateFault) -> TemplateValue {
    if case .large = left { throw tooLarge }
    if case .large = right { throw tooLarge }
    if case .int(let left) = left, case .int(let right) = right { return try apply(operation, left, right) }
    let (left, right) = (left.double, right.double)
    switch operation {
    case .add: return .float(left + right)
    case .subtract: return .float(left - right)
    case .multiply: return .float(left * right)
    case .power:
      if left == 0 && right < 0 { throw .operation("0.0 cannot be raised to a negative power") }
      let result = pow(left, right)
      if result.isNaN && !left.isNaN && !right.isNaN { throw .unsupported("a complex number") }
      if result.isInfinite && left.isFinite && right.isFinite {
        throw .operation("(34, 'Numerical result out of range')")
      }
      return .float(result)
    case .divide, .floorDivide, .remainder:
      if right == 0 {
        throw .operation(operation == .divide ? "float division by zero" : "float floor division by zero")
      }
      if operation == .divide { return .float(left / right) }
      var remainder = fmod(left, right)
      var quotient = (left - remainder) / right
      if remainder != 0 && (right < 0) != (remainder < 0) {
        remainder += right
        quotient -= 1
      }
      if operation == .remainder { return .float(remainder == 0 ? copysign(0, right) : remainder) }
      let floored = quotient.rounded(.down)
      return .float(quotient - floored > 0.5 ? floored + 1 : floored)
    }
  }

  private static func apply(
    _ operation: TemplateBinary, _ left: Int, _ right: Int
  ) throws(TemplateFault) -> TemplateValue {
    switch operation {
    case .add: return .int(try checked(left.addingReportingOverflow(right)))
    case .subtract: return .int(try checked(left.subtractingReportingOverflow(right)))
    case .multiply: return .int(try checked(left.multipliedReportingOverflow(by: right)))
    case .divide:
      if right == 0 { throw .operation("division by zero") }
      return .float(Double(left) / Double(right))
    case .floorDivide, .remainder:
      if right == 0 { throw .operation("integer division or modulo by zero") }
      let quotient = try checked(left.dividedReportingOverflow(by: right))
      let remainder = left - quotient * right
      let isCorrected = remainder != 0 && (remainder < 0) != (right < 0)
      if operation == .remainder { return .int(isCorrected ? remainder + right : remainder) }
      return .int(isCorrected ? quotient - 1 : quotient)
    case .power:
      if right < 0 { return try apply(.power, .float(Double(left)), .float(Double(right))) }
      if abs(Double(left)) > 1 && right > 64 { throw tooLarge }
      var result = 1
      // Powers of -1, 0 and 1 do not need their exponent's size.
      for _ in 0..<(abs(Double(left)) > 1 ? right : right % 2 + (right > 0 ? 2 : 0)) {
        result = try checked(result.multipliedReportingOverflow(by: left))
      }
      return .int(result)
    }
  }

  static func negated(_ number: TemplateNumber) throws(TemplateFault) -> TemplateValue {
    switch number {
    case .int(let value): return .int(try checked(value.multipliedReportingOverflow(by: -1)))
    case .float(let value): return .float(-value)
    case .large(let digits):
      return .largeInt(digits.hasPrefix("-") ? String(digits.dropFirst()) : "-" + digits)
    }
  }

  private static func checked(_ result: (partialValue: Int, overflow: Bool)) throws(TemplateFault) -> Int {
    if result.overflow { throw tooLarge }
    return result.partialValue
  }

  private static let tooLarge = TemplateFault(.unsupported, "an integer beyond 64 bits")
}
