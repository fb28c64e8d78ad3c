// `"…{}…".format(…)` and `"…%s…" % …`.

extension TemplateMachine {
  /// Python's `str.format`.
  func formatted(_ format: TemplateText, _ values: TemplateCallValues) throws(TemplateFault) -> TemplateText {
    if format.isMarkup { throw .unsupported("the method 'format' of a text marked safe") }
    var builder = TemplateTextBuilder()
    var nextIndex = 0
    var offset = 0
    let bytes = format.bytes
    while offset < bytes.count {
      guard
        let brace = bytes[offset...].firstIndex(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") })
      else { break }
      builder.append(format[offset..<brace])
      if brace + 1 < bytes.count, bytes[brace + 1] == bytes[brace] {
        builder.append(format[brace..<brace + 1])
        offset = brace + 2
        continue
      }
      guard bytes[brace] == UInt8(ascii: "{") else {
        throw .operation("Single '}' encountered in format string")
      }
      guard let end = bytes[brace...].firstIndex(of: UInt8(ascii: "}")) else {
        throw .operation("expected '}' before end of string")
      }
      let field = format[brace + 1..<end]
      if field.bytes.contains(UInt8(ascii: "{")) { throw .unsupported("a nested format field") }
      builder.append(try self.field(field, values, &nextIndex))
      try charge(bytes: builder.byteCount)
      offset = end + 1
    }
    builder.append(format[offset..<bytes.count])
    return builder.text
  }

  /// The text of `name!conversion:specification`.
  private func field(
    _ field: TemplateText, _ values: TemplateCallValues, _ nextIndex: inout Int
  ) throws(TemplateFault) -> TemplateText {
    let colon = field.bytes.firstIndex(of: UInt8(ascii: ":")) ?? field.bytes.count
    let head = field[0..<colon]
    let specification = colon < field.bytes.count ? field[colon + 1..<field.bytes.count] : .empty
    let mark = head.bytes.firstIndex(of: UInt8(ascii: "!")) ?? head.bytes.count
    var value = try fieldValue(head[0..<mark], values, &nextIndex)
    if mark < head.bytes.count {
      switch head[mark + 1..<head.bytes.count].string {
      case "s": value = .text(try value.printed(work))
      case "r": value = .text(try value.represented(work))
      default: throw .unsupported("the conversion of the format field '\(head.string)'")
      }
    }
    if specification.isEmpty { return try value.printed(work).withoutMarkup }
    return try TemplateFormatSpecification(specification).apply(to: value, work)
  }

  /// The argument that a name such as `0`, `user.name` or `items[0]` stands for.
  private func fieldValue(
    _ name: TemplateText, _ values: TemplateCallValues, _ nextIndex: inout Int
  ) throws(TemplateFault) -> TemplateValue {
    let string = name.string
    let first = string.prefix { $0 != "." && $0 != "[" }
    var value: TemplateValue
    if first.isEmpty || first.allSatisfy(\.isNumber) {
      // Below 0 once a field has had a number: fields have numbers all or none.
      if first.isEmpty ? nextIndex < 0 : nextIndex > 0 {
        throw .operation("cannot switch between automatic field numbering and manual field specification")
      }
      let index = first.isEmpty ? nextIndex : Int(first) ?? Int.max
      nextIndex = first.isEmpty ? nextIndex + 1 : -1
      guard index < values.positional.count else {
        throw .operation("Replacement index \(index) out of range for positional args tuple")
      }
      value = values.positional[index]
    } else {
      guard let named = values.named.first(where: { $0.name == first }) else {
        throw .operation("'\(first)'")
      }
      value = named.value
    }
    var rest = string[first.endIndex...]
    while let separator = rest.first {
      rest = rest.dropFirst()
      if separator == "." {
        let attribute = rest.prefix { $0 != "." && $0 != "[" }
        rest = rest[attribute.endIndex...]
        value = try self.attribute(TemplateText(template: String(attribute)), of: value)
      } else {
        let key = rest.prefix { $0 != "]" }
        rest = rest[key.endIndex...].dropFirst()
        value = try item(Int(key).map { .int($0) } ?? .template(String(key)), of: value)
      }
    }
    return value
  }

  /// `format % value`.
  func formatted(percent format: TemplateText, _ value: TemplateValue) throws(TemplateFault) -> TemplateText {
    switch value {
    case .tuple(let list): return try printf(format, list.elements, nil)
    case .dictionary(let dictionary): return try printf(format, [value], dictionary)
    default: return try printf(format, [value], nil)
    }
  }

  /// The filter `format`.
  func printfFormatted(_ format: TemplateText, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateText
  {
    if values.named.isEmpty { return try printf(format, values.positional, nil) }
    if !values.positional.isEmpty {
      throw .operation("can't handle positional and keyword arguments at the same time")
    }
    var dictionary = TemplateDictionary()
    for member in values.named { dictionary.set(member.name, member.value) }
    return try printf(format, [.dictionary(dictionary)], dictionary)
  }

  private func printf(
    _ format: TemplateText, _ values: [TemplateValue], _ dictionary: TemplateDictionary?
  ) throws(TemplateFault) -> TemplateText {
    if format.isMarkup { throw .unsupported("'%' of a text marked safe") }
    var builder = TemplateTextBuilder()
    var rest = values[...]
    var offset = 0
    var usesNames = false
    while let sign = format.bytes[offset...].firstIndex(of: UInt8(ascii: "%")) {
      builder.append(format[offset..<sign])
      var directive = PrintfDirective(format, after: sign)
      offset = try directive.parse()
      if directive.conversion == "%" {
        builder.append("%", isTemplate: false)
        continue
      }
      let value: TemplateValue
      if let name = directive.name {
        guard let dictionary else { throw .operation("format requires a mapping") }
        guard let member = dictionary[name.bytes] else { throw .operation("'\(name.string)'") }
        usesNames = true
        value = member
      } else {
        guard let next = rest.popFirst() else { throw .operation("not enough arguments for format string") }
        value = next
      }
      builder.append(try directive.text(of: value, work))
      try charge(bytes: builder.byteCount)
    }
    builder.append(format[offset..<format.bytes.count])
    if !rest.isEmpty && !usesNames && dictionary == nil {
      throw .operation("not all arguments converted during string formatting")
    }
    return builder.text
  }
}

/// One `%…` of a format.
private struct PrintfDirective {
  private let format: TemplateText
  private var offset: Int
  private(set) var name: TemplateText?
  private(set) var conversion: Character = "%"
  private var specification = ""
  private var precision = ""

  init(_ format: TemplateText, after sign: Int) {
    self.format = format
    offset = sign + 1
  }

  /// Returns the offset after the directive.
  mutating func parse() throws(TemplateFault) -> Int {
    let bytes = format.bytes
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "(") {
      guard let end = bytes[offset...].firstIndex(of: UInt8(ascii: ")")) else {
        throw .operation("incomplete format key")
      }
      name = format[offset + 1..<end]
      offset = end + 1
    }
    var flags = Set<Character>()
    while offset < bytes.count, "-+ #0".utf8.contains(bytes[offset]) {
      flags.insert(Character(Unicode.Scalar(bytes[offset])))
      offset += 1
    }
    let width = digits()
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      offset += 1
      precision = digits()
      if precision.isEmpty { precision = "0" }
    }
    guard offset < bytes.count else { throw .operation("incomplete format") }
    conversion = Character(Unicode.Scalar(bytes[offset]))
    guard "sdifFeEgGxXor%".contains(conversion) else { throw .unsupported("the format '%\(conversion)'") }
    guard !flags.contains("#") else { throw .unsupported("the flag '#' of a format") }
    specification = flags.contains("-") ? "<" : ">"
    specification += flags.contains("+") ? "+" : flags.contains(" ") ? " " : ""
    if flags.contains("0") && !flags.contains("-") && !"sr".contains(conversion) {
      specification = String(specification.dropFirst()) + "0"
    }
    specification += width
    return offset + 1
  }

