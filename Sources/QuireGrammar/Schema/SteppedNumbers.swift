/// The multiples of a step between two bounds as text: rules over the digits, one for each remainder that the digits still to
/// come must leave.
///
/// A number counts units of 10^-q, where q is the step's number of digits after the point. The point stands before the last q
/// digits; zeros at the end of a fraction may be missing, and so may a fraction of zeros.
///
/// Possible alternatives: states of the remainder of the digits that were read. Those are as many for a step of 1,000 as for
/// one of 999; with the remainder to come, the step of 1,000 has none that differ before its last three digits.
struct SteppedNumbers {
  /// Digits to come, whatever they are, and the remainder of their number.
  private struct Rest: Hashable {
    let digitCount: Int
    let remainder: Int
  }

  /// Rules for digits to come; a step of 97 without bounds has 1,600.
  static let ruleCountMaximum = 4096
  static func magnitudeMaximum(_ step: NumberStep) -> Int {
    step.fractionDigitCount > 0 ? power(BoundedNumbers.exactDigitCount) - 1 : BoundedNumbers.magnitudeMaximum
  }

  private let step: NumberStep
  private var rules: [Rest: Int] = [:]
  private var grammar: Grammar

  /// - Parameters:
  ///   - first: the least number, in units of the step
  ///   - last: the greatest one
  static func expression(
    of step: NumberStep, from first: Int, to last: Int, in grammar: inout Grammar
  ) throws(ScalarAutomaton.TooLarge) -> GrammarExpression {
    let most = magnitudeMaximum(step)
    let (first, last) = (max(first, -most), min(last, most))
    var numbers = SteppedNumbers(step: step, grammar: grammar)
    var parts: [GrammarExpression] = []
    if last >= 0 { parts += try numbers.magnitudes(from: max(first, 0), to: last) }
    if first < 0 {
      let magnitudes = try numbers.magnitudes(from: max(-min(last, -1), 1), to: -first)
      parts += magnitudes.map { .sequence([.text("-"), $0]) }
    }
    grammar = numbers.grammar
    return .choice(parts)
  }

  private init(step: NumberStep, grammar: Grammar) {
    self.step = step
    self.grammar = grammar
  }

  /// Multiples by their number of digits. One digit before the point is always written.
  private mutating func magnitudes(
    from first: Int, to last: Int
  ) throws(ScalarAutomaton.TooLarge) -> [GrammarExpression] {
    var parts: [GrammarExpression] = []
    var low = first
    while low <= last {
      let digits = digits(of: low)
      let high = min(last, Self.power(digits.count) - 1)
      if let part = try numbers(digits[...], self.digits(of: high)[...], remainder: 0) { parts.append(part) }
      // bounded: at most magnitudeMaximum and one
      low = high + 1
    }
    return parts
  }

  private func digits(of number: Int) -> [Int] {
    let digits = String(number).utf8.map { Int($0) - 0x30 }
    return [Int](repeating: 0, count: max(0, step.fractionDigitCount + 1 - digits.count)) + digits
  }

  /// 10 to the power of a number of digits: at most 10^18.
  static func power(_ digitCount: Int) -> Int {
    (0..<digitCount).reduce(1) { power, _ in power * 10 }
  }

  /// Digits from `low` to `high`, of the same number, whose number leaves `remainder`; nil when there are none.
  private mutating func numbers(
    _ low: ArraySlice<Int>, _ high: ArraySlice<Int>, remainder: Int
  ) throws(ScalarAutomaton.TooLarge) -> GrammarExpression? {
    let count = low.count
    guard low.allSatisfy({ $0 == 0 }), high.allSatisfy({ $0 == 9 }) else {
      return try further(low, high, remainder: remainder)
    }
    // The least number that leaves a remainder is the remainder itself.
    guard remainder < Self.power(count) else { return nil }
    if count == 0 { return .empty }
    let rest = Rest(digitCount: count, remainder: remainder)
    if let known = rules[rest] { return .rule(known) }
    guard rules.count < Self.ruleCountMaximum else { throw ScalarAutomaton.TooLarge() }
    let rule = grammar.declare("multiple")
    rules[rest] = rule
    grammar.define(rule, try further(low, high, remainder: remainder) ?? .nothing)
    return .rule(rule)
  }

  /// The same, by the next digit.
  private mutating func further(
    _ low: ArraySlice<Int>, _ high: ArraySlice<Int>, remainder: Int
  ) throws(ScalarAutomaton.TooLarge) -> GrammarExpression? {
    guard let first = low.first, let last = high.first else { return remainder == 0 ? .empty : nil }
    let count = low.count
    let (zeros, nines) = ([Int](repeating: 0, count: count - 1), [Int](repeating: 9, count: count - 1))
    // bounded: less than ten steps
    let weight = Self.power(count - 1) % step.units
    var parts: [(digits: ScalarSet, rest: GrammarExpression)] = []
    for digit in first...last {
      let left = (remainder + step.units - digit * weight % step.units) % step.units
      let rest = try numbers(
        digit == first ? low.dropFirst() : zeros[...], digit == last ? high.dropFirst() : nines[...],
        remainder: left)
      guard let rest else { continue }
      let set = ScalarSet(Unicode.Scalar(UInt8(truncatingIfNeeded: 0x30 + digit)))
      if let known = parts.firstIndex(where: { $0.rest == rest }) {
        parts[known].digits = parts[known].digits.union(set)
      } else {
        parts.append((set, rest))
      }
    }
    let isBeforePoint = count == step.fractionDigitCount
    let mayEnd = count <= step.fractionDigitCount && remainder == 0 && low.allSatisfy { $0 == 0 }
    if parts.isEmpty { return mayEnd ? .empty : nil }
    let next = GrammarExpression.choice(parts.map { .sequence([.scalars($0.digits), $0.rest]) })
    let written = isBeforePoint ? .sequence([.text("."), next]) : next
    return mayEnd ? .optional(written) : written
  }
}
