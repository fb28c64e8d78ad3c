extension TemplateMachine {
  func applyText(
    _ filter: TemplateFilter, to input: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateText {
    let text = try input.printed(work)
    try charge(bytes: text.bytes.count)
    switch filter {
    case .trim:
      let set = try values.bound("trim", ["chars"])[0] ?? .none
      return try stripped(text, set, left: true, right: true)
    case .replace:
      let arguments = try values.bound("replace", ["old", "new", "count"], required: 2)
      let old = try (arguments[0] ?? .none).printed(work)
      let new = try (arguments[1] ?? .none).printed(work)
      var limit = Int.max
      if let count = arguments[2], !count.isNone {
        guard let index = count.index else {
          throw .operation("'\(count.typeName)' object cannot be interpreted as an integer")
        }
        if index >= 0 { limit = index }
      }
      return try replace(old, in: text.withoutMarkup, with: new, limit: limit).withoutMarkup
    case .indent:
      try charge(characters: text)
      return try indented(input, values)
    case .format: return try printfFormatted(text, values)
    default: break
    }
    try values.expectNone(filter)
    if filter != .string && filter != .safe { try charge(characters: text) }
    switch filter {
    case .lower: return text.lowercased
    case .upper: return text.uppercased
    case .capitalize: return text.capitalized
    case .title: return Self.title(text)
    case .safe: return text.asMarkup
    case .escape, .e: return text.isMarkup ? text : text.escaped
    case .forceescape: return text.withoutMarkup.escaped
    default: return text
    }
  }

  /// The first character of each word in upper case. Words start after white space and some brackets, or `-`.
  private static func title(_ text: TemplateText) -> TemplateText {
    text.mapScalars { index, all in
      func isGap(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
      }
      let startsWord = index == 0 || isGap(all[index - 1]) || isGap(all[index])
      return startsWord
        ? all[index].properties.uppercaseMapping : all[index].pythonLowercase(at: index, in: all)
    }.withoutMarkup
  }

  private func indented(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateText
  {
    let arguments = try values.bound("indent", ["width", "first", "blank"])
    guard case .text(let text) = input else {
      if case .undefined(let undefined) = input { throw .operation(undefined.message) }
      throw .operation("unsupported operand type(s) for +=: '\(input.typeName)' and 'str'")
    }
    var indentation = TemplateText(template: "    ")
    switch arguments[0] {
    case nil: break
    case .text(let own)?: indentation = own
    case let width?:
      guard let count = width.index else {
        throw .operation("can't multiply sequence by non-int of type '\(width.typeName)'")
      }
      try charge(bytes: Swift.max(0, count))
      indentation = TemplateText(template: String(repeating: " ", count: Swift.max(0, count)))
    }
    let indentsFirst = arguments[1]?.isTrue ?? false
    let indentsBlank = arguments[2]?.isTrue ?? false
    let newline = TemplateText(template: "\n")
    // The added line feed makes an empty last line a line.
    var whole = TemplateTextBuilder()
    whole.append(text)
    whole.append(newline)
    let lines = whole.text.lines()
    try charge(bytes: lines.count.multipliedReportingOverflow(by: indentation.bytes.count + 1).partialValue)
    var builder = TemplateTextBuilder()
    for (index, line) in lines.enumerated() {
      if index > 0 { builder.append(newline) }
      if index == 0 ? indentsFirst : indentsBlank || !line.isEmpty { builder.append(indentation) }
      builder.append(line)
    }
    var result = builder.text
    result.isMarkup = text.isMarkup
    return result
  }
}
