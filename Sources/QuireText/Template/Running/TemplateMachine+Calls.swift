/// The values of a call's arguments.
struct TemplateCallValues {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  /// The values of parameters in their order; nil for one that is not given.
  ///
  /// - Parameter required: The number of parameters without a default, from the first.
  func bound(_ function: String, _ parameters: [String], required: Int = 0) throws(TemplateFault)
    -> [TemplateValue?]
  {
    guard positional.count <= parameters.count else {
      throw .operation(
        "\(function)() takes at most \(parameters.count) arguments but \(positional.count) were given")
    }
    var values: [TemplateValue?] = positional
    values += Array(repeating: nil, count: parameters.count - positional.count)
    for (name, value) in named {
      guard let index = parameters.firstIndex(of: name) else {
        throw .operation("\(function)() got an unexpected keyword argument '\(name)'")
      }
      if values[index] != nil { throw .operation("\(function)() got multiple values for argument '\(name)'") }
      values[index] = value
    }
    for index in 0..<required where values[index] == nil {
      throw .operation("\(function)() missing the required argument '\(parameters[index])'")
    }
    return values
  }

  /// The values of a function without keywords.
  func positionalOnly(_ function: String, _ counts: ClosedRange<Int>) throws(TemplateFault) -> [TemplateValue]
  {
    if !named.isEmpty { throw .operation("\(function)() takes no keyword arguments") }
    guard counts.contains(positional.count) else {
      throw .operation(
        "\(function)() takes \(counts.lowerBound) to \(counts.upperBound) arguments but \(positional.count) were given"
      )
    }
    return positional
  }
}

extension TemplateMachine {
  /// Calls what an expression names. Methods are called without making a value of them first.
  func call(
    _ callee: TemplateExpression, _ values: TemplateCallValues, _ offset: Int
  ) throws(TemplateFault) -> TemplateValue {
    let function = try evaluate(callee)
    position = offset
    switch function {
    case .function(.macro(let macro)): return .text(try call(macro, values))
    case .function(.method(let receiver, let method)): return try call(method, of: receiver.value, values)
    case .function(.global(let global)): return try call(global, values)
    case .undefined(let undefined): throw .operation(undefined.message)
    case .loop:
      throw .operation("The loop must have the 'recursive' marker to be called recursively.")
    default: throw .operation("'\(function.typeName)' object is not callable")
    }
  }

  /// Runs a macro and returns what it prints.
  func call(_ macro: TemplateMacro, _ values: TemplateCallValues) throws(TemplateFault) -> TemplateText {
    let statement = macro.statement
    let called = TemplateFrame(slotCount: statement.scope.slotCount, parent: macro.frame)
    let parameters = statement.parameters
    var named = values.named
    var given: [TemplateValue?] = values.positional.prefix(parameters.count).map { $0 }
    for parameter in parameters.dropFirst(given.count) {
      if let index = named.firstIndex(where: { $0.name == parameter.name }) {
        given.append(named.remove(at: index).value)
      } else {
        given.append(nil)
      }
    }
    if let caller = statement.caller {
      let index = named.firstIndex { $0.name == "caller" }
      let value = index.map { named.remove(at: $0).value } ?? .none
      called.set(
        value.isNone ? .undefined(TemplateUndefined("No caller defined")) : value, at: caller.slot)
    }
    if let rest = statement.namedRest {
      var dictionary = TemplateDictionary()
      for member in named { dictionary.set(member.name, member.value) }
      called.set(.dictionary(dictionary), at: rest.slot)
    } else if let first = named.first {
      throw .operation(
        first.name == "caller"
          ? "macro '\(statement.name.name)' was invoked with two values for the special caller argument. "
            + "This is most likely a bug."
          : "macro '\(statement.name.name)' takes no keyword argument '\(first.name)'")
    }
    if let rest = statement.positionalRest {
      called.set(.tuple(Array(values.positional.dropFirst(parameters.count))), at: rest.slot)
    } else if values.positional.count > parameters.count {
      throw .operation(
        "macro '\(statement.name.name)' takes not more than \(parameters.count) argument(s)")
    }
    return try run(statement, in: called, given)
  }

  private func run(
    _ statement: TemplateMacroStatement, in called: TemplateFrame, _ given: [TemplateValue?]
  ) throws(TemplateFault) -> TemplateText {
    let outer = frame
    frame = called
    defer { frame = outer }
    enter(statement.scope)
    let firstDefault = statement.parameters.count - statement.defaults.count
    for (index, parameter) in statement.parameters.enumerated() {
      let value: TemplateValue
      if let own = given[index] {
        value = own
      } else if index >= firstDefault {
        value = try evaluate(statement.defaults[index - firstDefault])
      } else {
        value = .undefined(TemplateUndefined("parameter '\(parameter.name)' was not provided"))
      }
      called.set(value, at: parameter.slot)
    }
    return try captured { () throws(TemplateFault) in _ = try run(statement.body) }
  }
}
