/// The methods of Python's types that templates may call.
enum TemplateMethod: String, Sendable {
  // Of texts.
  case split, rsplit, splitlines, strip, lstrip, rstrip, startswith, endswith, replace, lower, upper, title
  case capitalize, swapcase, find, rfind, index, rindex, count, join, format, isdigit, isalpha, isalnum,
    isspace
  case isupper, islower, isnumeric, isdecimal, isascii, zfill, ljust, rjust, center, partition, rpartition
  case removeprefix, removesuffix
  // Of dictionaries and lists; lists have `index` and `count` too.
  case get, keys, values, items, copy
  // Of `loop`.
  case cycle, changed

  /// The method of an object with this name, if it is one that can be called.
  static func named(_ name: String, of object: TemplateValue) -> TemplateMethod? {
    guard let method = TemplateMethod(rawValue: name) else { return nil }
    let isKnown =
      switch object {
      case .text: !nonTextMethods.contains(method)
      case .dictionary: [.get, .keys, .values, .items, .copy].contains(method)
      case .list: [.index, .count, .copy].contains(method)
      case .tuple, .range: [.index, .count].contains(method)
      case .loop: method == .cycle || method == .changed
      default: false
      }
    return isKnown ? method : nil
  }

  private static let nonTextMethods: Set<TemplateMethod> = [
    .get, .keys, .values, .items, .copy, .cycle, .changed,
  ]

  /// The attributes of every dictionary, which a member of the same name does not hide.
  static let dictionaryNames = Set(
    (["get", "keys", "values", "items", "copy", "fromkeys"] + unsafeDictionaryNames).map { Array($0.utf8) })

  private static let unsafeDictionaryNames = ["clear", "pop", "popitem", "setdefault", "update"]
  private static let unsafeListNames = [
    "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove",
  ]

  /// Whether the sandbox refuses the attribute, because it changes the object.
  static func isUnsafe(_ name: String, of object: TemplateValue) -> Bool {
    switch object {
    case .dictionary: unsafeDictionaryNames.contains(name)
    case .list: unsafeListNames.contains(name)
    default: false
    }
  }

  private static let unsupportedTextNames: Set<String> = [
    "casefold", "encode", "expandtabs", "format_map", "isidentifier", "isprintable", "istitle", "maketrans",
    "translate",
  ]
  private static let unsupportedNumberNames: Set<String> = [
    "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "fromhex", "hex",
    "imag",
    "is_integer", "numerator", "real", "to_bytes",
  ]

  /// Methods that are refused when the template is compiled.
  static let unsupportedNames = unsupportedTextNames.union(unsupportedNumberNames).union(["fromkeys"])

  /// Whether Python's object has an attribute of this name that is not implemented.
  static func isUnsupported(_ name: String, of object: TemplateValue) -> Bool {
    switch object {
    case .text: unsupportedTextNames.contains(name)
    case .int, .largeInt, .float, .bool: unsupportedNumberNames.contains(name)
    case .dictionary: name == "fromkeys"
    case .iterator: ["send", "close", "throw"].contains(name)
    case .view: name == "mapping" || name == "isdisjoint"
    default: false
    }
  }
}

extension TemplateMachine {
  func call(
    _ method: TemplateMethod, of object: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateValue {
    let name = method.rawValue
    switch object {
    case .text(let text):
      try charge(bytes: text.bytes.count)
      if method == .format { return .text(try formatted(text, values)) }
      return try call(method, ofText: text, values)
    case .dictionary(let dictionary):
      switch method {
      case .get:
        let arguments = try values.positionalOnly(name, 1...2)
        return dictionary[try hashed(arguments[0])] ?? (arguments.count == 2 ? arguments[1] : .none)
      case .copy:
        _ = try values.positionalOnly(name, 0...0)
        return object
      default:
        _ = try values.positionalOnly(name, 0...0)
        return .view(
          .init(kind: method == .keys ? .keys : method == .values ? .values : .items, dictionary: dictionary))
      }
    case .loop(let loop):
      if method == .changed {
        return .bool(try loop.changed(try values.positionalOnly(name, 0...Int.max), work))
      }
      let choices = try values.positionalOnly(name, 0...Int.max)
      if choices.isEmpty { throw .operation("no items for cycling given") }
      return choices[loop.index0 % choices.count]
    default: return try call(method, ofSequence: object, values)
    }
  }

  private func call(
    _ method: TemplateMethod, ofSequence object: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateValue {
    if method == .copy {
      _ = try values.positionalOnly("copy", 0...0)
      return object
    }
    let arguments = try values.positionalOnly(method.rawValue, 1...1)
    let elements = try object.elements()
    try charge(elements: elements.count)
    var count = 0
    for (index, element) in elements.enumerated() where try element.equals(arguments[0], work) {
      if method == .index { return .int(index) }
      count += 1
    }
    if method == .index {
      throw .operation("\(try arguments[0].represented(work).string) is not in \(object.typeName)")
    }
    return .int(count)
  }
}
