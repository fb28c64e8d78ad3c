import QuireJSON

/// `multipleOf`, and bounds with fractions, of schemas.
extension SchemaScalars {
  /// The step of a number's values; nil for any.
  static func step(
    of type: String, _ object: JSONObject, at path: String, _ reader: SchemaReader
  ) throws(GrammarError) -> NumberStep? {
    guard let value = object["multipleOf"] else { return nil }
    guard let step = NumberStep(value) else {
      throw reader.error(
        path,
        expected:
          "a number above 0 in 'multipleOf', with at most \(NumberStep.fractionDigitCountMaximum) digits "
          + "after the point and at most \(NumberStep.unitsMaximum) without it",
        found: String(value.serialized().prefix(40)), advice: "use one or leave it out", keyword: "multipleOf"
      )
    }
    return type == "integer" ? step.ofIntegers : step
  }

  /// The multiples of a step within the bounds.
  static func multiples(
    of step: NumberStep, _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let most = SteppedNumbers.magnitudeMaximum(step)
    let (first, last) = try units(of: step, from: -most, to: most, object, at: path, reader)
    guard first <= last else { return .nothing }
    let name = "multiples of \(step.units)e-\(step.fractionDigitCount) from \(first) to \(last)"
    if let known = reader.json.known(name) { return known }
    do throws(ScalarAutomaton.TooLarge) {
      let multiples = try SteppedNumbers.expression(of: step, from: first, to: last, in: &reader.json.grammar)
      return reader.json.share(name, multiples)
    } catch {
      throw reader.error(
        path, expected: "a 'multipleOf' that \(SteppedNumbers.ruleCountMaximum) rules can hold an answer to",
        found: "one that needs more",
        advice: "give bounds with fewer digits, or a step that divides a power of ten",
        keyword: "multipleOf")
    }
  }

  /// The numbers between the two integers next to a bound with a fraction that all bounds allow; nil
  /// beside an integer.
  static func numbers(
    beside bound: JSONValue, _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression? {
    guard bound.intValue == nil, let number = bound.doubleValue, number.magnitude < 1e15 else { return nil }
    let below = Int(number.rounded(.down))
    let step = NumberStep.finest(beside: max(below.magnitude, (below + 1).magnitude))
    // bounded: as many digits as a step's numbers have
    let unit = SteppedNumbers.power(step.fractionDigitCount)
    let (first, last) = try units(
      of: step, from: below * unit + 1, to: (below + 1) * unit - 1, object, at: path, reader)
    guard first <= last else { return nil }
    let name = "numbers of \(step.fractionDigitCount) digits from \(first) to \(last)"
    if let known = reader.json.known(name) { return known }
    // These have no remainders, so that each number of digits has one rule.
    guard
      let numbers = try? SteppedNumbers.expression(of: step, from: first, to: last, in: &reader.json.grammar)
    else { return nil }
    return reader.json.share(name, numbers)
  }

  /// The least and the greatest number of a range that the bounds allow, in units of the step.
  private static func units(
    of step: NumberStep, from first: Int, to last: Int, _ object: JSONObject, at path: String,
    _ reader: SchemaReader
  ) throws(GrammarError) -> (first: Int, last: Int) {
    var (first, last) = (first, last)
    for (keyword, isLow, isIncluded) in boundKeywords {
      guard let value = object[keyword] else { continue }
      guard let number = value.numberValue.flatMap(DecimalNumber.init) else {
        throw reader.error(
          path, expected: "a number in \(keyword)", found: String(value.serialized().prefix(40)),
          advice: "correct it", keyword: keyword)
      }
      let bound = units(number, step, isLow: isLow, isIncluded: isIncluded)
      if isLow { first = max(first, bound) } else { last = min(last, bound) }
    }
    return (first, last)
  }

  /// The last number that a bound allows, in units of the step.
  private static func units(
    _ bound: DecimalNumber, _ step: NumberStep, isLow: Bool, isIncluded: Bool
  ) -> Int {
    // One above all numbers that are written.
    let beyond = BoundedNumbers.magnitudeMaximum + 1
    guard let (magnitude, isExact) = bound.magnitude(fractionDigits: step.fractionDigitCount) else {
      return bound.isNegative ? -beyond : beyond
    }
    let inward = isLow ? 1 : -1
    let value = bound.isNegative ? -magnitude : magnitude
    // bounded: 18 digits, and one
    if isExact { return isIncluded ? value : value + inward }
    // Without its last digits a number is nearer to zero: inside the bound on one side of zero, outside on the other.
    return bound.isNegative == isLow ? value : value + inward
  }
}
