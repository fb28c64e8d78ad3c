extension TemplateMachine {
  /// `object.name`: an attribute of the object, else its item.
  func attribute(_ name: TemplateText, of object: TemplateValue) throws(TemplateFault) -> TemplateValue {
    if case .dictionary(let dictionary) = object, let value = dictionary[name.bytes],
      !TemplateMethod.dictionaryNames.contains(name.bytes)
    {
      return value
    }
    if case .undefined(let undefined) = object { throw .operation(undefined.message) }
    let string = name.string
    if let value = try pythonAttribute(string, of: object) { return value }
    if case .dictionary(let dictionary) = object, let value = dictionary[name.bytes] { return value }
    return TemplateUndefined.attribute(string, of: object)
  }

  /// `object[key]`: an item of the object, else its attribute.
  func item(_ key: TemplateValue, of object: TemplateValue) throws(TemplateFault) -> TemplateValue {
    switch object {
    case .undefined(let undefined): throw .operation(undefined.message)
    case .dictionary(let dictionary):
      if case .text(let name) = key {
        if let value = dictionary[name.bytes] { return value }
      } else if let hashed = TemplateKey(key), let value = dictionary[hashed] {
        return value
      }
    case .list(let elements), .tuple(let elements):
      if let index = key.index, let value = Self.element(index, elements.count, { elements[$0] }) {
        return value
      }
    case .range(let range):
      if let index = key.index, let value = Self.element(index, range.count, { .int(range[$0]) }) {
        return value
      }
    case .text(let text):
      if let index = key.index, let character = try character(index, of: text) { return .text(character) }
    default: break
    }
    if case .text(let name) = key {
      if let value = try pythonAttribute(name.string, of: object) { return value }
      return TemplateUndefined.attribute(name.string, of: object)
    }
    let shown = if case .undefined = key { "Undefined" } else { try key.represented(work).string }
    return TemplateUndefined.element(shown, of: object)
  }

  private static func element(_ index: Int, _ count: Int, _ element: (Int) -> TemplateValue) -> TemplateValue?
  {
    let (position, _) = index < 0 ? index.addingReportingOverflow(count) : (index, false)
    return position >= 0 && position < count ? element(position) : nil
  }

  private func character(_ index: Int, of text: TemplateText) throws(TemplateFault) -> TemplateText? {
    try charge(bytes: text.bytes.count)
    let offsets = text.isASCII ? nil : text.scalarOffsets
    let count = offsets.map { $0.count - 1 } ?? text.bytes.count
    let (position, _) = index < 0 ? index.addingReportingOverflow(count) : (index, false)
    guard position >= 0, position < count else { return nil }
    if let offsets { return text[offsets[position]..<offsets[position + 1]] }
    return text[position..<position + 1]
  }

  /// An attribute that Python's objects have; nil where there is none.
  func pythonAttribute(_ name: String, of object: TemplateValue) throws(TemplateFault) -> TemplateValue? {
    switch object {
    case .namespace(let namespace):
      return namespace.members[name]
    case .loop(let loop):
      if let value = try loop.attribute(name) { return value }
    case .function(.macro(let macro)):
      if let value = Self.attribute(name, of: macro.statement) { return value }
    case .range(let range):
      switch name {
      case "start": return .int(range.start)
      case "stop": return .int(range.stop)
      case "step": return .int(range.step)
      default: break
      }
    default: break
    }
    if name.hasPrefix("__") && name.hasSuffix("__") { return TemplateUndefined.unsafe(name, of: object) }
    if TemplateMethod.isUnsafe(name, of: object) { return TemplateUndefined.unsafe(name, of: object) }
    if let method = TemplateMethod.named(name, of: object) {
      return .function(.method(receiver: TemplateReceiver(object), name: method))
    }
    if TemplateMethod.isUnsupported(name, of: object) {
      throw .unsupported("the attribute '\(name)' of a \(object.typeName)")
    }
    return nil
  }

  private static func attribute(_ name: String, of macro: TemplateMacroStatement) -> TemplateValue? {
    switch name {
    case "name": .template(macro.name.name)
    case "arguments": .tuple(macro.parameters.map { .template($0.name) })
    case "catch_kwargs": .bool(macro.namedRest != nil)
    case "catch_varargs": .bool(macro.positionalRest != nil)
    case "caller": .bool(macro.caller != nil)
    default: nil
    }
  }
}
