/// The variables of one scope while a template is compiled.
final class TemplateSymbols {
  /// A function with a frame; its scopes share the frame's slots.
  final class Function {
    let depth: Int
    var slotCount = 0
    init(depth: Int) { self.depth = depth }
  }

  /// A slot by the depth of its function from the template's, which is 0.
  struct Slot: Hashable {
    let functionDepth: Int
    let index: Int
  }

  /// How a variable gets its value when the scope is entered.
  enum Load {
    case parameter
    /// A variable of the chat, or a global function.
    case resolve(String)
    /// The value of an outer scope's variable.
    case alias(Slot)
    case undefined
  }

  /// Slots by name, common to the branches of a scope.
  private final class Names { var slots: [String: Slot] = [:] }

  let function: Function
  private let parent: TemplateSymbols?
  private let names: Names
  private var references: [String: Slot] = [:]
  private var loads: [Slot: Load] = [:]
  private var stores: Set<String> = []

  init(function: Function, parent: TemplateSymbols?) {
    self.function = function
    self.parent = parent
    names = Names()
  }

  private init(copying other: TemplateSymbols) {
    function = other.function
    parent = other.parent
    names = other.names
    references = other.references
    loads = other.loads
    stores = other.stores
  }

  func inner() -> TemplateSymbols { TemplateSymbols(function: function, parent: self) }

  func innerFunction() -> TemplateSymbols {
    TemplateSymbols(function: Function(depth: function.depth + 1), parent: self)
  }

  var orderedLoads: [(Slot, Load)] { loads.sorted { $0.key.index < $1.key.index }.map { ($0.key, $0.value) } }

  private func find(_ name: String) -> Slot? { references[name] ?? parent?.find(name) }

  func relative(_ slot: Slot) -> TemplateSlot {
    TemplateSlot(depth: function.depth - slot.functionDepth, index: slot.index)
  }

  /// The slot of a name that has been analyzed.
  func slot(of name: String) -> TemplateSlot {
    relative(find(name) ?? define(name, .resolve(name)))
  }

  @discardableResult
  private func define(_ name: String, _ load: Load) -> Slot {
    let slot: Slot
    if let known = names.slots[name] {
      slot = known
    } else {
      slot = Slot(functionDepth: function.depth, index: function.slotCount)
      function.slotCount += 1
      names.slots[name] = slot
    }
    references[name] = slot
    loads[slot] = load
    return slot
  }

  func declare(_ name: String) {
    stores.insert(name)
    define(name, .parameter)
  }

  func declare(_ target: TemplateTarget) {
    switch target {
    case .name(let name): declare(name.name)
    case .attribute(let name, _): load(name.name)
    case .tuple(let targets, _): for target in targets { declare(target) }
    }
  }

  func load(_ name: String) {
    if find(name) == nil { define(name, .resolve(name)) }
  }

  func load(_ expression: TemplateExpression) { expression.forEachName { load($0.name) } }

  private func store(_ name: String) {
    stores.insert(name)
    guard references[name] == nil else { return }
    define(name, parent?.find(name).map { .alias($0) } ?? .undefined)
  }

  private func store(_ target: TemplateTarget) {
    switch target {
    case .name(let name): store(name.name)
    case .attribute(let name, _): load(name.name)
    case .tuple(let targets, _): for target in targets { store(target) }
    }
  }

  /// Notes which names the statements of this scope use and assign; scopes within it are analyzed on their own.
  func analyze(_ statements: [TemplateStatement]) {
    for statement in statements {
      switch statement {
      case .data, .breakLoop, .continueLoop, .generation: break
      case .print(let value, _): load(value)
      case .branch(let branches, let otherwise): analyze(branches[...], otherwise)
      case .loop(let loop): load(loop.sequence)
      case .assign(let target, let value, _):
        load(value)
        store(target)
      case .assignBlock(let target, _, _, _, _): store(target)
      case .macro(let macro): store(macro.name.name)
      case .callBlock(_, let callee, let arguments, _):
        load(callee)
        for value in arguments.values { load(value) }
      case .filterBlock(let filter, _, _, _): load(filter)
      case .with(let members, _, _, _): for member in members { load(member.value) }
      }
    }
  }

  private func analyze(
    _ branches: ArraySlice<(test: TemplateExpression, body: [TemplateStatement])>,
    _ otherwise: [TemplateStatement]
  ) {
    guard let first = branches.first else { return }
    load(first.test)
    let body = TemplateSymbols(copying: self)
    body.analyze(first.body)
    // Each further test is a branch of its own, one after the other.
    let others = TemplateSymbols(copying: self)
    for branch in branches.dropFirst() { others.analyze([branch], []) }
    let rest = TemplateSymbols(copying: self)
    rest.analyze(otherwise)
    merge([body, others, rest])
  }

  /// A name that some branch assigns and this scope did not: it has the outer value where that branch is not taken.
  private func merge(_ branches: [TemplateSymbols]) {
    let assigned = branches.reduce(into: Set<String>()) { $0.formUnion($1.stores) }.subtracting(stores)
    for branch in branches {
      references.merge(branch.references) { $1 }
      loads.merge(branch.loads) { $1 }
      stores.formUnion(branch.stores)
    }
    for name in assigned {
      guard let slot = find(name) else { continue }
      loads[slot] = parent?.find(name).map { .alias($0) } ?? .resolve(name)
    }
  }
}
