/// Finds uses of names in statements, as Jinja decides whether a loop needs `loop` and a macro `caller`: in the order
/// of the source, until a statement assigns the name.
struct TemplateUses {
  private var open: Set<String>
  private(set) var found: Set<String> = []

  static func undeclared(_ names: Set<String>, in statements: [TemplateStatement]) -> Set<String> {
    var uses = TemplateUses(open: names)
    uses.visit(statements)
    return uses.found
  }

  private init(open: Set<String>) { self.open = open }

  private mutating func use(_ name: TemplateName) { if open.contains(name.name) { found.insert(name.name) } }
  private mutating func declare(_ name: TemplateName) { open.remove(name.name) }

  private mutating func declare(_ target: TemplateTarget) {
    switch target {
    case .name(let name): declare(name)
    case .attribute: break
    case .tuple(let targets, _): for target in targets { declare(target) }
    }
  }

  private mutating func visit(_ statements: [TemplateStatement]) {
    for statement in statements { visit(statement) }
  }

  private mutating func visit(_ statement: TemplateStatement) {
    switch statement {
    case .data, .breakLoop, .continueLoop: break
    case .print(let value, _): visit(value)
    case .branch(let branches, let otherwise):
      for branch in branches {
        visit(branch.test)
        visit(branch.body)
      }
      visit(otherwise)
    case .loop(let loop):
      declare(loop.target)
      visit(loop.sequence)
      visit(loop.body)
      visit(loop.otherwise)
      visit(loop.test)
    case .assign(let target, let value, _):
      declare(target)
      visit(value)
    case .assignBlock(let target, let filter, _, let body, _):
      declare(target)
      visit(filter)
      visit(body)
    case .macro(let macro): visit(macro)
    case .callBlock(let macro, let callee, let arguments, _):
      visit(callee)
      visit(arguments)
      visit(macro)
    case .generation(let macro): visit(macro)
    case .filterBlock(let filter, _, let body, _):
      visit(body)
      visit(filter)
    case .with(let members, _, let body, _):
      for member in members { declare(member.target) }
      for member in members { visit(member.value) }
      visit(body)
    }
  }

  private mutating func visit(_ macro: TemplateMacroStatement) {
    for parameter in macro.parameters { declare(parameter) }
    for value in macro.defaults { visit(value) }
    visit(macro.body)
  }

  private mutating func visit(_ arguments: TemplateArguments) {
    for value in arguments.values { visit(value) }
  }

  private mutating func visit(_ expression: TemplateExpression?) {
    guard let expression else { return }
    expression.forEachName { use($0) }
  }
}

extension TemplateExpression {
  /// Calls `body` for each variable in the order of the source.
  func forEachName(_ body: (TemplateName) -> Void) {
    if case .name(let name) = self { body(name) }
    for child in children { child.forEachName(body) }
  }

  /// The number of levels of the tree; counted without recursion, because it is limited afterwards only.
  var depth: Int {
    var level = [self]
    var depth = 0
    while !level.isEmpty {
      level = level.flatMap(\.children)
      depth += 1
    }
    return depth
  }

  /// The expressions in it, in the order of the source.
  private var children: [TemplateExpression] {
    switch self {
    case .constant, .unknown, .name: []
    case .attribute(let object, _, _): [object]
    case .item(let object, let key, _): [object, key]
    case .slice(let object, let start, let stop, let step, _):
      [object] + [start, stop, step].compactMap(\.self)
    case .call(let callee, let arguments, _): [callee] + arguments.values
    case .filter(let input, _, let arguments, _): (input.map { [$0] } ?? []) + arguments.values
    case .test(let input, _, let arguments, _): [input] + arguments.values
    case .not(let value), .sign(let value, _, _): [value]
    case .and(let left, let right), .or(let left, let right), .binary(_, let left, let right, _):
      [left, right]
    case .comparison(let first, let others, _): [first] + others.map(\.1)
    case .concatenation(let values, _), .list(let values), .tuple(let values): values
    case .conditional(let test, let then, let otherwise, _): [test, then] + (otherwise.map { [$0] } ?? [])
    case .dictionary(let members, _): members.flatMap { [$0.key, $0.value] }
    }
  }
}

extension TemplateArguments {
  /// All expressions, in the order of the source.
  var values: [TemplateExpression] {
    positional + named.map(\.value) + [list, map].compactMap(\.self)
  }
}
