extension TemplateMachine {
  func applySequence(
    _ filter: TemplateFilter, to input: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateValue {
    switch filter {
    case .first:
      try values.expectNone(filter)
      try charge(elementsOf: input)
      return try input.iterate().next() ?? Self.missing("No first item, sequence was empty.")
    case .last: return try last(input, values)
    case .list: return .list(try elements(input))
    case .items: return try items(input, values)
    case .join: return try joined(input, values)
    case .reverse: return try reversed(input, values)
    case .sort: return try sorted(input, values)
    case .dictsort: return try sortedItems(input, values)
    case .unique: return try unique(input, values)
    case .min, .max: return try extreme(filter, input, values)
    case .sum: return try summed(input, values)
    case .batch: return try batches(input, values)
    case .slice: return try columns(input, values)
    case .attr:
      let name = try values.bound("attr", ["name"], required: 1)[0] ?? .none
      guard case .text(let text) = name else { throw .operation("attribute name must be string") }
      if case .undefined(let undefined) = input { throw .operation(undefined.message) }
      return try pythonAttribute(text.string, of: input)
        ?? TemplateUndefined.attribute(text.string, of: input)
    default: throw .unsupported("the filter '\(filter.rawValue)'")
    }
  }

  static func missing(_ message: String) -> TemplateValue { .undefined(TemplateUndefined(message)) }

  func elements(_ value: TemplateValue) throws(TemplateFault) -> [TemplateValue] {
    try charge(elementsOf: value)
    let elements = try value.elements()
    try charge(elements: elements.count)
    return elements
  }

  private func last(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    try values.expectNone(.last)
    switch input {
    case .iterator, .none, .bool, .int, .largeInt, .float, .namespace, .function, .loop:
      throw .operation("'\(input.typeName)' object is not reversible")
    default: break
    }
    return try elements(input).last ?? Self.missing("No last item, sequence was empty.")
  }

  private func items(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    try values.expectNone(.items)
    switch input {
    case .undefined: return .iterator(TemplateIterator([]))
    case .dictionary(let dictionary): return .iterator(TemplateIterator(dictionary.items))
    default: throw .operation("Can only get item pairs from a mapping.")
    }
  }

  private func joined(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    let arguments = try values.bound("join", ["d", "attribute"])
    let separator = try (arguments[0] ?? .template("")).printed(work)
    let getter = try attributeGetter(arguments[1] ?? .none)
    var builder = TemplateTextBuilder()
    try charge(elementsOf: input)
    let iterator = try input.iterate()
    var isFirst = true
    while let element = try iterator.next() {
      try charge()
      if !isFirst { builder.append(separator) }
      isFirst = false
      builder.append(try getter(element).printed(work))
      if builder.byteCount > TemplateLimits.textBytes { throw TemplateLimits.tooMuchText }
    }
    try charge(bytes: builder.byteCount)
    return .text(builder.text)
  }

  private func reversed(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    try values.expectNone(.reverse)
    switch input {
    case .text(let text): return try slice(.text(text), (.none, .none, .int(-1)))
    case .iterator: return .list(try elements(input).reversed())
    case .none, .bool, .int, .largeInt, .float, .namespace, .function:
      throw .operation("argument must be iterable")
    default: return .iterator(TemplateIterator(try elements(input).reversed()))
    }
  }

  /// Reads attributes by a path such as `function.name` or `items.0`; `none` stands for the value itself.
  func attributeGetter(
    _ path: TemplateValue, default standard: TemplateValue = .none, ignoresCase: Bool = false
  ) throws(TemplateFault) -> (TemplateValue) throws(TemplateFault) -> TemplateValue {
    var parts: [TemplateValue] = []
    switch path {
    case .none: break
    case .text(let text):
      parts = text.split(by: TemplateText(template: ".")).map { part in
        let isNumber = part.allScalars(\.isPythonDigit)
        return isNumber ? Int(part.string).map { .int($0) } ?? .text(part) : .text(part)
      }
    default: parts = [path]
    }
    return { [unowned self] (value) throws(TemplateFault) in
      try charge()
      var value = value
      for part in parts {
        value = try item(part, of: value)
        if value.isUndefined, !standard.isNone { value = standard }
      }
      if ignoresCase, case .text(let text) = value { return .text(text.lowercased) }
      return value
    }
  }

  private func sorted(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    let arguments = try values.bound("sort", ["reverse", "case_sensitive", "attribute"])
    let ignoresCase = arguments[1]?.isTrue != true
    var paths: [TemplateValue] = [arguments[2] ?? .none]
    if case .text(let text)? = arguments[2] {
      paths = text.split(by: TemplateText(template: ",")).map { .text($0) }
    }
    var getters: [(TemplateValue) throws(TemplateFault) -> TemplateValue] = []
    for path in paths { getters.append(try attributeGetter(path, ignoresCase: ignoresCase)) }
    return .list(
      try TemplateSort.sorted(try elements(input), reverse: arguments[0]?.isTrue ?? false, work) {
        (element) throws(TemplateFault) in
        var keys: [TemplateValue] = []
        for getter in getters { keys.append(try getter(element)) }
        return .list(keys)
      })
  }

  private func sortedItems(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    let arguments = try values.bound("dictsort", ["case_sensitive", "by", "reverse"])
    let by = (arguments[1] ?? .template("key")).textValue?.string
    guard by == "key" || by == "value" else {
      throw .operation("You can only sort by either \"key\" or \"value\"")
    }
    guard case .dictionary(let dictionary) = input else {
      if case .undefined(let undefined) = input { throw .operation(undefined.message) }
      throw .operation("'\(input.typeName)' object has no attribute 'items'")
    }
    let ignoresCase = arguments[0]?.isTrue != true
    try charge(elements: dictionary.count)
    let order = try TemplateSort.sorted(
      Array(0..<dictionary.count), reverse: arguments[2]?.isTrue ?? false, work
    ) {
      (index) throws(TemplateFault) in
      let value = by == "key" ? dictionary.keys[index] : dictionary.values[index]
      if ignoresCase, case .text(let text) = value { return .text(text.lowercased) }
      return value
    }
    return .list(order.map { .tuple([dictionary.keys[$0], dictionary.values[$0]]) })
  }

  private func unique(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    let arguments = try values.bound("unique", ["case_sensitive", "attribute"])
    let getter = try attributeGetter(arguments[1] ?? .none, ignoresCase: arguments[0]?.isTrue != true)
    try charge(elementsOf: input)
    let source = try input.iterate()
    var seen: Set<TemplateKey> = []
    return .iterator(
      TemplateIterator(depth: input.depth) { [unowned self] () throws(TemplateFault) in
        while let element = try source.next() {
          try charge(4)
          if seen.insert(try hashed(try getter(element))).inserted { return element }
        }
        return nil
      })
  }

  private func extreme(
    _ filter: TemplateFilter, _ input: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateValue {
    let arguments = try values.bound(filter.rawValue, ["case_sensitive", "attribute"])
    let getter = try attributeGetter(arguments[1] ?? .none, ignoresCase: arguments[0]?.isTrue != true)
    let elements = try elements(input)
    guard var best = elements.first else { return Self.missing("No aggregated item, sequence was empty.") }
    var bestKey = try getter(best)
    for element in elements.dropFirst() {
      let key = try getter(element)
      let isBetter =
        filter == .min ? try key.isLess(than: bestKey, work) : try bestKey.isLess(than: key, work)
      if isBetter { (best, bestKey) = (element, key) }
    }
    return best
  }

  private func summed(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    let arguments = try values.bound("sum", ["attribute", "start"])
    let getter = try attributeGetter(arguments[0] ?? .none)
    var total = arguments[1] ?? .int(0)
    if case .text = total { throw .operation("sum() can't sum strings [use ''.join(seq) instead]") }
    for element in try elements(input) { total = try apply(.add, total, try getter(element)) }
    return total
  }

  private func count(_ value: TemplateValue?) throws(TemplateFault) -> Int {
    guard let count = value?.index, count > 0 else {
      throw .unsupported("a number of parts that is not a positive integer")
    }
    return count
  }

  private func batches(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    let arguments = try values.bound("batch", ["linecount", "fill_with"], required: 1)
    let size = try count(arguments[0])
    let elements = try elements(input)
    var batches: [TemplateValue] = []
    var start = 0
    while start < elements.count {
      let end = start + Swift.min(size, elements.count - start)
      var batch = Array(elements[start..<end])
      if let fill = arguments[1], !fill.isNone, batch.count < size {
        try charge(elements: size)
        batch += Array(repeating: fill, count: size - batch.count)
      }
      batches.append(.list(batch))
      start = end
    }
    return .iterator(TemplateIterator(batches))
  }

  private func columns(_ input: TemplateValue, _ values: TemplateCallValues) throws(TemplateFault)
    -> TemplateValue
  {
    let arguments = try values.bound("slice", ["slices", "fill_with"], required: 1)
    let count = try count(arguments[0])
    try charge(elements: count)
    let elements = try elements(input)
    let (size, extra) = elements.count.quotientAndRemainder(dividingBy: count)
    var start = 0
    var columns: [TemplateValue] = []
    for index in 0..<count {
      let end = start + size + (index < extra ? 1 : 0)
      var column = Array(elements[start..<end])
      if let fill = arguments[1], !fill.isNone, index >= extra { column.append(fill) }
      columns.append(.list(column))
      start = end
    }
    return .iterator(TemplateIterator(columns))
  }
}
