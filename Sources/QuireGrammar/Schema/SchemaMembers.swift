import QuireJSON

/// What the members of an object may be.
struct SchemaMembers {
  struct Property {
    let name: String
    let member: GrammarExpression
    let isRequired: Bool
  }

  /// Members with the keys of `properties`, then those of `required` and of listed keys.
  private(set) var properties: [Property] = []
  /// A member with another key; nil when there is none.
  private(set) var extra: GrammarExpression?
  private let requiredNames: Set<UTF8Key>
  /// The keys that are allowed; nil for all.
  private let listedNames: Set<UTF8Key>?

  init(of object: JSONObject, at path: String, _ reader: inout SchemaReader) throws(GrammarError) {
    let keys = try SchemaKeys(of: object, at: path, &reader)
    let required = try Self.requiredNames(of: object, at: path, reader)
    try reader.visit(required.count)
    guard let schemas = (object["properties"] ?? [:]).objectValue else {
      throw reader.unsupported("properties", path, because: "an object of schemas in properties")
    }
    var listed: [String]?
    if case .listed(let names) = keys { listed = names }
    requiredNames = Set(required.map { UTF8Key($0) })
    listedNames = listed.map { Set($0.map { UTF8Key($0) }) }
    for member in schemas.members {
      let value = try reader.expression(
        member.value, at: "\(path).properties.\(SchemaReader.shortened(member.key))")
      add(member.key, value, reader)
    }
    // Without `additionalProperties`, only named members are written.
    let isOpen = object["additionalProperties"] ?? .bool(schemas.isEmpty) != false
    var known = Set(schemas.keys.map { UTF8Key($0) })
    let further = (required + (isOpen ? listed ?? [] : [])).filter { known.insert(UTF8Key($0)).inserted }
    let hasPattern = object["patternProperties"] != nil
    let hasExtra =
      listed == nil && (hasPattern || isOpen && (object["additionalProperties"] != nil || further.isEmpty))
    guard hasExtra || !further.isEmpty else { return }
    let value = try Self.additionalValue(of: object, isShared: !further.isEmpty, at: path, &reader)
    for name in further { add(name, value, reader) }
    if hasExtra { extra = try extraMember(value, keys: keys, &reader) }
  }

  private static func requiredNames(
    of object: JSONObject, at path: String, _ reader: SchemaReader
  ) throws(GrammarError) -> [String] {
    guard let names = object["required"] else { return [] }
    guard let list = names.arrayValue, list.allSatisfy({ $0.stringValue != nil }) else {
      throw reader.unsupported("required", path, because: "a list of names in required")
    }
    return list.compactMap(\.stringValue)
  }

  private mutating func add(_ name: String, _ value: GrammarExpression, _ reader: SchemaReader) {
    let nameKey = UTF8Key(name)
    let key = GrammarExpression.literal(JSONGrammar.literalBytes(.string(name)))
    let isAllowed = listedNames?.contains(nameKey) ?? true
    properties.append(
      Property(
        name: name, member: reader.json.member(key: key, value: isAllowed ? value : .nothing),
        isRequired: requiredNames.contains(nameKey)))
  }

  /// The value of a member that no property names; as a rule where several members share it.
  private static func additionalValue(
    of object: JSONObject, isShared: Bool, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    if let member = object["patternProperties"]?.objectValue?.members.first {
      let key = SchemaReader.shortened(member.key)
      return try reader.expression(member.value, at: "\(path).patternProperties.\(key)")
    }
    let value = try reader.expression(
      object["additionalProperties"] ?? true, at: path + ".additionalProperties")
    return isShared && value != .nothing ? .rule(reader.json.grammar.add("value", value)) : value
  }

  private func extraMember(
    _ value: GrammarExpression, keys: SchemaKeys, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let key: GrammarExpression
    if case .matching(let expression) = keys {
      key = expression
    } else {
      key = try KeyGrammar.key(except: properties.map(\.name), &reader)
    }
    return .rule(reader.json.grammar.add("member", reader.json.member(key: key, value: value)))
  }
}
