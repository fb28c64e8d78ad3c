/// How `tojson` writes: the options of Python's `json.dumps`.
struct TemplateJSONOptions {
  var escapesNonASCII = false
  /// The text of one level of indentation; nil for one line.
  var indentation: TemplateText?
  var itemSeparator = TemplateText(data: ", ")
  var keySeparator = TemplateText(data: ": ")
  var sortsKeys = false
}

/// Writes a value as `json.dumps` does. Brackets, quotes and separators count as data, and so does everything but the
/// strings that the template wrote.
struct TemplateJSONWriter {
  private let options: TemplateJSONOptions
  private let work: TemplateWork
  private var builder = TemplateTextBuilder()

  private static let depthMaximum = 600

  static func text(
    of value: TemplateValue, _ options: TemplateJSONOptions, _ work: TemplateWork
  ) throws(TemplateFault) -> TemplateText {
    var writer = TemplateJSONWriter(options: options, work: work)
    try writer.append(value, depth: 0)
    return writer.builder.text
  }

  private init(options: TemplateJSONOptions, work: TemplateWork) {
    self.options = options
    self.work = work
  }

  private mutating func append(_ value: TemplateValue, depth: Int) throws(TemplateFault) {
    guard depth < Self.depthMaximum else {
      throw TemplateFault(.limit, "expected values nested at most \(Self.depthMaximum) deep, found more")
    }
    try work.charge()
    guard builder.byteCount <= TemplateLimits.textBytes else { throw TemplateLimits.tooMuchText }
    switch value {
    case .none: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .int(let value): append(String(value))
    case .largeInt(let digits): append(digits)
    case .float(let value): append(Self.number(value))
    case .text(let text): appendQuoted(text)
    case .list(let elements), .tuple(let elements): try append(elements, depth)
    case .dictionary(let dictionary): try append(dictionary, depth)
    default:
      let type = if case .namespace = value { "TemplateNamespace" } else { value.typeName }
      throw .operation("Object of type \(type) is not JSON serializable")
    }
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    return TemplateValue.pythonFloat(value)
  }

  private mutating func append(_ elements: TemplateList, _ depth: Int) throws(TemplateFault) {
    if elements.isEmpty { return append("[]") }
    append("[")
    for (index, element) in elements.enumerated() {
      if index > 0 { builder.append(options.itemSeparator) }
      startLine(depth + 1)
      try append(element, depth: depth + 1)
    }
    startLine(depth)
    append("]")
  }

  private mutating func append(_ dictionary: TemplateDictionary, _ depth: Int) throws(TemplateFault) {
    if dictionary.count == 0 { return append("{}") }
    append("{")
    var isFirst = true
    for index in try order(of: dictionary) {
      if !isFirst { builder.append(options.itemSeparator) }
      isFirst = false
      startLine(depth + 1)
      appendQuoted(try Self.key(dictionary.keys[index]))
      builder.append(options.keySeparator)
      try append(dictionary.values[index], depth: depth + 1)
    }
    startLine(depth)
    append("}")
  }

  private func order(of dictionary: TemplateDictionary) throws(TemplateFault) -> [Int] {
    let indices = Array(0..<dictionary.count)
    if !options.sortsKeys { return indices }
    return try TemplateSort.sorted(indices, work) { dictionary.keys[$0] }
  }

  private static func key(_ key: TemplateValue) throws(TemplateFault) -> TemplateText {
    switch key {
    case .text(let text): return text
    case .none: return TemplateText(data: "null")
    case .bool(let value): return TemplateText(data: value ? "true" : "false")
    case .int(let value): return TemplateText(data: String(value))
    case .largeInt(let digits): return TemplateText(data: digits)
    case .float(let value): return TemplateText(data: number(value))
    default: throw .operation("keys must be str, int, float, bool or None, not \(key.typeName)")
    }
  }

  private mutating func append(_ text: String) { builder.append(text, isTemplate: false) }

  private mutating func startLine(_ depth: Int) {
    guard let indentation = options.indentation else { return }
    append("\n")
    for _ in 0..<depth { builder.append(indentation.bytes, isTemplate: false) }
  }

  private mutating func appendQuoted(_ text: TemplateText) {
    append("\"")
    let escapesNonASCII = options.escapesNonASCII
    text.forEachRun { range, isTemplate in
      var start = range.lowerBound
      for offset in range {
        let byte = text.bytes[offset]
        if byte >= 0x20 && byte != 0x22 && byte != 0x5C && (byte < 0x7F || !escapesNonASCII) { continue }
        if byte & 0xC0 == 0x80 {
          start = offset + 1
          continue
        }
        builder.append(text.bytes[start..<offset], isTemplate: isTemplate)
        builder.append(Self.escape(text, offset), isTemplate: isTemplate)
        start = offset + 1
      }
      if start < range.upperBound {
        builder.append(text.bytes[start..<range.upperBound], isTemplate: isTemplate)
      }
    }
    append("\"")
  }

  private static func escape(_ text: TemplateText, _ offset: Int) -> String {
    switch text.bytes[offset] {
    case 0x22: return "\\\""
    case 0x5C: return "\\\\"
    case 0x08: return "\\b"
    case 0x09: return "\\t"
    case 0x0A: return "\\n"
    case 0x0C: return "\\f"
    case 0x0D: return "\\r"
    case let byte where byte < 0x20 || byte == 0x7F: return "\\u" + Unicode.Scalar(byte).hexadecimal(4)
    default:
      let scalar =
        String(decoding: text.bytes[offset...].prefix(4), as: UTF8.self).unicodeScalars.first ?? " "
      return String(scalar).utf16.map {
        "\\u" + (Unicode.Scalar(UInt32($0) & 0xFFFF)?.hexadecimal(4) ?? surrogate($0))
      }
      .joined()
    }
  }

  private static func surrogate(_ unit: UInt16) -> String { String(unit, radix: 16) }
}
