extension TemplateMachine {
  func call(
    _ method: TemplateMethod, ofText text: TemplateText, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateValue {
    let name = method.rawValue
    switch method {
    case .split, .rsplit: return .list(try split(text, values, fromRight: method == .rsplit))
    case .splitlines:
      try charge(characters: text)
      let keeps = try values.bound(name, ["keepends"])[0] ?? .bool(false)
      return .list(text.lines(keepingEnds: keeps.isTrue).map { .text(flagged($0, as: text)) })
    case .strip, .lstrip, .rstrip:
      let set = try values.positionalOnly(name, 0...1).first ?? .none
      return .text(try stripped(text, set, left: method != .rstrip, right: method != .lstrip))
    case .startswith, .endswith: return .bool(try hasEdge(text, values, method))
    case .replace: return .text(try replaced(text, values))
    case .find, .rfind, .index, .rindex: return .int(try found(text, values, method))
    case .count: return .int(try counted(text, values))
    case .join:
      let parts = try values.positionalOnly(name, 1...1)[0].elements()
      return .text(try joined(parts, by: text))
    case .zfill, .ljust, .rjust, .center: return .text(try padded(text, values, method))
    case .partition, .rpartition:
      return .tuple(try partitioned(text, values, fromRight: method == .rpartition))
    case .removeprefix, .removesuffix:
      let part = try texts(name, try values.positionalOnly(name, 1...1))[0]
      if method == .removeprefix {
        return .text(text.starts(with: part) ? text[part.bytes.count..<text.bytes.count] : text)
      }
      return .text(text.ends(with: part) ? text[0..<text.bytes.count - part.bytes.count] : text)
    default:
      _ = try values.positionalOnly(name, 0...0)
      try charge(characters: text)
      return changedOrTested(method, text)
    }
  }

  private func changedOrTested(_ method: TemplateMethod, _ text: TemplateText) -> TemplateValue {
    switch method {
    case .lower: .text(text.lowercased)
    case .upper: .text(text.uppercased)
    case .title: .text(text.titled)
    case .capitalize: .text(text.capitalized)
    case .swapcase: .text(text.swappedCase)
    case .isdigit: .bool(text.allScalars(\.isPythonDigit))
    case .isdecimal: .bool(text.allScalars(\.isPythonDecimal))
    case .isnumeric: .bool(text.allScalars(\.isPythonNumeric))
    case .isalpha: .bool(text.allScalars(\.isPythonAlpha))
    case .isalnum: .bool(text.allScalars(\.isPythonAlphanumeric))
    case .isspace: .bool(text.allScalars(\.isPythonSpace))
    case .isascii: .bool(text.isASCII)
    case .isupper: .bool(text.isUppercase)
    default: .bool(text.isLowercase)
    }
  }

  private func flagged(_ part: TemplateText, as text: TemplateText) -> TemplateText {
    var part = part
    part.isMarkup = text.isMarkup
    return part
  }

  /// Comparing from the right is simple and takes the time of both lengths' product.
  private func charge(backwardSearch text: TemplateText, for part: TemplateText) throws(TemplateFault) {
    let (work, overflow) = text.bytes.count.multipliedReportingOverflow(by: part.bytes.count)
    try charge(overflow ? TemplateLimits.steps : min(work / TemplateLimits.stepBytes, TemplateLimits.steps))
  }

  private func texts(_ function: String, _ values: [TemplateValue]) throws(TemplateFault) -> [TemplateText] {
    var texts: [TemplateText] = []
    for value in values {
      guard case .text(let text) = value else {
        throw .operation("\(function)() argument must be str, not \(value.typeName)")
      }
      texts.append(text)
    }
    return texts
  }

  private func integer(_ function: String, _ value: TemplateValue) throws(TemplateFault) -> Int {
    if let integer = value.index { return integer }
    throw .operation("'\(value.typeName)' object cannot be interpreted as an integer")
  }

  private func split(
    _ text: TemplateText, _ values: TemplateCallValues, fromRight: Bool
  ) throws(TemplateFault) -> [TemplateValue] {
    let arguments = try values.bound("split", ["sep", "maxsplit"])
    let count = try arguments[1].map { value throws(TemplateFault) in try integer("split", value) } ?? -1
    let limit = count < 0 ? Int.max : count
    let parts: [TemplateText]
    if let separator = arguments[0], !separator.isNone {
      let separator = try texts("split", [separator])[0]
      if separator.isEmpty { throw .operation("empty separator") }
      if fromRight { try charge(backwardSearch: text, for: separator) }
      parts =
        fromRight ? text.splitFromRight(by: separator, limit: limit) : text.split(by: separator, limit: limit)
    } else {
      try charge(characters: text)
      parts = text.words(limit: limit, fromRight: fromRight)
    }
    try charge(elements: parts.count)
    return parts.map { .text(flagged($0, as: text)) }
  }

  /// Without white space, or without the characters of `set`.
  func stripped(
    _ text: TemplateText, _ set: TemplateValue, left: Bool, right: Bool
  ) throws(TemplateFault) -> TemplateText {
    if set.isNone { return text[text.rangeWithoutSpace(left: left, right: right)] }
    guard case .text(let characters) = set else {
      throw .operation("strip arg must be None or str")
    }
    try charge(characters: text)
    return text[text.range(without: characters, left: left, right: right)]
  }

  /// The byte range of the optional arguments `start` and `end` from an index on.
  private func bounds(
    _ text: TemplateText, _ arguments: [TemplateValue], from first: Int
  ) throws(TemplateFault) -> Range<Int>? {
    if arguments.count <= first { return 0..<text.bytes.count }
    let offsets = text.scalarOffsets
    let count = offsets.count - 1
    func index(_ position: Int, _ standard: Int) throws(TemplateFault) -> Int {
      guard arguments.count > position, !arguments[position].isNone else { return standard }
      let index = try integer("find", arguments[position])
      return index < 0 ? max(0, index.addingReportingOverflow(count).partialValue) : index
    }
    let start = try index(first, 0)
    let end = min(try index(first + 1, count), count)
    return start <= end ? offsets[start]..<offsets[end] : nil
  }

  private func hasEdge(
    _ text: TemplateText, _ values: TemplateCallValues, _ method: TemplateMethod
  ) throws(TemplateFault) -> Bool {
    let arguments = try values.positionalOnly(method.rawValue, 1...3)
    let candidates: [TemplateValue]
    if case .tuple(let list) = arguments[0] {
      candidates = list.elements
    } else {
      candidates = [arguments[0]]
    }
    for candidate in candidates {
      guard case .text = candidate else {
        throw .operation(
          "\(method.rawValue) first arg must be str or a tuple of str, not \(candidate.typeName)")
      }
    }
    guard let range = try bounds(text, arguments, from: 1) else { return false }
    let part = range.count == text.bytes.count ? text : text[range]
    return try texts(method.rawValue, candidates).contains {
      method == .startswith ? part.starts(with: $0) : part.ends(with: $0)
    }
  }

  private func replaced(_ text: TemplateText, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateText
  {
    let arguments = try values.positionalOnly("replace", 2...3)
    let (old, new) = (try texts("replace", [arguments[0]])[0], try texts("replace", [arguments[1]])[0])
    let count = arguments.count == 3 ? try integer("replace", arguments[2]) : -1
    return try replace(
      old, in: text, with: text.isMarkup && !new.isMarkup ? new.escaped : new, limit: count < 0 ? .max : count
    )
  }

  func replace(
    _ old: TemplateText, in text: TemplateText, with new: TemplateText, limit: Int = .max
  ) throws(TemplateFault) -> TemplateText {
    // The largest result, before it is made.
    let places = old.isEmpty ? text.bytes.count + 1 : text.bytes.count / old.bytes.count
    let (added, overflow) = min(places, limit).multipliedReportingOverflow(by: new.bytes.count)
    if overflow || added > TemplateLimits.textBytes && old.bytes.count < new.bytes.count {
      let count = old.isEmpty ? places : text.occurrenceCount(of: old.bytes)
      try charge(bytes: min(count, 1 << 30) * new.bytes.count)
    }
    let result = text.replacing(old, with: new, limit: limit)
    try charge(bytes: result.bytes.count)
    return result
  }

  private func found(
    _ text: TemplateText, _ values: TemplateCallValues, _ method: TemplateMethod
  ) throws(TemplateFault) -> Int {
    let arguments = try values.positionalOnly(method.rawValue, 1...3)
    let part = try texts(method.rawValue, [arguments[0]])[0]
    var offset: Int?
    if method == .rfind || method == .rindex { try charge(backwardSearch: text, for: part) }
    if let range = try bounds(text, arguments, from: 1) {
      offset =
        method == .find || method == .index
        ? text.offset(of: part.bytes, from: range.lowerBound, end: range.upperBound)
        : text.lastOffset(of: part.bytes, start: range.lowerBound, end: range.upperBound)
    }
    if let offset { return text[0..<offset].scalarCount }
    if method == .find || method == .rfind { return -1 }
    throw .operation("substring not found")
  }

  private func counted(_ text: TemplateText, _ values: TemplateCallValues) throws(TemplateFault) -> Int {
    let arguments = try values.positionalOnly("count", 1...3)
    let part = try texts("count", [arguments[0]])[0]
    guard let range = try bounds(text, arguments, from: 1) else { return 0 }
    return part.isEmpty ? text[range].scalarCount + 1 : text[range].occurrenceCount(of: part.bytes)
  }

  /// The texts joined; refuses what is not a text, as Python's `join` does.
  private func joined(_ parts: [TemplateValue], by separator: TemplateText) throws(TemplateFault)
    -> TemplateText
  {
    var texts: [TemplateText] = []
    for (index, part) in parts.enumerated() {
      guard case .text(let text) = part else {
        throw .operation("sequence item \(index): expected str instance, \(part.typeName) found")
      }
      texts.append(separator.isMarkup && !text.isMarkup ? text.escaped : text)
    }
    try charge(bytes: texts.count.multipliedReportingOverflow(by: separator.bytes.count).partialValue)
    let result = separator.joining(texts)
    try charge(bytes: result.bytes.count)
    return flagged(result, as: separator)
  }

  private func padded(
    _ text: TemplateText, _ values: TemplateCallValues, _ method: TemplateMethod
  ) throws(TemplateFault) -> TemplateText {
    let arguments = try values.positionalOnly(method.rawValue, method == .zfill ? 1...1 : 1...2)
    let width = try integer(method.rawValue, arguments[0])
    var fill = TemplateText(template: method == .zfill ? "0" : " ")
    if arguments.count == 2 { fill = try texts(method.rawValue, [arguments[1]])[0] }
    guard fill.scalarCount == 1 else {
      throw .operation("The fill character must be exactly one character long")
    }
    let missing = width - min(width, text.scalarCount)
    try charge(bytes: missing)
    var builder = TemplateTextBuilder()
    var rest = text
    var before = method == .ljust ? 0 : missing
    if method == .center { before = missing / 2 + (missing & width & 1) }
    if method == .zfill, let sign = text.bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      builder.append(text[0..<1])
      rest = text[1..<text.bytes.count]
    }
    for _ in 0..<before { builder.append(fill) }
    builder.append(rest)
    for _ in 0..<(missing - before) { builder.append(fill) }
    return flagged(builder.text, as: text)
  }

  private func partitioned(
    _ text: TemplateText, _ values: TemplateCallValues, fromRight: Bool
  ) throws(TemplateFault) -> [TemplateValue] {
    let separator = try texts("partition", try values.positionalOnly("partition", 1...1))[0]
    if separator.isEmpty { throw .operation("empty separator") }
    if fromRight { try charge(backwardSearch: text, for: separator) }
    let offset =
      fromRight
      ? text.lastOffset(of: separator.bytes, start: 0, end: text.bytes.count)
      : text.offset(of: separator.bytes, from: 0)
    guard let offset else {
      return fromRight
        ? [.text(.empty), .text(.empty), .text(text)] : [.text(text), .text(.empty), .text(.empty)]
    }
    let end = offset + separator.bytes.count
    return [.text(text[0..<offset]), .text(text[offset..<end]), .text(text[end..<text.bytes.count])]
  }
}
