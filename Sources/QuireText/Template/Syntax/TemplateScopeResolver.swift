/// Gives each use of a variable its slot, by Jinja's rules.
///
/// Jinja compiles a template to Python functions: one for the template and one for each macro. Loops and blocks have
/// scopes of their own within a function. A name belongs to the scope that assigns it, or else to the scope around it
/// that knows it; a name that no scope knows is a variable of the chat. What a scope assigns is lost at its end, and
/// starts with the outer value each time the scope is entered.
struct TemplateScopeResolver {
  /// The variables of the chat and global functions that the template uses, in the order of their indices.
  private(set) var externalNames: [String] = []
  private var externalIndices: [String: Int] = [:]

  /// Resolves a template; returns the names of its external variables.
  static func resolve(_ statements: [TemplateStatement], _ scope: TemplateScope) -> [String] {
    var resolver = TemplateScopeResolver()
    let symbols = TemplateSymbols(function: TemplateSymbols.Function(depth: 0), parent: nil)
    symbols.analyze(statements)
    resolver.bind(statements, symbols)
    resolver.finish(scope, symbols, isFunction: true)
    return resolver.externalNames
  }

  private mutating func external(_ name: String) -> Int {
    if let index = externalIndices[name] { return index }
    externalIndices[name] = externalNames.count
    externalNames.append(name)
    return externalNames.count - 1
  }

  private mutating func finish(_ scope: TemplateScope, _ symbols: TemplateSymbols, isFunction: Bool = false) {
    for (slot, load) in symbols.orderedLoads {
      switch load {
      case .parameter: break
      case .resolve(let name): scope.loads.append(.external(slot: slot.index, index: external(name)))
      case .alias(let outer):
        scope.loads.append(.copy(slot: slot.index, from: symbols.relative(outer)))
      case .undefined: scope.loads.append(.missing(slot: slot.index))
      }
    }
    if isFunction { scope.slotCount = symbols.function.slotCount }
  }

  private mutating func bind(_ statements: [TemplateStatement], _ symbols: TemplateSymbols) {
    for statement in statements { bind(statement, symbols) }
  }

  private mutating func bind(_ statement: TemplateStatement, _ symbols: TemplateSymbols) {
    switch statement {
    case .data, .breakLoop, .continueLoop: break
    case .print(let value, _): bind(value, symbols)
    case .branch(let branches, let otherwise):
      for branch in branches {
        bind(branch.test, symbols)
        bind(branch.body, symbols)
      }
      bind(otherwise, symbols)
    case .loop(let loop): bind(loop, symbols)
    case .assign(let target, let value, _):
      bind(value, symbols)
      bind(target, symbols)
    case .assignBlock(let target, let filter, let scope, let body, _):
      bind(target, symbols)
      let inner = symbols.inner()
      inner.analyze(body)
      if let filter { inner.load(filter) }
      bind(body, inner)
      if let filter { bind(filter, inner) }
      finish(scope, inner)
    case .macro(let macro):
      bind(macro, symbols)
      bind(macro.name, symbols)
    case .callBlock(let macro, let callee, let arguments, _):
      bind(macro, symbols)
      bind(callee, symbols)
      for value in arguments.values { bind(value, symbols) }
    case .generation(let macro): bind(macro, symbols)
    case .filterBlock(let filter, let scope, let body, _):
      let inner = symbols.inner()
      inner.analyze(body)
      inner.load(filter)
      bind(body, inner)
      bind(filter, inner)
      finish(scope, inner)
    case .with(let members, let scope, let body, _):
      let inner = symbols.inner()
      for member in members { inner.declare(member.target) }
      inner.analyze(body)
      for member in members {
        bind(member.value, symbols)
        bind(member.target, inner)
      }
      bind(body, inner)
      finish(scope, inner)
    }
  }

  private mutating func bind(_ loop: TemplateLoopStatement, _ symbols: TemplateSymbols) {
    bind(loop.sequence, symbols)
    let body = symbols.inner()
    if let name = loop.loopName { body.declare(name.name) }
    body.declare(loop.target)
    body.analyze(loop.body)
    bind(loop.target, body)
    if let name = loop.loopName { bind(name, body) }
    bind(loop.body, body)
    finish(loop.bodyScope, body)

    let otherwise = symbols.inner()
    otherwise.analyze(loop.otherwise)
    bind(loop.otherwise, otherwise)
    finish(loop.elseScope, otherwise)

    if let test = loop.test {
      let inner = symbols.inner()
      inner.declare(loop.testTarget)
      inner.load(test)
      bind(loop.testTarget, inner)
      bind(test, inner)
      finish(loop.testScope, inner)
    }
  }

  private mutating func bind(_ macro: TemplateMacroStatement, _ symbols: TemplateSymbols) {
    let inner = symbols.innerFunction()
    for parameter in macro.parameters { inner.declare(parameter.name) }
    for value in macro.defaults { inner.load(value) }
    inner.analyze(macro.body)
    let special = [macro.caller, macro.namedRest, macro.positionalRest].compactMap(\.self)
    for name in special { inner.declare(name.name) }
    for name in macro.parameters + special { bind(name, inner) }
    for value in macro.defaults { bind(value, inner) }
    bind(macro.body, inner)
    finish(macro.scope, inner, isFunction: true)
  }

  private mutating func bind(_ target: TemplateTarget, _ symbols: TemplateSymbols) {
    switch target {
    case .name(let name), .attribute(let name, _): bind(name, symbols)
    case .tuple(let targets, _): for target in targets { bind(target, symbols) }
    }
  }

  private mutating func bind(_ expression: TemplateExpression, _ symbols: TemplateSymbols) {
    expression.forEachName { $0.slot = symbols.slot(of: $0.name) }
  }

  private mutating func bind(_ name: TemplateName, _ symbols: TemplateSymbols) {
    name.slot = symbols.slot(of: name.name)
  }
}