  private mutating func digits() -> String {
    let start = offset
    while offset < format.bytes.count, (0x30...0x39).contains(format.bytes[offset]) { offset += 1 }
    return format[start..<offset].string
  }

  func text(of value: TemplateValue, _ work: TemplateWork) throws(TemplateFault) -> TemplateText {
    var value = value
    var type = String(conversion)
    let digits = precision.isEmpty ? "" : "." + precision
    switch conversion {
    case "s":
      value = .text(try value.printed(work))
    case "r":
      value = .text(try value.represented(work))
      type = "s"
    case "d", "i":
      guard let number = value.number else {
        throw .operation("%\(conversion) format: a real number is required, not \(value.typeName)")
      }
      if case .float(let float) = number {
        guard let integer = Int(exactly: float.rounded(.towardZero)) else {
          throw .unsupported("an integer beyond 64 bits")
        }
        value = .int(integer)
      }
      if !digits.isEmpty { throw .unsupported("a precision of an integer") }
      type = "d"
    case "x", "X", "o":
      guard value.index != nil else {
        throw .operation("%\(conversion) format: an integer is required, not \(value.typeName)")
      }
      if !digits.isEmpty { throw .unsupported("a precision of an integer") }
    default:
      guard let number = value.number else { throw .operation("must be real number, not \(value.typeName)") }
      value = .float(number.double)
    }
    return try TemplateFormatSpecification(TemplateText(template: specification + digits + type)).apply(
      to: value, work)
  }
}
