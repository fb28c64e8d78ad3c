extension TemplateMachine {
  func apply(
    _ operation: TemplateBinary, _ left: TemplateValue, _ right: TemplateValue
  ) throws(TemplateFault) -> TemplateValue {
    if let left = left.number, let right = right.number {
      return try TemplateArithmetic.apply(operation, left, right)
    }
    switch (operation, left, right) {
    // `%` looks into a text first, which an undefined value does not take part in.
    case (.remainder, .text(let format), _): return .text(try formatted(percent: format, right))
    case (_, .undefined(let undefined), _), (_, _, .undefined(let undefined)):
      throw .operation(undefined.message)
    case (.add, .text(let left), .text(let right)): return .text(try joined(left, right))
    case (.add, .list(let left), .list(let right)):
      try charge(elements: left.count + right.count)
      return .list(left.elements + right.elements)
    case (.add, .tuple(let left), .tuple(let right)):
      try charge(elements: left.count + right.count)
      return .tuple(left.elements + right.elements)
    case (.multiply, _, _):
      if let count = right.index, let product = try repeated(left, count) { return product }
      if let count = left.index, let product = try repeated(right, count) { return product }
    default: break
    }
    throw Self.mismatch(operation, left, right)
  }

  private static func mismatch(
    _ operation: TemplateBinary, _ left: TemplateValue, _ right: TemplateValue
  ) -> TemplateFault {
    if operation == .add {
      switch left {
      case .text: return .operation("can only concatenate str (not \"\(right.typeName)\") to str")
      case .list: return .operation("can only concatenate list (not \"\(right.typeName)\") to list")
      case .tuple: return .operation("can only concatenate tuple (not \"\(right.typeName)\") to tuple")
      default: break
      }
    }
    if operation == .multiply {
      for (sequence, other) in [(left, right), (right, left)] {
        switch sequence {
        case .text, .list, .tuple:
          return .operation("can't multiply sequence by non-int of type '\(other.typeName)'")
        default: break
        }
      }
    }
    return .operation(
      "unsupported operand type(s) for \(operation.symbol): '\(left.typeName)' and '\(right.typeName)'")
  }

  /// `+` of texts. What is joined to a text marked safe is escaped for HTML, as Python's `Markup` does.
  private func joined(_ left: TemplateText, _ right: TemplateText) throws(TemplateFault) -> TemplateText {
    try charge(bytes: left.bytes.count + right.bytes.count)
    var builder = TemplateTextBuilder()
    let isMarkup = left.isMarkup || right.isMarkup
    if isMarkup { try charge(left.bytes.count + right.bytes.count) }
    builder.append(isMarkup && !left.isMarkup ? left.escaped : left)
    builder.append(isMarkup && !right.isMarkup ? right.escaped : right)
    var text = builder.text
    text.isMarkup = isMarkup
    return text
  }

  private func repeated(_ value: TemplateValue, _ count: Int) throws(TemplateFault) -> TemplateValue? {
    let count = max(0, count)
    switch value {
    case .text(let text):
      let (bytes, overflow) = text.bytes.count.multipliedReportingOverflow(by: count)
      if overflow { throw TemplateLimits.tooMuchText }
      try charge(bytes: bytes)
      var builder = TemplateTextBuilder()
      if !text.isEmpty { for _ in 0..<count { builder.append(text) } }
      var result = builder.text
      result.isMarkup = text.isMarkup
      return .text(result)
    case .list(let elements): return .list(try repeated(elements, count))
    case .tuple(let elements): return .tuple(try repeated(elements, count))
    default: return nil
    }
  }

  private func repeated(_ list: TemplateList, _ count: Int) throws(TemplateFault) -> [TemplateValue] {
    let elements = list.elements
    let (total, overflow) = elements.count.multipliedReportingOverflow(by: count)
    if overflow { throw TemplateLimits.tooManyElements }
    try charge(elements: total)
    return elements.isEmpty ? [] : Array((0..<count).map { _ in elements }.joined())
  }

  func signed(_ value: TemplateValue, isNegative: Bool) throws(TemplateFault) -> TemplateValue {
    if case .undefined(let undefined) = value { throw .operation(undefined.message) }
    guard let number = value.number else {
      throw .operation("bad operand type for unary \(isNegative ? "-" : "+"): '\(value.typeName)'")
    }
    return isNegative ? try TemplateArithmetic.negated(number) : number.value
  }

  /// Python's slicing.
  func slice(
    _ object: TemplateValue, _ bounds: (TemplateValue, TemplateValue, TemplateValue)
  ) throws(TemplateFault) -> TemplateValue {
    if case .undefined(let undefined) = object { throw .operation(undefined.message) }
    let indices: (Int) throws(TemplateFault) -> (first: Int, step: Int, count: Int) = {
      (count) throws(TemplateFault) in
      try Self.sliceIndices(bounds, count: count)
    }
    if let count = object.knownCount { try charge(elements: count) }
    switch object {
    case .list(let elements): return .list(pick(elements, try indices(elements.count)))
    case .tuple(let elements): return .tuple(pick(elements, try indices(elements.count)))
    case .text(let text):
      try charge(bytes: text.bytes.count)
      if !bounds.2.isNone { try charge(text.bytes.count) }
      let offsets = text.isASCII ? nil : text.scalarOffsets
      let (first, step, count) = try indices(offsets.map { $0.count - 1 } ?? text.bytes.count)
      if count == 0 { return .text(text[0..<0]) }
      func offset(_ index: Int) -> Int { offsets?[index] ?? index }
      if step == 1 { return .text(text[offset(first)..<offset(first + count)]) }
      var builder = TemplateTextBuilder()
      for index in 0..<count {
        let position = first + index * step
        builder.append(text[offset(position)..<offset(position + 1)])
      }
      var result = builder.text
      result.isMarkup = text.isMarkup
      return .text(result)
    case .range(let range):
      let (first, step, count) = try indices(range.count)
      let start = range.start + first * range.step
      return .range(
        TemplateRange(start: start, stop: start + count * step * range.step, step: step * range.step))
    default: throw .operation("'\(object.typeName)' object is not subscriptable")
    }
  }

  private func pick(
    _ elements: TemplateList, _ indices: (first: Int, step: Int, count: Int)
  ) -> [TemplateValue] {
    if indices.step == 1 { return Array(elements.elements[indices.first..<indices.first + indices.count]) }
    return (0..<indices.count).map { elements[indices.first + $0 * indices.step] }
  }

  /// The indices that a slice takes of `count` elements; `first` is in their range, also when it takes none.
  private static func sliceIndices(
    _ bounds: (TemplateValue, TemplateValue, TemplateValue), count: Int
  ) throws(TemplateFault) -> (first: Int, step: Int, count: Int) {
    func bound(_ value: TemplateValue) throws(TemplateFault) -> Int? {
      if value.isNone { return nil }
      guard let index = value.index else {
        throw .operation("slice indices must be integers or None or have an __index__ method")
      }
      return index
    }
    let step = try bound(bounds.2) ?? 1
    if step == 0 { throw .operation("slice step cannot be zero") }
    // Steps beyond the length take one element at most, as the length itself does.
    let stride = max(-count - 1, min(count + 1, step))
    func clamped(_ index: Int) -> Int {
      let low = step > 0 ? 0 : -1
      let high = step > 0 ? count : count - 1
      let (sum, _) = index < 0 ? index.addingReportingOverflow(count) : (index, false)
      return max(low, min(high, sum))
    }
    let start = try bound(bounds.0).map(clamped) ?? (step > 0 ? 0 : count - 1)
    let stop = try bound(bounds.1).map(clamped) ?? (step > 0 ? count : -1)
    let distance = step > 0 ? stop - start : start - stop
    guard distance > 0 else { return (0, 1, 0) }
    return (start, stride, (distance - 1) / abs(stride) + 1)
  }
}

extension TemplateText {
  /// Escaped for HTML, as Python's `markupsafe` does.
  var escaped: TemplateText {
    var text = mapScalars { index, all in
      switch all[index] {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "'": "&#39;"
      case "\"": "&#34;"
      default: String(all[index])
      }
    }
    text.isMarkup = true
    return text
  }
}
