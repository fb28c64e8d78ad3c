import QuireJSON

/// A value of a running template, with Python's types and semantics.
///
/// Lists, tuples and dictionaries do not change: the sandbox in which `transformers` runs templates refuses the
/// methods that would change them. Only a ``TemplateNamespace`` does.
enum TemplateValue {
  /// What has no value, with what Jinja says when it is used.
  case undefined(TemplateUndefined)
  case none
  case bool(Bool)
  case int(Int)
  /// An integer beyond 64 bits, by its digits. It can be printed and compared, not computed with.
  case largeInt(String)
  case float(Double)
  case text(TemplateText)
  case list(TemplateList)
  case tuple(TemplateList)
  case dictionary(TemplateDictionary)
  case range(TemplateRange)
  case view(TemplateDictionary.View)
  /// Values that can be read once, as Python's generators.
  case iterator(TemplateIterator)
  case namespace(TemplateNamespace)
  case function(TemplateFunction)
  case loop(TemplateLoop)

  static func template(_ text: String) -> TemplateValue { .text(TemplateText(template: text)) }

  /// A value of a request. Strings are marked as data.
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .number(let number): self = Self.number(number)
    case .string(let text): self = .text(TemplateText(data: text))
    case .array(let elements): self = .list(elements.map { TemplateValue($0) })
    case .object(let object):
      self = .dictionary(
        TemplateDictionary(
          keys: object.members.map { .text(TemplateText(data: $0.key)) },
          values: object.members.map { TemplateValue($0.value) }))
    }
  }

  private static func number(_ number: JSONNumber) -> TemplateValue {
    if number.isIntegerLiteral { return number.int.map { .int($0) } ?? .largeInt(number.pythonLiteral) }
    return .float(number.double ?? 0)
  }

  /// Python's name of the type.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .int, .largeInt: "int"
    case .float: "float"
    case .text(let text): text.isMarkup ? "Markup" : "str"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .range: "range"
    case .view(let view): view.typeName
    case .iterator: "generator"
    case .namespace: "Namespace"
    case .function(let function): function.typeName
    case .loop: "LoopContext"
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }

  var textValue: TemplateText? { if case .text(let text) = self { text } else { nil } }

  /// The integer of an int or a bool.
  var index: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// Python's truth value.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .largeInt: true
    case .float(let value): value != 0
    case .text(let text): !text.isEmpty
    case .list(let elements), .tuple(let elements): !elements.isEmpty
    case .dictionary(let dictionary): dictionary.count > 0
    case .range(let range): range.count > 0
    case .view(let view): view.dictionary.count > 0
    case .loop(let loop): loop.knownCount != 0
    case .iterator, .namespace, .function: true
    }
  }
}

/// Why a value is undefined, in Jinja's words.
final class TemplateUndefined: Sendable {
  let message: String
  init(_ message: String) { self.message = message }

  static func name(_ name: String) -> TemplateValue {
    .undefined(TemplateUndefined("'\(name)' is undefined"))
  }

  static func attribute(_ name: String, of value: TemplateValue) -> TemplateValue {
    let type = value.isNone ? "None" : "\(value.typeName) object"
    return .undefined(TemplateUndefined("'\(type)' has no attribute '\(name)'"))
  }

  static func element(_ key: String, of value: TemplateValue) -> TemplateValue {
    let type = value.isNone ? "None" : "\(value.typeName) object"
    return .undefined(TemplateUndefined("\(type) has no element \(key)"))
  }

  static func unsafe(_ name: String, of value: TemplateValue) -> TemplateValue {
    .undefined(
      TemplateUndefined("access to attribute '\(name)' of '\(value.typeName)' object is unsafe."))
  }
}

/// An object whose attributes a template can set.
final class TemplateNamespace {
  var members: TemplateDictionary
  init(_ members: TemplateDictionary) { self.members = members }
}

/// Values that are read once and in order.
final class TemplateIterator {
  private let read: () throws(TemplateFault) -> TemplateValue?
  /// How deep it nests, as its elements do.
  let depth: Int

  /// - Parameter depth: Of the value that it reads from.
  init(depth: Int, _ read: @escaping () throws(TemplateFault) -> TemplateValue?) {
    self.depth = depth + 1
    self.read = read
  }

  convenience init(_ values: [TemplateValue]) {
    var index = 0
    self.init(depth: values.reduce(0) { max($0, $1.depth) }) { () throws(TemplateFault) in
      guard index < values.count else { return nil }
      index += 1
      return values[index - 1]
    }
  }

  func next() throws(TemplateFault) -> TemplateValue? { try read() }
}

/// Python's `range`.
struct TemplateRange: Sendable {
  let start: Int
  let stop: Int
  let step: Int

  var count: Int {
    // bounded: the interpreter limits ranges to 100,000 elements between 32-bit numbers
    if step > 0 { return start < stop ? (stop - start - 1) / step + 1 : 0 }
    return start > stop ? (start - stop - 1) / -step + 1 : 0
  }

  subscript(_ index: Int) -> Int { start + index * step }

  var values: [TemplateValue] { (0..<count).map { .int(self[$0]) } }
}

/// What a template can call.
enum TemplateFunction {
  /// A function that every template has.
  case global(TemplateGlobal)
  case macro(TemplateMacro)
  /// A method with its object.
  case method(receiver: TemplateReceiver, name: TemplateMethod)

  var typeName: String {
    switch self {
    case .global: "function"
    case .macro: "Macro"
    case .method: "builtin_function_or_method"
    }
  }
}

/// The object of a method; a class, because values hold functions and functions hold values.
final class TemplateReceiver {
  let value: TemplateValue
  let depth: Int
  init(_ value: TemplateValue) {
    self.value = value
    depth = value.depth + 1
  }
}
