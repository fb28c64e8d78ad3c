/// Numbers between two bounds, as text.
///
/// Every number written has at most `JSONGrammar.digitCountMaximum` digits before the point.
struct BoundedNumbers {
  var low: Int?
  var high: Int?
  var includesLow = true
  var includesHigh = true

  /// The largest magnitude that has as many digits as are written.
  static let magnitudeMaximum = 999_999_999_999_999_999

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
    let zeros = GrammarExpression.optional(
      .sequence([
        .text("."),
        .repetition(.text("0"), minimum: 1, maximum: JSONGrammar.fractionDigitCountMaximum),
      ]))
    if let last, first >= last {
      return first == last && includesFirst && includesLast
        ? .sequence([.text("\(first)"), zeros]) : .nothing
    }
    let someFraction = GrammarExpression.sequence([
      .text("."), .repetition(.text("0"), minimum: 0, maximum: 15), JSONGrammar.nonzeroDigits,
      .repetition(JSONGrammar.digits, minimum: 0, maximum: 15),
    ])
    var parts = [
      GrammarExpression.sequence([
        .text("\(first)"), includesFirst ? .optional(JSONGrammar.fraction) : someFraction,
      ])
    ]
    // bounded: `first` is below `last` or below magnitudeMaximum
    let next = first + 1
    let end = last.map { $0 - 1 } ?? magnitudeMaximum
    if next <= end {
      parts.append(.sequence([naturals(next, end), .optional(JSONGrammar.fraction)]))
    }
    if let last, includesLast { parts.append(.sequence([.text("\(last)"), zeros])) }
    return .choice(parts)
  }

  // MARK: Digits

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
