extension TemplateMachine {
  /// The value of an expression.
  ///
  /// - Parameter block: The text that a filter without an input reads.
  func evaluate(
    _ expression: TemplateExpression, block: TemplateText? = nil
  ) throws(TemplateFault) -> TemplateValue {
    try charge()
    switch expression {
    case .constant(let constant): return constant.value
    case .name(let name): return frame.value(at: name.slot) ?? TemplateUndefined.name(name.name)
    case .attribute(let object, let name, let offset):
      let object = try nested(object)
      position = offset
      return try attribute(name, of: object)
    case .item(let object, let key, let offset):
      let object = try nested(object)
      let key = try nested(key)
      position = offset
      return try item(key, of: object)
    case .not(let value): return .bool(!(try nested(value).isTrue))
    case .and(let left, let right):
      let left = try nested(left)
      return left.isTrue ? try nested(right) : left
    case .or(let left, let right):
      let left = try nested(left)
      return left.isTrue ? left : try nested(right)
    case .binary(let operation, let left, let right, let offset):
      let left = try nested(left)
      let right = try nested(right)
      position = offset
      return try apply(operation, left, right)
    case .comparison(let first, let others, let offset): return .bool(try compare(first, others, offset))
    case .call(let callee, let arguments, let offset):
      return try checked(try call(callee, try evaluate(arguments), offset))
    case .test(let input, let test, let arguments, let offset):
      let input = try nested(input)
      let values = arguments.isEmpty ? TemplateCallValues() : try evaluate(arguments)
      position = offset
      return .bool(try apply(test, to: input, values))
    case .filter(let input, let filter, let arguments, let offset):
      let input =
        if let input { try nested(input, block: block) } else { TemplateValue.text(block ?? .empty) }
      let values = arguments.isEmpty ? TemplateCallValues() : try evaluate(arguments)
      position = offset
      return try checked(try apply(filter, to: input, values))
    default: return try evaluateRare(expression)
    }
  }

  private func nested(
    _ expression: TemplateExpression, block: TemplateText? = nil
  ) throws(TemplateFault) -> TemplateValue {
    try enter()
    defer { leave() }
    return try evaluate(expression, block: block)
  }

  private func evaluateRare(_ expression: TemplateExpression) throws(TemplateFault) -> TemplateValue {
    switch expression {
    case .slice(let object, let start, let stop, let step, let offset):
      let object = try nested(object)
      let bounds = (try optional(start), try optional(stop), try optional(step))
      position = offset
      return try slice(object, bounds)
    case .sign(let value, let isNegative, let offset):
      let value = try nested(value)
      position = offset
      return try signed(value, isNegative: isNegative)
    case .concatenation(let parts, _):
      var builder = TemplateTextBuilder()
      for part in parts { builder.append(try nested(part).printed(work)) }
      try charge(bytes: builder.byteCount)
      return .text(builder.text)
    case .conditional(let test, let then, let otherwise, _):
      if try nested(test).isTrue { return try nested(then) }
      if let otherwise { return try nested(otherwise) }
      return .undefined(
        TemplateUndefined("the inline if-expression evaluated to false and no else section was defined."))
    case .list(let elements): return try checked(.list(try values(elements)))
    case .tuple(let elements): return try checked(.tuple(try values(elements)))
    case .dictionary(let members, let offset):
      var dictionary = TemplateDictionary()
      for member in members {
        let key = try nested(member.key)
        let value = try nested(member.value)
        position = offset
        dictionary.set(key, try hashed(key), value)
      }
      return try checked(.dictionary(dictionary))
    case .unknown(let message, let offset):
      position = offset
      throw .operation(message)
    default: return .none
    }
  }

  private func optional(_ expression: TemplateExpression?) throws(TemplateFault) -> TemplateValue {
    if let expression { try nested(expression) } else { .none }
  }

  private func values(_ expressions: [TemplateExpression]) throws(TemplateFault) -> [TemplateValue] {
    var values: [TemplateValue] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions { values.append(try nested(expression)) }
    return values
  }

  func hashed(_ key: TemplateValue) throws(TemplateFault) -> TemplateKey {
    if let key = TemplateKey(key) { return key }
    switch key {
    case .list, .dictionary, .view: throw .operation("unhashable type: '\(key.typeName)'")
    default: throw .unsupported("a \(key.typeName) as a key")
    }
  }

  func evaluate(_ arguments: TemplateArguments) throws(TemplateFault) -> TemplateCallValues {
    var values = TemplateCallValues(positional: try self.values(arguments.positional))
    for member in arguments.named { values.named.append((member.name, try nested(member.value))) }
    if let list = arguments.list { values.positional += try nested(list).elements() }
    if let map = arguments.map {
      guard case .dictionary(let dictionary) = try nested(map) else {
        throw .operation("argument after ** must be a mapping")
      }
      for (key, value) in zip(dictionary.keys, dictionary.values) {
        guard case .text(let name) = key else { throw .operation("keywords must be strings") }
        let string = name.string
        if values.named.contains(where: { $0.name == string }) {
          throw .operation("got multiple values for keyword argument '\(string)'")
        }
        values.named.append((string, value))
      }
    }
    return values
  }

  private func compare(
    _ first: TemplateExpression, _ others: [(TemplateComparison, TemplateExpression)], _ offset: Int
  ) throws(TemplateFault) -> Bool {
    var left = try nested(first)
    for (comparison, expression) in others {
      let right = try nested(expression)
      position = offset
      guard try compare(comparison, left, right) else { return false }
      left = right
    }
    return true
  }

  func compare(
    _ comparison: TemplateComparison, _ left: TemplateValue, _ right: TemplateValue
  ) throws(TemplateFault) -> Bool {
    if case .text(let left) = left, case .text(let right) = right {
      try charge(bytes: min(left.bytes.count, right.bytes.count))
    }
    switch comparison {
    case .equal: return try left.equals(right, work)
    case .unequal: return !(try left.equals(right, work))
    case .contained, .notContained:
      if case .text(let text) = right {
        try charge(bytes: text.bytes.count)
      } else {
        try charge(elementsOf: right)
      }
      return try right.contains(left, work) == (comparison == .contained)
    case .less: return try left.isLess(than: right, work)
    case .greater: return try isLess(right, left, found: (left, right), ">")
    case .lessOrEqual:
      if let left = left.number, let right = right.number { return left.isLess(than: right) || left == right }
      return !(try isLess(right, left, found: (left, right), "<="))
    case .greaterOrEqual:
      if let left = left.number, let right = right.number { return right.isLess(than: left) || left == right }
      return !(try left.isLess(than: right, work, ">="))
    }
  }

  private func isLess(
    _ left: TemplateValue, _ right: TemplateValue, found: (TemplateValue, TemplateValue), _ symbol: String
  ) throws(TemplateFault) -> Bool {
    do throws(TemplateFault) {
      return try left.isLess(than: right, work, symbol)
    } catch {
      // The message names the types in the order of the source.
      return try found.0.isLess(than: found.1, work, symbol)
    }
  }
}
