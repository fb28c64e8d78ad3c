extension TemplateMachine {
  func run(_ statements: [TemplateStatement]) throws(TemplateFault) -> Flow {
    try enter()
    defer { leave() }
    for statement in statements {
      try charge()
      let flow = try run(statement)
      if flow != .normal { return flow }
    }
    return .normal
  }

  private func run(_ statement: TemplateStatement) throws(TemplateFault) -> Flow {
    switch statement {
    case .data(let text): try write(text)
    case .print(let value, let offset):
      let value = try evaluate(value)
      position = offset
      try write(try value.printed(work))
    case .branch(let branches, let otherwise):
      for branch in branches where try evaluate(branch.test).isTrue { return try run(branch.body) }
      return try run(otherwise)
    case .loop(let loop): try run(loop)
    case .assign(let target, let value, let offset):
      try checkNamespaces(target, offset)
      let value = try evaluate(value)
      position = offset
      try assign(value, to: target)
    case .assignBlock(let target, let filter, let scope, let body, let offset):
      try runAssignBlock(target, filter, scope, body, offset)
    case .macro(let macro):
      if frame.parent != nil { keep(frame) }
      frame.set(.function(.macro(TemplateMacro(macro, frame: frame))), at: macro.name.slot)
    case .callBlock(let macro, let callee, let arguments, let offset):
      let caller = TemplateMacro(macro, frame: frame)
      var values = try evaluate(arguments)
      values.named.append(("caller", .function(.macro(caller))))
      try write(try call(callee, values, offset).printed(work))
    case .generation(let macro):
      try write(try call(TemplateMacro(macro, frame: frame), TemplateCallValues()))
    case .filterBlock(let filter, let scope, let body, let offset):
      enter(scope)
      let text = try captured { () throws(TemplateFault) in _ = try run(body) }
      position = offset
      try write(try evaluate(filter, block: text).printed(work))
    case .with(let members, let scope, let body, let offset):
      enter(scope)
      for member in members {
        let value = try evaluate(member.value)
        position = offset
        try assign(value, to: member.target)
      }
      return try run(body)
    case .breakLoop: return .broken
    case .continueLoop: return .continued
    }
    return .normal
  }

  private func runAssignBlock(
    _ target: TemplateTarget, _ filter: TemplateExpression?, _ scope: TemplateScope,
    _ body: [TemplateStatement], _ offset: Int
  ) throws(TemplateFault) {
    try checkNamespaces(target, offset)
    enter(scope)
    let text = try captured { () throws(TemplateFault) in _ = try run(body) }
    let value = if let filter { try evaluate(filter, block: text) } else { TemplateValue.text(text) }
    position = offset
    try assign(value, to: target)
  }

  private func checkNamespaces(_ target: TemplateTarget, _ offset: Int) throws(TemplateFault) {
    switch target {
    case .name: break
    case .attribute(let name, _):
      position = offset
      guard case .namespace = frame.value(at: name.slot) else {
        throw .operation("cannot assign attribute on non-namespace object")
      }
    case .tuple(let targets, _): for target in targets { try checkNamespaces(target, offset) }
    }
  }

  func assign(_ value: TemplateValue, to target: TemplateTarget) throws(TemplateFault) {
    switch target {
    case .name(let name): frame.set(value, at: name.slot)
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace) = frame.value(at: name.slot) else {
        throw .operation("cannot assign attribute on non-namespace object")
      }
      try Self.checkNamespaceName(attribute)
      namespace.members.set(attribute, value)
    case .tuple(let targets, _):
      let values = try value.elements()
      guard values.count == targets.count else {
        let wanted = "(expected \(targets.count)"
        throw .operation(
          values.count > targets.count
            ? "too many values to unpack \(wanted))"
            : "not enough values to unpack \(wanted), got \(values.count))")
      }
      for (target, value) in zip(targets, values) { try assign(value, to: target) }
    }
  }

  static func checkNamespaceName(_ name: String) throws(TemplateFault) {
    if name.utf8.first == UInt8(ascii: "_") {
      throw .operation(
        "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '\(name)'. "
          + "Please rename the attribute.")
    }
  }

  private func run(_ loop: TemplateLoopStatement) throws(TemplateFault) {
    let sequence = try checked(try evaluate(loop.sequence))
    position = loop.offset
    try charge(elementsOf: sequence)
    var context = TemplateLoop(try sequence.iterate(), count: loop.test == nil ? sequence.knownCount : nil)
    if loop.test != nil {
      context = TemplateLoop(filtered(try sequence.iterate(), by: loop), count: nil)
    }
    // As in Jinja, only a body that runs to its end counts: after `break` or `continue` in every iteration, the `else`
    // branch runs.
    var completed = false
    while let value = try context.advance() {
      try charge()
      position = loop.offset
      try assign(value, to: loop.target)
      if let name = loop.loopName { frame.set(.loop(context), at: name.slot) }
      enter(loop.bodyScope)
      switch try run(loop.body) {
      case .normal: completed = true
      case .continued: continue
      case .broken:
        if !completed { try runElse(loop) }
        return
      }
    }
    if !completed { try runElse(loop) }
  }

  private func runElse(_ loop: TemplateLoopStatement) throws(TemplateFault) {
    if loop.otherwise.isEmpty { return }
    enter(loop.elseScope)
    _ = try run(loop.otherwise)
  }

  /// The elements that pass a loop's test; tested when they are read.
  private func filtered(_ values: TemplateIterator, by loop: TemplateLoopStatement) -> TemplateIterator {
    TemplateIterator(depth: values.depth) { [unowned self] () throws(TemplateFault) in
      while let value = try values.next() {
        try charge()
        try assign(value, to: loop.testTarget)
        enter(loop.testScope)
        if let test = loop.test, try evaluate(test).isTrue { return value }
      }
      return nil
    }
  }
}

extension TemplateValue {
  /// The number of elements, where Python's `len` gives it without reading them.
  var knownCount: Int? {
    switch self {
    case .list(let elements), .tuple(let elements): elements.count
    case .text(let text): text.scalarCount
    case .dictionary(let dictionary): dictionary.count
    case .range(let range): range.count
    case .view(let view): view.dictionary.count
    case .undefined: 0
    default: nil
    }
  }
}
