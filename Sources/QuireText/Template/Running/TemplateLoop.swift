/// A running loop, as the variable `loop` shows it.
final class TemplateLoop {
  private let source: TemplateIterator
  private(set) var knownCount: Int?
  private(set) var index0 = -1
  private(set) var previous: TemplateValue?
  private var current: TemplateValue?
  /// Elements that were read ahead.
  private var ahead: ArraySlice<TemplateValue> = []
  private var lastChanged: [TemplateValue]?
  /// How deep it nests, as what it loops over does.
  let depth: Int

  init(_ source: TemplateIterator, count: Int?) {
    depth = source.depth + 1
    self.source = source
    knownCount = count
  }

  /// The next element becomes the current one.
  func advance() throws(TemplateFault) -> TemplateValue? {
    var next = ahead.popFirst()
    if next == nil { next = try source.next() }
    guard let value = next else { return nil }
    index0 += 1
    previous = current
    current = value
    return value
  }

  /// The number of elements; reads the rest when it is not known.
  func count() throws(TemplateFault) -> Int {
    if let knownCount { return knownCount }
    var rest = Array(ahead)
    while let value = try source.next() { rest.append(value) }
    ahead = rest[...]
    let count = index0 + 1 + rest.count
    knownCount = count
    return count
  }

  private func peek() throws(TemplateFault) -> TemplateValue? {
    if ahead.isEmpty, let value = try source.next() { ahead = [value] }
    return ahead.first
  }

  /// An attribute of `loop`; nil for a name it does not have.
  func attribute(_ name: String) throws(TemplateFault) -> TemplateValue? {
    switch name {
    case "index": return .int(index0 + 1)
    case "index0": return .int(index0)
    case "revindex": return .int(try count() - index0)
    case "revindex0": return .int(try count() - index0 - 1)
    case "first": return .bool(index0 == 0)
    case "last": return .bool(try peek() == nil)
    case "length": return .int(try count())
    case "depth": return .int(1)
    case "depth0": return .int(0)
    case "previtem":
      return previous ?? .undefined(TemplateUndefined("there is no previous item"))
    case "nextitem": return try peek() ?? .undefined(TemplateUndefined("there is no next item"))
    default: return nil
    }
  }

  /// Whether the values differ from those of the last call.
  func changed(_ values: [TemplateValue], _ work: TemplateWork) throws(TemplateFault) -> Bool {
    if let lastChanged, try TemplateValue.tuple(lastChanged).equals(.tuple(values), work) { return false }
    lastChanged = values
    return true
  }
}
