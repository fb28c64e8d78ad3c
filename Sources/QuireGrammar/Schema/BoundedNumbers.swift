/// Numbers between two bounds, as text.
///
/// Every number written has at most `JSONGrammar.digitCountMaximum` digits before the point. Those with digits after it
/// have at most `exactDigitCount` in all, so that what a reader rounds them to is inside the bounds, too.
struct BoundedNumbers {
  var low: Int?
  var high: Int?
  var includesLow = true
  var includesHigh = true

  /// The largest magnitude that has as many digits as are written.
  static let magnitudeMaximum = 999_999_999_999_999_999

  /// Significant digits that a double always tells apart (DBL_DIG of C): a decimal with at most so many, above a bound
  /// with at most so many, is also above it after rounding.
  static let exactDigitCount = 15
  /// Integers below it are all doubles: 2^53.
  private static let exactIntegerEnd = 1 << 53

  /// The integers of the range.
  var integers: GrammarExpression {
    // bounded: limits of at most magnitudeMaximum, and one
    let first =
      max(low ?? -Self.magnitudeMaximum, -Self.magnitudeMaximum) + (low != nil && !includesLow ? 1 : 0)
    let last =
      min(high ?? Self.magnitudeMaximum, Self.magnitudeMaximum) - (high != nil && !includesHigh ? 1 : 0)
    guard first <= last else { return .nothing }
    var parts: [GrammarExpression] = []
    if last >= 0 { parts.append(Self.naturals(max(first, 0), last)) }
    if first < 0 {
      parts.append(.sequence([.text("-"), Self.naturals(max(-min(last, -1), 1), -first)]))
    }
    return .choice(parts)
  }

  /// The numbers of the range, without exponents.
  var numbers: GrammarExpression {
    var parts: [GrammarExpression] = []
    if high ?? 0 >= 0 {
      let isCut = low ?? -1 < 0
      parts.append(
        Self.magnitudes(
          from: isCut ? 0 : low ?? 0, includesFirst: isCut || includesLow, to: high,
          includesLast: includesHigh))
    }
    if low ?? -1 < 0 {
      let isCut = high ?? 0 >= 0
      parts.append(
        .sequence([
          .text("-"),
          Self.magnitudes(
            from: isCut ? 0 : -(high ?? 0), includesFirst: !isCut && includesHigh, to: low.map { -$0 },
            includesLast: includesLow),
        ]))
    }
    return .choice(parts)
  }

  private static func magnitudes(
    from first: Int, includesFirst: Bool, to last: Int?, includesLast: Bool
  ) -> GrammarExpression {
    if let last, first >= last {
      return first == last && includesFirst && includesLast
        ? .sequence([.text("\(first)"), zeros(after: first)]) : .nothing
    }
    var parts: [GrammarExpression] = []
    let fraction = includesFirst ? fraction(after: first) : nonzeroFraction(after: first)
    parts.append(.sequence([.text("\(first)"), fraction]))
    let next = includesFirst ? first + 1 : above(first)
    let end = last.map { includesLast ? $0 - 1 : below($0) } ?? magnitudeMaximum
    for decade in decades(next, end) {
      parts.append(.sequence([naturals(decade.low, decade.high), Self.fraction(after: decade.low)]))
    }
    if let last, includesLast { parts.append(.sequence([.text("\(last)"), zeros(after: last)])) }
    return .choice(parts)
  }

  /// The least integer above a natural number that is above it as a double, too.
  private static func above(_ number: Int) -> Int {
    // bounded: at most magnitudeMaximum
    number < exactIntegerEnd ? number + 1 : Int(Double(number).nextUp)
  }

  /// The greatest integer below a natural number that is below it as a double, too.
  private static func below(_ number: Int) -> Int {
    // bounded: at most magnitudeMaximum
    number <= exactIntegerEnd ? number - 1 : Int(Double(number).nextDown)
  }

  // MARK: Fractions

  /// Digits that may stand behind the point of an integer.
  private static func fractionDigitCount(after integer: Int) -> Int {
    max(0, exactDigitCount - decimalDigits(integer).count)
  }

  private static func zeros(after integer: Int) -> GrammarExpression {
    let count = fractionDigitCount(after: integer)
    if count == 0 { return .empty }
    return .optional(.sequence([.text("."), .repetition(.text("0"), minimum: 1, maximum: count)]))
  }

