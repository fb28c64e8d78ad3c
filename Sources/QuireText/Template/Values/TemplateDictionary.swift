/// Python's dictionary: keys in the order they were added.
struct TemplateDictionary {
  private(set) var keys: [TemplateValue] = []
  private(set) var values: [TemplateValue] = []
  /// Index by key, once there are more than a few members.
  private var indices: [TemplateKey: Int] = [:]
  /// 1 for plain members.
  private(set) var depth = 1

  private static let linearLimit = 8

  init() {}

  /// Keys must be distinct texts.
  init(keys: [TemplateValue], values: [TemplateValue]) {
    self.keys = keys
    self.values = values
    depth = values.reduce(0) { max($0, $1.depth) } + 1
    if keys.count > Self.linearLimit { buildIndices() }
  }

  var count: Int { keys.count }

  private mutating func buildIndices() {
    for (index, key) in keys.enumerated() {
      if let key = TemplateKey(key) { indices[key] = index }
    }
  }

  /// The index of a key of a template's source or of a request.
  func index(of name: [UInt8]) -> Int? {
    if !indices.isEmpty { return indices[.text(name)] }
    return keys.firstIndex { if case .text(let text) = $0 { text.bytes == name } else { false } }
  }

  func index(of key: TemplateKey) -> Int? {
    if case .text(let name) = key { return index(of: name) }
    if !indices.isEmpty { return indices[key] }
    return keys.firstIndex { TemplateKey($0) == key }
  }

  subscript(_ name: [UInt8]) -> TemplateValue? { index(of: name).map { values[$0] } }
  subscript(_ name: String) -> TemplateValue? { self[Array(name.utf8)] }
  subscript(_ key: TemplateKey) -> TemplateValue? { index(of: key).map { values[$0] } }

  /// Sets a member; a key that is there already stays where and as it is.
  mutating func set(_ key: TemplateValue, _ hashed: TemplateKey, _ value: TemplateValue) {
    depth = max(depth, value.depth + 1, key.depth + 1)
    if let index = index(of: hashed) {
      values[index] = value
      return
    }
    keys.append(key)
    values.append(value)
    if !indices.isEmpty {
      indices[hashed] = keys.count - 1
    } else if keys.count > Self.linearLimit {
      buildIndices()
    }
  }

  mutating func set(_ name: String, _ value: TemplateValue) {
    let text = TemplateText(template: name)
    set(.text(text), .text(text.bytes), value)
  }

  /// What `keys()`, `values()` and `items()` return.
  struct View {
    enum Kind { case keys, values, items }
    let kind: Kind
    let dictionary: TemplateDictionary

    var typeName: String {
      switch kind {
      case .keys: "dict_keys"
      case .values: "dict_values"
      case .items: "dict_items"
      }
    }

    var elements: [TemplateValue] {
      switch kind {
      case .keys: dictionary.keys
      case .values: dictionary.values
      case .items: dictionary.items
      }
    }
  }

  var items: [TemplateValue] { zip(keys, values).map { .tuple([$0, $1]) } }
}

/// A value as a dictionary compares it: `1`, `1.0` and `true` are one key.
enum TemplateKey: Hashable, Sendable {
  case none
  case int(Int)
  case largeInt(String)
  case float(Double)
  case text([UInt8])
  case tuple([TemplateKey])

  /// Nil for a value that Python cannot hash, and for those that no template needs as keys.
  init?(_ value: TemplateValue) {
    switch value {
    case .none: self = .none
    case .bool(let value): self = .int(value ? 1 : 0)
    case .int(let value): self = .int(value)
    case .largeInt(let digits): self = .largeInt(digits)
    case .float(let value):
      if let whole = Int(exactly: value) { self = .int(whole) } else { self = .float(value) }
    case .text(let text): self = .text(text.bytes)
    case .tuple(let elements) where elements.depth == 1 && elements.count <= 64:
      var keys: [TemplateKey] = []
      for element in elements {
        guard let key = TemplateKey(element) else { return nil }
        keys.append(key)
      }
      self = .tuple(keys)
    default: return nil
    }
  }
}
