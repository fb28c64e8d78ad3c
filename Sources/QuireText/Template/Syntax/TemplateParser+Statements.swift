extension TemplateParser {
  /// The statement at the current token, without the end of its last tag.
  mutating func parseStatement() throws(TemplateFault) -> [TemplateStatement] {
    guard case .name(let tag) = current.kind else {
      throw fault("expected a statement, found \(current.kind.description)")
    }
    let offset = current.offset
    switch tag {
    case "for": return [try parseLoop()]
    case "if": return [try parseBranch()]
    case "set": return [try parseAssignment()]
    case "macro": return [try parseMacro()]
    case "call": return [try parseCallBlock()]
    case "filter": return [try parseFilterBlock()]
    case "with": return [try parseWith()]
    case "print": return try parsePrint()
    case "generation":
      advance()
      let body = try parseScoped(isFunction: true, until: ["endgeneration"]).body
      return [
        .generation(
          TemplateMacroStatement(
            name: TemplateName("caller", offset: offset), parameters: [], defaults: [], body: body))
      ]
    case "break", "continue":
      guard loopDepth > 0 else { throw fault("'\(tag)' outside of a loop") }
      advance()
      return [tag == "break" ? .breakLoop : .continueLoop]
    case "block", "extends", "include", "import", "from", "autoescape":
      throw .unsupported("the statement '\(tag)'")
    default: throw fault("found the unknown statement '\(tag)'")
    }
  }

  private mutating func parseLoop() throws(TemplateFault) -> TemplateStatement {
    let offset = current.offset
    advance()
    let start = self
    let target = try parseTarget(endingAt: "in")
    // The test of a loop sees the target in a scope of its own, so it is read twice.
    var copy = start
    let testTarget = try copy.parseTarget(endingAt: "in")
    if target.names.contains("loop") { throw fault("cannot assign to 'loop' in a loop") }
    try expect(.name("in"))
    let sequence = try parseTuple(allowsConditional: false, endingAt: "recursive")
    let test = skip(name: "if") ? try parseExpression() : nil
    if isName("recursive") { throw .unsupported("a recursive loop") }
    loopDepth += 1
    let (body, end) = try parseScoped(until: ["endfor", "else"])
    loopDepth -= 1
    if TemplateStatement.assigned(in: body).contains("loop") {
      throw fault("cannot assign to 'loop' in a loop")
    }
    let otherwise = end == "else" ? try parseScoped(until: ["endfor"]).body : []
    return .loop(
      TemplateLoopStatement(
        target: target, testTarget: testTarget, sequence: sequence, test: test, body: body,
        otherwise: otherwise,
        usesLoop: TemplateUses.undeclared(["loop"], in: body).contains("loop"), offset: offset))
  }

  private mutating func parseBranch() throws(TemplateFault) -> TemplateStatement {
    advance()
    var branches: [(test: TemplateExpression, body: [TemplateStatement])] = []
    let saved = isInBranch
    isInBranch = true
    defer { isInBranch = saved }
    while true {
      let test = try parseTuple(allowsConditional: false)
      let (body, end) = try parseScoped(isBranch: true, until: ["elif", "else", "endif"])
      branches.append((test, body))
      switch end {
      case "elif": continue
      case "else": return .branch(branches, else: try parseScoped(isBranch: true, until: ["endif"]).body)
      default: return .branch(branches, else: [])
      }
    }
  }

  private mutating func parseAssignment() throws(TemplateFault) -> TemplateStatement {
    advance()
    let offset = current.offset
    let target = try parseTarget(allowsAttributes: true)
    if skip(symbol: "=") { return .assign(target, try parseTuple(), offset: offset) }
    let filter = isSymbol("|") ? try parseFilter(nil) : nil
    let body = try parseScoped(until: ["endset"]).body
    return .assignBlock(target, filter: filter, TemplateScope(), body, offset: offset)
  }

  private mutating func parseSignature() throws(TemplateFault) -> ([TemplateName], [TemplateExpression]) {
    var parameters: [TemplateName] = []
    var defaults: [TemplateExpression] = []
    try expect(.symbol("("))
    while !isSymbol(")") {
      if !parameters.isEmpty { try expect(.symbol(",")) }
      parameters.append(try expectName())
      if skip(symbol: "=") {
        defaults.append(try parseExpression())
      } else if !defaults.isEmpty {
        throw fault("a parameter without a default after one with a default")
      }
    }
    if Set(parameters.map(\.name)).count < parameters.count { throw fault("two parameters with one name") }
    try expect(.symbol(")"))
    return (parameters, defaults)
  }

  private mutating func parseMacro() throws(TemplateFault) -> TemplateStatement {
    advance()
    let name = try expectName()
    let (parameters, defaults) = try parseSignature()
    let body = try parseScoped(isFunction: true, until: ["endmacro"]).body
    let macro = TemplateMacroStatement(name: name, parameters: parameters, defaults: defaults, body: body)
    if let caller = parameters.firstIndex(where: { $0.name == "caller" }),
      caller < parameters.count - defaults.count
    {
      throw .unsupported("a parameter 'caller' without a default")
    }
    return .macro(macro)
  }

  private mutating func parseCallBlock() throws(TemplateFault) -> TemplateStatement {
    let offset = current.offset
    advance()
    let (parameters, defaults) = isSymbol("(") ? try parseSignature() : ([], [])
    guard case .call(let callee, let arguments, _) = try parseExpression() else {
      throw fault("expected a call")
    }
    let body = try parseScoped(isFunction: true, until: ["endcall"]).body
    return .callBlock(
      TemplateMacroStatement(
        name: TemplateName("caller", offset: offset), parameters: parameters, defaults: defaults, body: body),
      callee: callee, arguments, offset: offset)
  }

  private mutating func parseFilterBlock() throws(TemplateFault) -> TemplateStatement {
    let offset = current.offset
    advance()
    let filter = try parseFilter(nil, startsInline: true)
    return .filterBlock(filter, TemplateScope(), try parseScoped(until: ["endfilter"]).body, offset: offset)
  }

  private mutating func parseWith() throws(TemplateFault) -> TemplateStatement {
    let offset = current.offset
    advance()
    var members: [(target: TemplateTarget, value: TemplateExpression)] = []
    while current.kind != .blockEnd {
      if !members.isEmpty { try expect(.symbol(",")) }
      let target = try parseTarget()
      try expect(.symbol("="))
      members.append((target, try parseExpression()))
    }
    return .with(members, TemplateScope(), try parseScoped(until: ["endwith"]).body, offset: offset)
  }

  private mutating func parsePrint() throws(TemplateFault) -> [TemplateStatement] {
    advance()
    var prints: [TemplateStatement] = []
    while current.kind != .blockEnd {
      if !prints.isEmpty { try expect(.symbol(",")) }
      let offset = current.offset
      prints.append(.print(try parseExpression(), offset: offset))
    }
    return prints
  }

  /// One target, or several with commas between them.
  private mutating func parseTarget(
    allowsAttributes: Bool = false, endingAt end: String? = nil
  ) throws(TemplateFault) -> TemplateTarget {
    let offset = current.offset
    var targets: [TemplateTarget] = []
    var isTuple = false
    while true {
      if !targets.isEmpty { try expect(.symbol(",")) }
      if isTargetEnd(end) { break }
      targets.append(try parseSingleTarget(allowsAttributes))
      guard isSymbol(",") else { break }
      isTuple = true
    }
    if let target = targets.first, !isTuple { return target }
    if targets.isEmpty { throw fault("expected a name, found \(current.kind.description)") }
    return .tuple(targets, offset: offset)
  }

  private func isTargetEnd(_ end: String?) -> Bool {
    if isSymbol(")", "=") || current.kind == .blockEnd { return true }
    if let end { return isName(end) }
    return false
  }

  private mutating func parseSingleTarget(_ allowsAttributes: Bool) throws(TemplateFault) -> TemplateTarget {
    if skip(symbol: "(") {
      let target = try nested { parser throws(TemplateFault) in
        try parser.parseTarget(allowsAttributes: allowsAttributes)
      }
      try expect(.symbol(")"))
      return target
    }
    let name = try expectName()
    if ["true", "false", "none", "True", "False", "None"].contains(name.name) {
      throw fault("cannot assign to '\(name.name)'")
    }
    if allowsAttributes && skip(symbol: ".") { return .attribute(name, name: try expectName().name) }
    return .name(name)
  }
}

extension TemplateTarget {
  var names: [String] {
    switch self {
    case .name(let name): [name.name]
    case .attribute: []
    case .tuple(let targets, _): targets.flatMap(\.names)
    }
  }
}

extension TemplateStatement {
  /// The names that statements and the statements in them assign.
  static func assigned(in statements: [TemplateStatement]) -> Set<String> {
    var names: Set<String> = []
    for statement in statements { names.formUnion(statement.assigned) }
    return names
  }

  private var assigned: Set<String> {
    switch self {
    case .data, .print, .breakLoop, .continueLoop: []
    case .branch(let branches, let otherwise):
      Self.assigned(in: branches.flatMap(\.body) + otherwise)
    case .loop(let loop): Self.assigned(in: loop.body + loop.otherwise).union(loop.target.names)
    case .assign(let target, _, _): Set(target.names)
    case .assignBlock(let target, _, _, let body, _): Self.assigned(in: body).union(target.names)
    case .macro(let macro), .callBlock(let macro, _, _, _), .generation(let macro):
      Self.assigned(in: macro.body)
    case .filterBlock(_, _, let body, _), .with(_, _, let body, _): Self.assigned(in: body)
    }
  }
}
