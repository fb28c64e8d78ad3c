/// A statement of a template.
indirect enum TemplateStatement: Sendable {
  case data(TemplateText)
  case print(TemplateExpression, offset: Int)
  case branch([(test: TemplateExpression, body: [TemplateStatement])], else: [TemplateStatement])
  case loop(TemplateLoopStatement)
  case assign(TemplateTarget, TemplateExpression, offset: Int)
  /// The filter's innermost input is the text of the body.
  case assignBlock(
    TemplateTarget, filter: TemplateExpression?, TemplateScope, [TemplateStatement], offset: Int)
  case macro(TemplateMacroStatement)
  /// A call with its `caller`.
  case callBlock(TemplateMacroStatement, callee: TemplateExpression, TemplateArguments, offset: Int)
  /// A block whose text `transformers` marks as the assistant's; it renders as its body does.
  case generation(TemplateMacroStatement)
  case filterBlock(TemplateExpression, TemplateScope, [TemplateStatement], offset: Int)
  case with(
    [(target: TemplateTarget, value: TemplateExpression)], TemplateScope, [TemplateStatement], offset: Int)
  case breakLoop
  case continueLoop
}

/// What an assignment stores to.
indirect enum TemplateTarget: Sendable {
  case name(TemplateName)
  case attribute(TemplateName, name: String)
  case tuple([TemplateTarget], offset: Int)
}

final class TemplateLoopStatement: Sendable {
  let target: TemplateTarget
  let sequence: TemplateExpression
  let test: TemplateExpression?
  let body: [TemplateStatement]
  let otherwise: [TemplateStatement]
  /// The variable `loop`, if the body uses it.
  let loopName: TemplateName?
  /// The target as the test sees it: it has its own scope.
  let testTarget: TemplateTarget
  let bodyScope = TemplateScope()
  let elseScope = TemplateScope()
  let testScope = TemplateScope()
  let offset: Int

  init(
    target: TemplateTarget, testTarget: TemplateTarget, sequence: TemplateExpression,
    test: TemplateExpression?, body: [TemplateStatement], otherwise: [TemplateStatement], usesLoop: Bool,
    offset: Int
  ) {
    self.target = target
    self.testTarget = testTarget
    self.sequence = sequence
    self.test = test
    self.body = body
    self.otherwise = otherwise
    loopName = usesLoop ? TemplateName("loop", offset: offset) : nil
    self.offset = offset
  }
}

/// A macro, or the body of a `call` or `generation` block.
final class TemplateMacroStatement: Sendable {
  let name: TemplateName
  let parameters: [TemplateName]
  /// Of the last parameters.
  let defaults: [TemplateExpression]
  let body: [TemplateStatement]
  let scope = TemplateScope()
  /// The special variables, where the body uses them.
  let caller: TemplateName?
  let namedRest: TemplateName?
  let positionalRest: TemplateName?

  init(
    name: TemplateName, parameters: [TemplateName], defaults: [TemplateExpression], body: [TemplateStatement]
  ) {
    self.name = name
    self.parameters = parameters
    self.defaults = defaults
    self.body = body
    let given = Set(parameters.map(\.name))
    let used = TemplateUses.undeclared(["caller", "kwargs", "varargs"], in: body)
    func special(_ special: String, _ isWanted: Bool) -> TemplateName? {
      used.contains(special) && isWanted ? TemplateName(special, offset: name.offset) : nil
    }
    caller = special("caller", !given.contains("caller"))
    namedRest = special("kwargs", !given.contains("kwargs"))
    positionalRest = special("varargs", !given.contains("varargs"))
  }
}

/// What happens to the variables of a scope when it is entered.
///
/// `@unchecked`: ``TemplateScopeResolver`` sets it before the tree is shared; it does not change afterwards.
final class TemplateScope: @unchecked Sendable {
  enum Load: Sendable {
    /// A variable of the chat or a global function, by its index in ``ChatTemplateProgram``.
    case external(slot: Int, index: Int)
    case copy(slot: Int, from: TemplateSlot)
    case missing(slot: Int)
  }

  var loads: [Load] = []
  /// For the scope of a function: the number of slots of its frame.
  var slotCount = 0
}
