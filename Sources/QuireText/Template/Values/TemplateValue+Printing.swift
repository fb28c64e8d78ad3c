import QuireJSON

extension TemplateValue {
  /// Python's `str(value)`, as `{{ value }}` prints it.
  ///
  /// Throws for values whose text would be an address in memory.
  func printed(_ work: TemplateWork) throws(TemplateFault) -> TemplateText {
    switch self {
    case .text(let text): return text
    case .undefined: return .empty
    case .none: return TemplateText(template: "None")
    case .bool(let value): return TemplateText(template: value ? "True" : "False")
    case .int(let value): return TemplateText(template: String(value))
    case .float(let value): return TemplateText(template: Self.pythonFloat(value))
    default:
      var builder = TemplateTextBuilder()
      try appendRepresentation(to: &builder, work)
      return builder.text
    }
  }

  /// Python's `repr(value)`. Quotes and brackets count as data, so that no list of a request can spell a control token
  /// with them.
  func represented(_ work: TemplateWork) throws(TemplateFault) -> TemplateText {
    var builder = TemplateTextBuilder()
    try appendRepresentation(to: &builder, work)
    return builder.text
  }

  static func pythonFloat(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return JSONNumber(exactly: value)?.literal ?? ""
  }

  private static let depthMaximum = 700

  private func appendRepresentation(
    to builder: inout TemplateTextBuilder, _ work: TemplateWork, depth: Int = 0
  ) throws(TemplateFault) {
    guard depth < Self.depthMaximum else {
      throw TemplateFault(.limit, "expected values nested at most \(Self.depthMaximum) deep, found more")
    }
    try work.charge()
    guard builder.byteCount <= TemplateLimits.textBytes else { throw TemplateLimits.tooMuchText }
    switch self {
    case .text(let text):
      if text.isMarkup { builder.append("Markup(", isTemplate: false) }
      text.appendRepresentation(to: &builder)
      if text.isMarkup { builder.append(")", isTemplate: false) }
    case .undefined: builder.append("Undefined", isTemplate: false)
    case .none, .bool, .int, .float:
      builder.append(try printed(work).bytes, isTemplate: false)
    case .largeInt(let digits): builder.append(digits, isTemplate: false)
    case .list(let elements): try Self.append(elements, "[", "]", to: &builder, work, depth)
    case .tuple(let elements):
      try Self.append(elements, "(", elements.count == 1 ? ",)" : ")", to: &builder, work, depth)
    case .dictionary(let dictionary): try Self.append(dictionary, to: &builder, work, depth)
    case .range(let range):
      let step = range.step == 1 ? "" : ", \(range.step)"
      builder.append("range(\(range.start), \(range.stop)\(step))", isTemplate: false)
    case .view(let view):
      builder.append(view.typeName + "(", isTemplate: false)
      try Self.append(view.elements, "[", "])", to: &builder, work, depth)
    case .namespace(let namespace):
      builder.append("<Namespace ", isTemplate: false)
      try Self.append(namespace.members, to: &builder, work, depth)
      builder.append(">", isTemplate: false)
    case .loop(let loop):
      builder.append("<LoopContext \(loop.index0 + 1)/\(try loop.count())>", isTemplate: false)
    case .iterator, .function:
      throw .unsupported("printing a \(typeName)")
    }
  }

  private static func append(
    _ elements: some Collection<TemplateValue>, _ open: String, _ close: String,
    to builder: inout TemplateTextBuilder,
    _ work: TemplateWork, _ depth: Int
  ) throws(TemplateFault) {
    builder.append(open, isTemplate: false)
    for (index, element) in elements.enumerated() {
      if index > 0 { builder.append(", ", isTemplate: false) }
      try element.appendRepresentation(to: &builder, work, depth: depth + 1)
    }
    builder.append(close, isTemplate: false)
  }

  private static func append(
    _ dictionary: TemplateDictionary, to builder: inout TemplateTextBuilder, _ work: TemplateWork,
    _ depth: Int
  ) throws(TemplateFault) {
    builder.append("{", isTemplate: false)
    for index in 0..<dictionary.count {
      if index > 0 { builder.append(", ", isTemplate: false) }
      try dictionary.keys[index].appendRepresentation(to: &builder, work, depth: depth + 1)
      builder.append(": ", isTemplate: false)
      try dictionary.values[index].appendRepresentation(to: &builder, work, depth: depth + 1)
    }
    builder.append("}", isTemplate: false)
  }
}

extension TemplateText {
  fileprivate func appendRepresentation(to builder: inout TemplateTextBuilder) {
    let single = UInt8(ascii: "'")
    let quote = bytes.contains(single) && !bytes.contains(UInt8(ascii: "\"")) ? UInt8(ascii: "\"") : single
    builder.append([quote], isTemplate: false)
    forEachRun { range, isTemplate in
      for scalar in String(decoding: bytes[range], as: UTF8.self).unicodeScalars {
        builder.append(Self.representation(of: scalar, quote), isTemplate: isTemplate)
      }
    }
    builder.append([quote], isTemplate: false)
  }

  private static func representation(of scalar: Unicode.Scalar, _ quote: UInt8) -> String {
    switch scalar.value {
    case 0x0A: return "\\n"
    case 0x0D: return "\\r"
    case 0x09: return "\\t"
    case 0x5C: return "\\\\"
    case UInt32(quote): return "\\" + String(scalar)
    case 0x20..<0x7F: return String(scalar)
    case ..<0x100 where !scalar.isPythonPrintable: return "\\x" + scalar.hexadecimal(2)
    case ..<0x10000 where !scalar.isPythonPrintable: return "\\u" + scalar.hexadecimal(4)
    default: return scalar.isPythonPrintable ? String(scalar) : "\\U" + scalar.hexadecimal(8)
    }
  }
}

extension Unicode.Scalar {
  func hexadecimal(_ width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
