import QuireJSON

extension SchemaReader {
  /// Counts a value that is compared, copied or written out: one for it and one for each 64 bytes of its text.
  mutating func visit(_ value: JSONValue) throws(GrammarError) {
    try visit(1 + Self.size(of: value) / 64)
  }

  /// About the bytes of a value's text. Values come from parsed text, which limits the sum and the depth.
  private static func size(of value: JSONValue) -> Int {
    switch value {
    case .null, .bool: 4
    case .number: 8
    case .string(let text): text.utf8.count + 2
    case .array(let elements): elements.reduce(2) { $0 + size(of: $1) + 1 }
    case .object(let object):
      object.members.reduce(2) { $0 + $1.key.utf8.count + size(of: $1.value) + 4 }
    }
  }
}
