import QuireJSON

/// What `multipleOf` says: numbers are multiples of `units` of 10^-`fractionDigitCount`, such as 25 of 10^-2 for 0.25.
struct NumberStep: Equatable {
  let units: Int
  let fractionDigitCount: Int

  static let one = NumberStep(units: 1, fractionDigitCount: 0)
  static let unitsMaximum = 1_000_000_000
  static let fractionDigitCountMaximum = 9

  private init(units: Int, fractionDigitCount: Int) {
    self.units = units
    self.fractionDigitCount = fractionDigitCount
  }

  /// Nil for what is no step, or one outside the limits.
  init?(_ value: JSONValue) {
    guard let number = value.numberValue.flatMap(DecimalNumber.init), !number.isNegative,
      number.fractionDigitCount <= Self.fractionDigitCountMaximum,
      let (units, _) = number.magnitude(fractionDigits: number.fractionDigitCount),
      1...Self.unitsMaximum ~= units
    else { return nil }
    self.init(units: units, fractionDigitCount: number.fractionDigitCount)
  }

  /// The difference of numbers with as many digits after the point as are exact next to an integer of this magnitude.
  static func finest(beside integer: UInt) -> NumberStep {
    let digitCount = max(0, BoundedNumbers.exactDigitCount - String(integer).utf8.count)
    return NumberStep(units: 1, fractionDigitCount: digitCount)
  }

  /// The least step whose multiples are the integers among these multiples.
  var ofIntegers: NumberStep {
    // bounded: a divisor of both, and a power of ten with few digits
    let power = (0..<fractionDigitCount).reduce(1) { power, _ in power * 10 }
    return NumberStep(units: units / Self.commonDivisor(units, power), fractionDigitCount: 0)
  }

  /// Whether a value is a multiple. One with more digits than are written is not.
  func divides(_ value: JSONValue) -> Bool {
    let magnitude = value.numberValue.flatMap(DecimalNumber.init)?.magnitude(
      fractionDigits: fractionDigitCount)
    return magnitude.map { $0.isExact && $0.units % units == 0 } ?? false
  }

  /// The least step whose multiples are those of both; nil outside the limits.
  func commonMultiple(with other: NumberStep) -> NumberStep? {
    let digitCount = max(fractionDigitCount, other.fractionDigitCount)
    // bounded: at most `unitsMaximum` times ten for each digit after the point, which has 18 zeros
    func units(_ step: NumberStep) -> Int {
      (step.fractionDigitCount..<digitCount).reduce(step.units) { units, _ in units * 10 }
    }
    let (one, second) = (units(self), units(other))
    let (multiple, isTooLarge) = (one / Self.commonDivisor(one, second)).multipliedReportingOverflow(
      by: second)
    if isTooLarge { return nil }
    var step = NumberStep(units: multiple, fractionDigitCount: digitCount)
    while step.fractionDigitCount > 0 && step.units % 10 == 0 {
      step = NumberStep(units: step.units / 10, fractionDigitCount: step.fractionDigitCount - 1)
    }
    return step.units <= Self.unitsMaximum ? step : nil
  }

  /// The step as a schema writes it.
  var value: JSONValue {
    // The shortest decimal of a float has these digits again, as they are at most ten.
    let number = Double("\(units)e-\(fractionDigitCount)").flatMap(JSONNumber.init(exactly:))
    return fractionDigitCount == 0 ? .int(units) : number.map(JSONValue.number) ?? .int(units)
  }

  private static func commonDivisor(_ left: Int, _ right: Int) -> Int {
    right == 0 ? left : commonDivisor(right, left % right)
  }
}