  private static func fraction(after integer: Int) -> GrammarExpression {
    let count = fractionDigitCount(after: integer)
    if count == 0 { return .empty }
    return .optional(.sequence([.text("."), .repetition(JSONGrammar.digits, minimum: 1, maximum: count)]))
  }

  /// A fraction that is not zero. Those that begin with many zeros are left out: each count of zeros would take a
  /// repetition of its own.
  private static func nonzeroFraction(after integer: Int) -> GrammarExpression {
    let count = fractionDigitCount(after: integer)
    func fraction(zeroCounts: ClosedRange<Int>) -> GrammarExpression {
      .sequence([
        .repetition(.text("0"), minimum: zeroCounts.lowerBound, maximum: zeroCounts.upperBound),
        JSONGrammar.nonzeroDigits,
        .repetition(JSONGrammar.digits, minimum: 0, maximum: count - zeroCounts.upperBound - 1),
      ])
    }
    if count == 0 { return .nothing }
    var parts = [fraction(zeroCounts: 0...0)]
    if count > 1 { parts.append(fraction(zeroCounts: 1...max(1, count / 3))) }
    return .sequence([.text("."), .choice(parts)])
  }

  // MARK: Digits

  /// A range of natural numbers, cut where the number of digits changes and no fraction may follow the longer ones.
  private static func decades(_ first: Int, _ last: Int) -> [(low: Int, high: Int)] {
    var parts: [(low: Int, high: Int)] = []
    var low = first
    while low <= last {
      let longest = decimalDigits(low).reduce(0) { power, _ in power * 10 + 9 }
      // Without fractions, all lengths are alike.
      let high = fractionDigitCount(after: low) == 0 ? last : min(last, longest)
      parts.append((low, high))
      // bounded: at most magnitudeMaximum and one
      low = high + 1
    }
    return parts
  }

  /// The integers from `first` (0 or more) to `last`, without leading zeros.
  static func naturals(_ first: Int, _ last: Int) -> GrammarExpression {
    var parts: [GrammarExpression] = []
    var low = first
    while low <= last {
      let digits = decimalDigits(low)
      let longest = [Int](repeating: 9, count: digits.count)
      let lastDigits = decimalDigits(last)
      let high = lastDigits.count > digits.count ? longest : lastDigits
      parts.append(between(digits[...], high[...]))
      guard lastDigits.count > digits.count else { break }
      // bounded: a power of ten with at most as many digits as `last`
      low = longest.reduce(0) { $0 * 10 + $1 } + 1
    }
    return .choice(parts)
  }

  private static func decimalDigits(_ number: Int) -> [Int] {
    String(number).utf8.map { Int($0) - 0x30 }
  }

  /// Texts of digits from one to another of the same length.
  private static func between(_ low: ArraySlice<Int>, _ high: ArraySlice<Int>) -> GrammarExpression {
    guard let lowDigit = low.first, let highDigit = high.first else { return .empty }
    let (lowRest, highRest) = (low.dropFirst(), high.dropFirst())
    if lowRest.allSatisfy({ $0 == 0 }) && highRest.allSatisfy({ $0 == 9 }) {
      return .sequence([digit(lowDigit, highDigit), anyDigits(lowRest.count)])
    }
    if lowDigit == highDigit { return .sequence([digit(lowDigit, lowDigit), between(lowRest, highRest)]) }
    let nines = [Int](repeating: 9, count: lowRest.count)[...]
    let zeros = [Int](repeating: 0, count: lowRest.count)[...]
    var parts = [GrammarExpression.sequence([digit(lowDigit, lowDigit), between(lowRest, nines)])]
    if highDigit - lowDigit > 1 {
      parts.append(.sequence([digit(lowDigit + 1, highDigit - 1), anyDigits(lowRest.count)]))
    }
    parts.append(.sequence([digit(highDigit, highDigit), between(zeros, highRest)]))
    return .choice(parts)
  }

  private static func anyDigits(_ count: Int) -> GrammarExpression {
    .repetition(JSONGrammar.digits, minimum: count, maximum: count)
  }

  private static func digit(_ first: Int, _ last: Int) -> GrammarExpression {
    .scalars(ScalarSet([UInt32(truncatingIfNeeded: 0x30 + first)...UInt32(truncatingIfNeeded: 0x30 + last)]))
  }
}
