extension TemplateValue {
  /// Python's `==`.
  func equals(_ other: TemplateValue, _ work: TemplateWork) throws(TemplateFault) -> Bool {
    try work.charge()
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let left), .text(let right)): return left.bytes == right.bytes
    case (.largeInt(let left), .largeInt(let right)): return left == right
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      return try Self.equal(left, right, work)
    case (.dictionary(let left), .dictionary(let right)):
      guard left.count == right.count else { return false }
      for (index, key) in left.keys.enumerated() {
        guard let hashed = TemplateKey(key), let value = right[hashed],
          try left.values[index].equals(value, work)
        else { return false }
      }
      return true
    case (.range(let left), .range(let right)): return try Self.equal(left.values, right.values, work)
    case (.namespace(let left), .namespace(let right)): return left === right
    case (.iterator(let left), .iterator(let right)): return left === right
    case (.loop(let left), .loop(let right)): return left === right
    case (.view, .view), (.function, .function):
      throw .unsupported("comparing a \(typeName) with a \(other.typeName)")
    default:
      guard let left = number, let right = other.number else { return false }
      return left == right
    }
  }

  private static func equal(
    _ left: some Collection<TemplateValue>, _ right: some Collection<TemplateValue>, _ work: TemplateWork
  ) throws(TemplateFault) -> Bool {
    guard left.count == right.count else { return false }
    for (left, right) in zip(left, right) {
      guard try left.equals(right, work) else { return false }
    }
    return true
  }

  /// Python's `<`; `symbol` is the operator for the message.
  func isLess(
    than other: TemplateValue, _ work: TemplateWork, _ symbol: String = "<"
  ) throws(TemplateFault) -> Bool {
    try work.charge()
    switch (self, other) {
    case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw .operation(undefined.message)
    case (.text(let left), .text(let right)): return left.bytes.lexicographicallyPrecedes(right.bytes)
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      for (left, right) in zip(left, right) where try !left.equals(right, work) {
        return try left.isLess(than: right, work, symbol)
      }
      return left.count < right.count
    default:
      guard let left = number, let right = other.number else {
        throw .operation(
          "'\(symbol)' not supported between instances of '\(typeName)' and '\(other.typeName)'")
      }
      return left.isLess(than: right)
    }
  }

  /// Python's `element in self`.
  func contains(_ element: TemplateValue, _ work: TemplateWork) throws(TemplateFault) -> Bool {
    switch self {
    case .text(let text):
      guard case .text(let part) = element else {
        if case .undefined = element {
          throw .operation("'in <string>' requires string as left operand, not Undefined")
        }
        throw .operation("'in <string>' requires string as left operand, not \(element.typeName)")
      }
      return text.contains(part)
    case .view(let view) where view.kind == .keys:
      return try TemplateValue.dictionary(view.dictionary).contains(element, work)
    case .dictionary(let dictionary):
      if case .undefined = element { return false }
      guard let key = TemplateKey(element) else { throw .operation("unhashable type: '\(element.typeName)'") }
      return dictionary.index(of: key) != nil
    case .none, .bool, .int, .largeInt, .float, .namespace, .function:
      throw .operation("argument of type '\(typeName)' is not iterable")
    default:
      let iterator = try iterate()
      while let candidate = try iterator.next() {
        if try candidate.equals(element, work) { return true }
      }
      return false
    }
  }

  /// The elements in order.
  func iterate() throws(TemplateFault) -> TemplateIterator {
    switch self {
    case .iterator(let iterator): iterator
    case .loop(let loop):
      TemplateIterator(depth: loop.depth) { () throws(TemplateFault) in
        try loop.advance().map { .tuple([$0, .loop(loop)]) }
      }
    default: TemplateIterator(try elements())
    }
  }

  /// The elements as an array; an iterator is read to its end.
  func elements() throws(TemplateFault) -> [TemplateValue] {
    switch self {
    case .list(let list), .tuple(let list): return list.elements
    case .undefined: return []
    case .text(let text): return text.characters.map { .text($0) }
    case .dictionary(let dictionary): return dictionary.keys
    case .range(let range): return range.values
    case .view(let view): return view.elements
    case .iterator, .loop:
      let iterator = try iterate()
      var elements: [TemplateValue] = []
      while let element = try iterator.next() { elements.append(element) }
      return elements
    default: throw .operation("'\(typeName)' object is not iterable")
    }
  }

  var isIterable: Bool {
    switch self {
    case .none, .bool, .int, .largeInt, .float, .namespace, .function: false
    default: true
    }
  }

  /// Python's `len`.
  func length() throws(TemplateFault) -> Int {
    switch self {
    case .undefined: return 0
    case .text(let text): return text.scalarCount
    case .list(let elements), .tuple(let elements): return elements.count
    case .dictionary(let dictionary): return dictionary.count
    case .range(let range): return range.count
    case .view(let view): return view.dictionary.count
    case .loop(let loop): return try loop.count()
    default: throw .operation("object of type '\(typeName)' has no len()")
    }
  }
}

/// Sorting as Python's `sorted`: stable, and refusing what cannot be compared.
enum TemplateSort {
  static func sorted<Element>(
    _ elements: [Element], reverse: Bool = false, _ work: TemplateWork,
    key: (Element) throws(TemplateFault) -> TemplateValue
  ) throws(TemplateFault) -> [Element] {
    var pairs: [(key: TemplateValue, element: Element)] = []
    for element in elements { pairs.append((try key(element), element)) }
    // Reversed before and after, so that equal elements keep their order.
    if reverse { pairs.reverse() }
    var fault: TemplateFault?
    pairs = merged(pairs, work, &fault)
    if let fault { throw fault }
    if reverse { pairs.reverse() }
    return pairs.map(\.element)
  }

  private typealias Pair<Element> = (key: TemplateValue, element: Element)

  private static func merged<Element>(
    _ pairs: [Pair<Element>], _ work: TemplateWork, _ fault: inout TemplateFault?
  ) -> [Pair<Element>] {
    if pairs.count < 2 || fault != nil { return pairs }
    let left = merged(Array(pairs[..<(pairs.count / 2)]), work, &fault)
    let right = merged(Array(pairs[(pairs.count / 2)...]), work, &fault)
    var result: [Pair<Element>] = []
    result.reserveCapacity(pairs.count)
    var (i, j) = (0, 0)
    do throws(TemplateFault) {
      while i < left.count && j < right.count {
        if try right[j].key.isLess(than: left[i].key, work) {
          result.append(right[j])
          j += 1
        } else {
          result.append(left[i])
          i += 1
        }
      }
    } catch {
      fault = fault ?? error
      return pairs
    }
    return result + left[i...] + right[j...]
  }
}
