/// Jinja's tests, as in `value is string`.
enum TemplateTest: String, Sendable {
  case odd, even, divisibleby, defined, undefined, filter, test, none, boolean, `false`, `true`, integer,
    float
  case lower, upper, string, mapping, number, sequence, iterable, callable, sameas, escaped
  case contained = "in"
  case eq, ne, gt, ge, lt, le

  init?(name: String) {
    switch name {
    case "==", "equalto": self = .eq
    case "!=": self = .ne
    case ">", "greaterthan": self = .gt
    case ">=": self = .ge
    case "<", "lessthan": self = .lt
    case "<=": self = .le
    default: self.init(rawValue: name)
    }
  }

  fileprivate var comparison: TemplateComparison? {
    switch self {
    case .eq: .equal
    case .ne: .unequal
    case .gt: .greater
    case .ge: .greaterOrEqual
    case .lt: .less
    case .le: .lessOrEqual
    case .contained: .contained
    default: nil
    }
  }
}

extension TemplateMachine {
  func apply(
    _ test: TemplateTest, to value: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> Bool {
    if let comparison = test.comparison {
      let other = try values.positionalOnly(test.rawValue, 1...1)[0]
      return try compare(comparison, value, other)
    }
    switch test {
    case .divisibleby:
      let divisor = try values.bound("divisibleby", ["num"], required: 1)[0] ?? .none
      return try apply(.remainder, value, divisor).equals(.int(0), work)
    case .sameas:
      return try isSame(value, try values.bound("sameas", ["other"], required: 1)[0] ?? .none)
    default:
      _ = try values.positionalOnly(test.rawValue, 0...0)
    }
    switch test {
    case .odd, .even: return try apply(.remainder, value, .int(2)).equals(.int(test == .odd ? 1 : 0), work)
    case .filter, .test:
      guard case .text(let name) = value else { return false }
      return test == .filter
        ? TemplateFilter(rawValue: name.string) != nil
          || TemplateFilter.unsupportedNames.contains(name.string)
        : TemplateTest(name: name.string) != nil
    case .lower, .upper:
      let text = try value.printed(work)
      try charge(characters: text)
      return test == .lower ? text.isLowercase : text.isUppercase
    default: return Self.isOfKind(test, value)
    }
  }

  private static func isOfKind(_ test: TemplateTest, _ value: TemplateValue) -> Bool {
    switch (test, value) {
    case (.defined, _): !value.isUndefined
    case (.undefined, _): value.isUndefined
    case (.none, .none): true
    case (.boolean, .bool), (.true, .bool(true)), (.false, .bool(false)): true
    case (.integer, .int), (.integer, .largeInt), (.float, .float): true
    case (.number, _): value.number != nil
    case (.string, .text), (.mapping, .dictionary): true
    case (.sequence, .undefined), (.sequence, .text), (.sequence, .list), (.sequence, .tuple),
      (.sequence, .dictionary), (.sequence, .range):
      true
    case (.iterable, _): value.isIterable
    case (.callable, .function), (.callable, .undefined), (.callable, .loop): true
    case (.escaped, .text(let text)): text.isMarkup
    default: false
    }
  }

  /// Identity, where it does not depend on the memory of Python's objects.
  private func isSame(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateFault) -> Bool {
    switch (left, right) {
    case (.none, .none): return true
    case (.bool(let left), .bool(let right)): return left == right
    case (.none, _), (_, .none), (.bool, _), (_, .bool): return false
    case (.namespace(let left), .namespace(let right)): return left === right
    default: throw .unsupported("the test 'sameas' between a \(left.typeName) and a \(right.typeName)")
    }
  }
}
