extension TemplateParser {
  /// Attributes, subscripts and calls after an expression.
  mutating func parsePostfix(_ start: TemplateExpression) throws(TemplateFault) -> TemplateExpression {
    var value = start
    var count = 0
    while isSymbol(".", "[", "(") {
      try checkChain(&count)
      value = isSymbol("(") ? try parseCall(value) : try parseSubscript(value)
    }
    return value
  }

  /// Filters, tests and calls after an expression.
  mutating func parseFiltersAndTests(_ start: TemplateExpression) throws(TemplateFault) -> TemplateExpression
  {
    var value = start
    var count = 0
    while true {
      try checkChain(&count)
      if isSymbol("|") {
        value = try parseFilter(value)
      } else if isName("is") {
        value = try parseTest(value)
      } else if isSymbol("(") {
        value = try parseCall(value)
      } else {
        return value
      }
    }
  }

  /// A chain nests as deep as it is long when it is run.
  func checkChain(_ count: inout Int) throws(TemplateFault) {
    count += 1
    if count > Self.chainMaximum { throw Self.tooDeep }
  }

  private mutating func parseCall(_ callee: TemplateExpression) throws(TemplateFault) -> TemplateExpression {
    let offset = current.offset
    if case .attribute(_, let name, _) = callee, TemplateMethod.unsupportedNames.contains(name.string) {
      throw .unsupported("the method '\(name.string)'")
    }
    return .call(callee, try parseArguments(), offset: offset)
  }

  mutating func parseArguments() throws(TemplateFault) -> TemplateArguments {
    var arguments = TemplateArguments()
    try expect(.symbol("("))
    var isFirst = true
    while !isSymbol(")") {
      if !isFirst {
        try expect(.symbol(","))
        if isSymbol(")") { break }
      }
      isFirst = false
      if isSymbol("*") {
        guard arguments.list == nil, arguments.map == nil else { throw fault("arguments in a wrong order") }
        advance()
        arguments.list = try parseExpression()
      } else if isSymbol("**") {
        guard arguments.map == nil else { throw fault("arguments in a wrong order") }
        advance()
        arguments.map = try parseExpression()
      } else if case .name(let name) = current.kind, following.kind == .symbol("=") {
        guard arguments.map == nil else { throw fault("arguments in a wrong order") }
        advance()
        advance()
        if arguments.named.contains(where: { $0.name == name }) {
          throw fault("the argument '\(name)' twice")
        }
        arguments.named.append((name, try parseExpression()))
      } else {
        guard arguments.list == nil, arguments.map == nil, arguments.named.isEmpty else {
          throw fault("arguments in a wrong order")
        }
        arguments.positional.append(try parseExpression())
      }
    }
    try expect(.symbol(")"))
    return arguments
  }

  private mutating func parseSubscript(_ object: TemplateExpression) throws(TemplateFault)
    -> TemplateExpression
  {
    let offset = current.offset
    if skip(symbol: ".") {
      let token = current
      advance()
      switch token.kind {
      case .name(let name): return .attribute(object, name: TemplateText(template: name), offset: offset)
      case .int(let index): return .item(object, .constant(.int(index)), offset: offset)
      default: throw fault("expected a name or a number after '.'")
      }
    }
    try expect(.symbol("["))
    if isSymbol("]") { throw fault("expected an expression, found ']'") }
    let start = isSymbol(":") ? nil : try parseExpression()
    if isSymbol(",") { throw .unsupported("a subscript of several values") }
    guard skip(symbol: ":") else {
      try expect(.symbol("]"))
      return .item(object, start ?? .constant(.none), offset: offset)
    }
    let stop = isSymbol(":", "]") ? nil : try parseExpression()
    let step = skip(symbol: ":") && !isSymbol("]") ? try parseExpression() : nil
    if isSymbol(",") { throw .unsupported("a subscript of several values") }
    try expect(.symbol("]"))
    return .slice(object, start: start, stop: stop, step: step, offset: offset)
  }

  private mutating func parseDottedName() throws(TemplateFault) -> (name: String, offset: Int) {
    let first = try expectName()
    var name = first.name
    while skip(symbol: ".") { name += "." + (try expectName()).name }
    return (name, first.offset)
  }

  /// Filters in a row.
  mutating func parseFilter(
    _ input: TemplateExpression?, startsInline: Bool = false
  ) throws(TemplateFault) -> TemplateExpression {
    var value = input
    var isInline = startsInline
    var count = 0
    while isInline || isSymbol("|") {
      try checkChain(&count)
      if !isInline { advance() }
      isInline = false
      let start = self
      let (name, offset) = try parseDottedName()
      let arguments = isSymbol("(") ? try parseArguments() : TemplateArguments()
      guard let filter = TemplateFilter(rawValue: name) else {
        value = try unknown(
          "filter", name, isKnown: TemplateFilter.unsupportedNames.contains(name), offset, at: start)
        continue
      }
      try check(filter, arguments, at: start)
      value = .filter(value, filter, arguments, offset: offset)
    }
    return value ?? .constant(.none)
  }

  /// A filter or test without an implementation: refused, except where Jinja waits until it is reached.
  private mutating func unknown(
    _ kind: String, _ name: String, isKnown: Bool, _ offset: Int, at start: TemplateParser
  ) throws(TemplateFault) -> TemplateExpression {
    if isKnown || !isInBranch {
      self = start
      if isKnown { throw .unsupported("the \(kind) '\(name)'") }
      throw fault("No \(kind) named '\(name)'.")
    }
    return .unknown(message: "No \(kind) named '\(name)' found.", offset: offset)
  }

  /// The filter or test that `map` and `select` are given by name must be known too.
  private mutating func check(
    _ filter: TemplateFilter, _ arguments: TemplateArguments, at start: TemplateParser
  ) throws(TemplateFault) {
    let position = filter == .selectattr || filter == .rejectattr ? 1 : 0
    guard position < arguments.positional.count,
      case .constant(.text(let text)) = arguments.positional[position]
    else { return }
    switch filter {
    case .map where TemplateFilter.unsupportedNames.contains(text.string):
      self = start
      throw .unsupported("the filter '\(text.string)'")
    default: break
    }
  }

  private mutating func parseTest(_ input: TemplateExpression) throws(TemplateFault) -> TemplateExpression {
    advance()
    let isNegated = skip(name: "not")
    let start = self
    let (name, offset) = try parseDottedName()
    var arguments = TemplateArguments()
    if isSymbol("(") {
      arguments = try parseArguments()
    } else if startsTestArgument {
      if isName("is") { throw fault("tests in a row") }
      arguments.positional = [try parseTestArgument()]
    }
    let test: TemplateExpression
    if let known = TemplateTest(name: name) {
      if known == .sameas, case .constant(let other)? = arguments.positional.first {
        switch other {
        case .none, .bool: break
        default: throw .unsupported("the test 'sameas' with a text or number")
        }
      }
      test = .test(input, known, arguments, offset: offset)
    } else {
      test = try unknown("test", name, isKnown: false, offset, at: start)
    }
    return isNegated ? .not(test) : test
  }

  private var startsTestArgument: Bool {
    switch current.kind {
    case .name(let name): !["else", "or", "and"].contains(name)
    case .string, .int, .float: true
    case .symbol(let symbol): ["[", "{"].contains(symbol)
    default: false
    }
  }

  private mutating func parseTestArgument() throws(TemplateFault) -> TemplateExpression {
    try nested { parser throws(TemplateFault) in try parser.parsePostfix(try parser.parsePrimary()) }
  }
}
