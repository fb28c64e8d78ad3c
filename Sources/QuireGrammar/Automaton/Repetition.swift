/// A part that is read `minimum` to `maximum` times; without a maximum, any number of times from the minimum.
struct Repetition: Equatable {
  var part: GrammarExpression
  var minimum: Int
  var maximum: Int?

  /// The same texts with one count where one repetition stands directly in another: `(x?){9}` is `x{0,9}`.
  ///
  /// With two counts, a text of n parts can be divided among them in many ways, and a state has a position for each.
  var flattened: Repetition {
    var outer = self
    while let inner = Self.repetition(outer.part), let joined = outer.joined(with: inner) { outer = joined }
    return outer
  }

  /// Both counts as one. Nil where the sums have gaps, as those of `(x{3}){0,2}` do, or are too large to be built.
  private func joined(with inner: Repetition) -> Repetition? {
    if maximum == 0 { return Repetition(part: inner.part, minimum: 0, maximum: 0) }
    // j times the inner counts and j + 1 times them leave no gap between them. It is smaller for a greater j.
    if minimum != maximum && inner.minimum > 1 {
      guard minimum > 0 else { return nil }
      if let most = inner.maximum, (minimum + 1) * inner.minimum > minimum * most + 1 { return nil }
    }
    let (low, isLowTooLarge) = minimum.multipliedReportingOverflow(by: inner.minimum)
    guard !isLowTooLarge, low <= GrammarLimits.networkSizeMaximum else { return nil }
    guard inner.maximum != 0, let most = maximum, let innerMost = inner.maximum else {
      return Repetition(part: inner.part, minimum: low, maximum: inner.maximum == 0 ? 0 : nil)
    }
    let (high, isHighTooLarge) = most.multipliedReportingOverflow(by: innerMost)
    guard !isHighTooLarge, high <= GrammarLimits.networkSizeMaximum else { return nil }
    return Repetition(part: inner.part, minimum: low, maximum: high)
  }

  /// An expression as a repetition, where it is one or an optional part.
  private static func repetition(_ expression: GrammarExpression) -> Repetition? {
    switch expression {
    case .repetition(let part, let minimum, let maximum):
      Repetition(part: part, minimum: minimum, maximum: maximum)
    case .sequence(let parts) where parts.count == 1: repetition(parts[0])
    case .choice(let parts) where parts.count == 1: repetition(parts[0])
    case .choice(let parts) where parts.count == 2 && parts[0] == .empty:
      Repetition(part: parts[1], minimum: 0, maximum: 1)
    default: nil
    }
  }
}
