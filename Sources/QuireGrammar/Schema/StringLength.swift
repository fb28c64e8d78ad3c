/// Holds expressions of texts to `minLength` and `maxLength`. Both are in Unicode scalars.
///
/// The result matches only texts of the expression with such a length, though not all of them: each repetition gets a share
/// of the length, as an intersection of both would take a state for each count.
enum StringLength {
  /// Lengths of the texts of an expression; without a `maximum`, any length from the minimum.
  struct Bounds: Equatable {
    var minimum: Int
    var maximum: Int?
  }

  /// `nil` when no text is found that has such a length.
  static func fitted(
    _ expression: GrammarExpression, minimum: Int, maximum: Int?
  ) -> GrammarExpression? {
    guard let long = lengthened(expression, to: minimum) else { return nil }
    guard let maximum else { return long }
    return shortened(long, to: maximum)
  }

  /// Rules stand for one character of a string.
  static func bounds(_ expression: GrammarExpression) -> Bounds {
    switch expression {
    case .empty, .tag: return Bounds(minimum: 0, maximum: 0)
    case .scalars, .rule: return Bounds(minimum: 1, maximum: 1)
    case .literal(let bytes):
      let count = String(decoding: bytes, as: UTF8.self).unicodeScalars.count
      return Bounds(minimum: count, maximum: count)
    case .sequence(let parts):
      return parts.map(bounds).reduce(Bounds(minimum: 0, maximum: 0)) { sum, part in
        Bounds(minimum: added(sum.minimum, part.minimum), maximum: both(sum.maximum, part.maximum, added))
      }
    case .choice(let parts):
      let all = parts.map(bounds)
      guard let first = all.first else { return Bounds(minimum: 0, maximum: 0) }
      return all.dropFirst().reduce(first) { one, other in
        Bounds(minimum: min(one.minimum, other.minimum), maximum: both(one.maximum, other.maximum, max))
      }
    case .repetition(let part, let low, let high):
      let unit = bounds(part)
      let maximum = unit.maximum == 0 ? 0 : both(unit.maximum, high, multiplied)
      return Bounds(minimum: multiplied(unit.minimum, low), maximum: maximum)
    }
  }

  // MARK: Shorter

  /// The texts of at most `maximum` scalars.
  private static func shortened(_ expression: GrammarExpression, to maximum: Int) -> GrammarExpression? {
    let bounds = bounds(expression)
    if bounds.minimum > maximum { return nil }
    if let most = bounds.maximum, most <= maximum { return expression }
    switch expression {
    case .choice(let parts):
      let short = parts.compactMap { shortened($0, to: maximum) }
      return short.isEmpty ? nil : .choice(short)
    case .sequence(let parts): return shortened(parts, to: maximum)
    case .repetition(let part, let low, let high):
      let count = max(low, 1)
      let unit = Self.bounds(part)
      // bounded: a unit that may be empty or long was returned above or is cut below
      if let most = unit.maximum, most > 0, most <= maximum / count {
        let fits = min(maximum / most, high ?? .max, GrammarLimits.repetitionMaximum)
        return .repetition(part, minimum: low, maximum: max(low, fits))
      }
      guard let short = shortened(part, to: maximum / count) else { return low == 0 ? .empty : nil }
      return .repetition(short, minimum: low, maximum: count)
    case .empty, .literal, .scalars, .rule, .tag: return expression
    }
  }

  /// Each part gets its least length; what is left is shared, and short parts take no more than they need.
  private static func shortened(_ parts: [GrammarExpression], to maximum: Int) -> GrammarExpression? {
    let all = parts.map(bounds)
    var rest = maximum - all.reduce(0) { added($0, $1.minimum) }
    var limits = all.map(\.minimum)
    let order = parts.indices.sorted { slack(all[$0]) < slack(all[$1]) }
    for (place, index) in order.enumerated() {
      let share = min(slack(all[index]), rest / (order.count - place))
      limits[index] += share
      rest -= share
    }
    var short: [GrammarExpression] = []
    for (part, limit) in zip(parts, limits) {
      guard let part = shortened(part, to: limit) else { return nil }
      short.append(part)
    }
    return .sequence(short)
  }

  /// How much longer a part may be than it must be.
  private static func slack(_ bounds: Bounds) -> Int { (bounds.maximum ?? .max) - bounds.minimum }

  // MARK: Longer

  /// The texts of at least `minimum` scalars, as far as raising one repetition of each alternative gives them.
  private static func lengthened(_ expression: GrammarExpression, to minimum: Int) -> GrammarExpression? {
    let missing = minimum - bounds(expression).minimum
    if missing <= 0 { return expression }
    switch expression {
    case .choice(let parts):
      let long = parts.compactMap { lengthened($0, to: minimum) }
      return long.isEmpty ? nil : .choice(long)
    case .sequence(var parts):
      for index in parts.indices {
        let part = parts[index]
        guard let long = lengthened(part, to: bounds(part).minimum + missing) else { continue }
        parts[index] = long
        return .sequence(parts)
      }
      return nil
    case .repetition(let part, let low, let high):
      let unit = bounds(part).minimum
      guard unit > 0 else { return nil }
      // bounded: `missing` is from 1 to the limit of repetitions; `unit` may be as large as an integer is
      let count = low + (missing - 1) / unit + 1
      guard count <= min(high ?? .max, GrammarLimits.repetitionMaximum) else { return nil }
      return .repetition(part, minimum: count, maximum: high)
    case .empty, .literal, .scalars, .rule, .tag: return nil
    }
  }

  // MARK: Sums that stop at the largest integer

  private static func added(_ left: Int, _ right: Int) -> Int {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  private static func multiplied(_ left: Int, _ right: Int) -> Int {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    return overflow ? .max : product
  }

  private static func both(_ left: Int?, _ right: Int?, _ combine: (Int, Int) -> Int) -> Int? {
    guard let left, let right else { return nil }
    return combine(left, right)
  }
}
