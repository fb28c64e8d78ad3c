extension TemplateParser {
  mutating func parseExpression(allowsConditional: Bool = true) throws(TemplateFault) -> TemplateExpression {
    let expression = try nested { parser throws(TemplateFault) in
      allowsConditional ? try parser.parseConditional() : try parser.parseOr()
    }
    if expression.depth > Self.treeDepthMaximum { throw Self.tooDeep }
    return expression
  }

  /// One expression, or several with commas between them as a tuple.
  mutating func parseTuple(
    allowsConditional: Bool = true, endingAt end: String? = nil, isInParentheses: Bool = false
  ) throws(TemplateFault) -> TemplateExpression {
    var elements: [TemplateExpression] = []
    var isTuple = false
    while true {
      if !elements.isEmpty { try expect(.symbol(",")) }
      if isSymbol(")") || current.kind == .blockEnd || current.kind == .printEnd { break }
      if let end, isName(end) { break }
      elements.append(try parseExpression(allowsConditional: allowsConditional))
      guard isSymbol(",") else { break }
      isTuple = true
    }
    if let element = elements.first, !isTuple { return element }
    if elements.isEmpty && !isInParentheses {
      throw fault("expected an expression, found \(current.kind.description)")
    }
    return .tuple(elements)
  }

  private mutating func parseConditional() throws(TemplateFault) -> TemplateExpression {
    var value = try parseOr()
    var count = 0
    while isName("if") {
      try checkChain(&count)
      let offset = current.offset
      advance()
      // Jinja reports unknown filters in a conditional expression only when they are reached.
      let test = try parseOr()
      let otherwise =
        skip(name: "else")
        ? try nested { parser throws(TemplateFault) in try parser.parseConditional() } : nil
      value = .conditional(test: test, then: value, else: otherwise, offset: offset)
    }
    return value
  }

  private mutating func parseOr() throws(TemplateFault) -> TemplateExpression {
    var left = try parseAnd()
    var count = 0
    while skip(name: "or") {
      try checkChain(&count)
      left = .or(left, try parseAnd())
    }
    return left
  }

  private mutating func parseAnd() throws(TemplateFault) -> TemplateExpression {
    var left = try parseNot()
    var count = 0
    while skip(name: "and") {
      try checkChain(&count)
      left = .and(left, try parseNot())
    }
    return left
  }

  private mutating func parseNot() throws(TemplateFault) -> TemplateExpression {
    if skip(name: "not") {
      return .not(try nested { parser throws(TemplateFault) in try parser.parseNot() })
    }
    return try parseComparison()
  }

  private mutating func parseComparison() throws(TemplateFault) -> TemplateExpression {
    let offset = current.offset
    let first = try parseSum()
    var others: [(TemplateComparison, TemplateExpression)] = []
    while true {
      if case .symbol(let symbol) = current.kind, let comparison = TemplateComparison(rawValue: symbol) {
        advance()
        others.append((comparison, try parseSum()))
      } else if skip(name: "in") {
        others.append((.contained, try parseSum()))
      } else if isName("not"), following.kind == .name("in") {
        advance()
        advance()
        others.append((.notContained, try parseSum()))
      } else {
        return others.isEmpty ? first : .comparison(first, others, offset: offset)
      }
    }
  }

  private mutating func parseSum() throws(TemplateFault) -> TemplateExpression {
    var left = try parseConcatenation()
    var count = 0
    while case .symbol(let symbol) = current.kind, symbol == "+" || symbol == "-",
      let operation = TemplateBinary(rawValue: symbol)
    {
      try checkChain(&count)
      let offset = current.offset
      advance()
      left = .binary(operation, left, try parseConcatenation(), offset: offset)
    }
    return left
  }

  private mutating func parseConcatenation() throws(TemplateFault) -> TemplateExpression {
    let offset = current.offset
    var parts = [try parseProduct()]
    while skip(symbol: "~") { parts.append(try parseProduct()) }
    return parts.count == 1 ? parts[0] : .concatenation(parts, offset: offset)
  }

  private mutating func parseProduct() throws(TemplateFault) -> TemplateExpression {
    var left = try parsePower()
    var count = 0
    while case .symbol(let symbol) = current.kind, ["*", "/", "//", "%"].contains(symbol),
      let operation = TemplateBinary(rawValue: symbol)
    {
      try checkChain(&count)
      let offset = current.offset
      advance()
      left = .binary(operation, left, try parsePower(), offset: offset)
    }
    return left
  }

  private mutating func parsePower() throws(TemplateFault) -> TemplateExpression {
    var left = try parseUnary()
    var count = 0
    while isSymbol("**") {
      try checkChain(&count)
      let offset = current.offset
      advance()
      left = .binary(.power, left, try parseUnary(), offset: offset)
    }
    return left
  }

  private mutating func parseUnary(withFilters: Bool = true) throws(TemplateFault) -> TemplateExpression {
    let offset = current.offset
    var value: TemplateExpression
    if isSymbol("-", "+") {
      let isNegative = isSymbol("-")
      advance()
      let operand = try nested { parser throws(TemplateFault) in try parser.parseUnary(withFilters: false) }
      value = .sign(operand, isNegative: isNegative, offset: offset)
    } else {
      value = try parsePrimary()
    }
    value = try parsePostfix(value)
    return withFilters ? try parseFiltersAndTests(value) : value
  }

  /// A name, literal, or expression in brackets.
  mutating func parsePrimary() throws(TemplateFault) -> TemplateExpression {
    let token = current
    switch token.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return .constant(.bool(true))
      case "false", "False": return .constant(.bool(false))
      case "none", "None": return .constant(.none)
      default: return .name(TemplateName(name, offset: token.offset))
      }
    case .string(let first):
      advance()
      var text = first
      while case .string(let next) = current.kind {
        text += next
        advance()
      }
      return .constant(.text(TemplateText(template: text)))
    case .int(let value):
      advance()
      return .constant(.int(value))
    case .float(let value):
      advance()
      return .constant(.float(value))
    case .symbol("("):
      advance()
      let value = try parseTuple(isInParentheses: true)
      try expect(.symbol(")"))
      return value
    case .symbol("["): return try parseList()
    case .symbol("{"): return try parseDictionary()
    default: throw fault("expected an expression, found \(token.kind.description)")
    }
  }

  private mutating func parseList() throws(TemplateFault) -> TemplateExpression {
    try expect(.symbol("["))
    var elements: [TemplateExpression] = []
    while !isSymbol("]") {
      if !elements.isEmpty { try expect(.symbol(",")) }
      if isSymbol("]") { break }
      elements.append(try parseExpression())
    }
    try expect(.symbol("]"))
    return .list(elements)
  }

  private mutating func parseDictionary() throws(TemplateFault) -> TemplateExpression {
    let offset = current.offset
    try expect(.symbol("{"))
    var members: [(key: TemplateExpression, value: TemplateExpression)] = []
    while !isSymbol("}") {
      if !members.isEmpty { try expect(.symbol(",")) }
      if isSymbol("}") { break }
      let key = try parseExpression()
      try expect(.symbol(":"))
      members.append((key, try parseExpression()))
    }
    try expect(.symbol("}"))
    return .dictionary(members, offset: offset)
  }
}
