/// Jinja's filters, as in `value | trim`, and the `tojson` of `transformers`.
enum TemplateFilter: String, Sendable {
  case abs, attr, batch, capitalize, count, d, `default`, dictsort, e, escape, first, float, forceescape,
    format
  case indent, int, items, join, last, length, list, lower, map, max, min, reject, rejectattr, replace,
    reverse
  case round, safe, select, selectattr, slice, sort, string, sum, title, tojson, trim, unique, upper

  /// Jinja's other filters, which are refused when a template is compiled.
  static let unsupportedNames: Set<String> = [
    "center", "filesizeformat", "groupby", "pprint", "random", "striptags", "truncate", "urlencode", "urlize",
    "wordcount", "wordwrap", "xmlattr",
  ]
}

extension TemplateMachine {
  func apply(
    _ filter: TemplateFilter, to input: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateValue {
    switch filter {
    case .default, .d:
      let arguments = try values.bound("default", ["default_value", "boolean"])
      let isReplaced = input.isUndefined || (arguments[1]?.isTrue == true && !input.isTrue)
      return isReplaced ? arguments[0] ?? .template("") : input
    case .length, .count:
      try values.expectNone(filter)
      if case .text(let text) = input { try charge(bytes: text.bytes.count) }
      return .int(try input.length())
    case .tojson: return .text(try json(input, values))
    case .trim, .lower, .upper, .capitalize, .title, .string, .safe, .escape, .e, .forceescape, .replace,
      .indent,
      .format:
      return .text(try applyText(filter, to: input, values))
    case .int, .float, .abs, .round: return try applyNumber(filter, to: input, values)
    case .map, .select, .reject, .selectattr, .rejectattr:
      return .iterator(try applyLazily(filter, to: input, values))
    default: return try applySequence(filter, to: input, values)
    }
  }

  private func json(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateText
  {
    let arguments = try values.bound("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
    var options = TemplateJSONOptions()
    options.escapesNonASCII = arguments[0]?.isTrue ?? false
    options.sortsKeys = arguments[3]?.isTrue ?? false
    if let indent = arguments[1], !indent.isNone {
      if case .text(let text) = indent {
        options.indentation = text
      } else if let width = indent.index {
        try charge(bytes: Swift.max(0, width))
        options.indentation = TemplateText(data: String(repeating: " ", count: Swift.max(0, width)))
      } else {
        throw .operation("can't multiply sequence by non-int of type '\(indent.typeName)'")
      }
      options.itemSeparator = TemplateText(data: ",")
    }
    if let separators = arguments[2], !separators.isNone {
      let parts = try separators.elements()
      guard parts.count == 2, case .text(let item) = parts[0], case .text(let key) = parts[1] else {
        throw .operation("separators must be two texts")
      }
      (options.itemSeparator, options.keySeparator) = (item, key)
    }
    let text = try TemplateJSONWriter.text(of: input, options, work)
    try charge(bytes: text.bytes.count)
    return text
  }
}

extension TemplateCallValues {
  func expectNone(_ filter: TemplateFilter) throws(TemplateFault) {
    _ = try positionalOnly(filter.rawValue, 0...0)
  }
}
