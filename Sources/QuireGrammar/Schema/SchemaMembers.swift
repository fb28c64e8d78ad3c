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

  init(of object: JSONObject, at path: String, _ reader: inout SchemaReader) throws(GrammarError) {
    let required = try Self.requiredNames(of: object, at: path, reader)
    try reader.visit(required.count)
    guard let schemas = (object["properties"] ?? [:]).objectValue else {
      throw reader.unsupported("properties", path, because: "an object of schemas in properties")
    }
    let keys = try SchemaKeys(of: object, names: schemas.keys + required, at: path, &reader)
    requiredNames = Set(required.map { UTF8Key($0) })
    for member in schemas.members {
      let memberPath = "\(path).properties.\(SchemaReader.shortened(member.key))"
      let own = Placed(member.value, at: memberPath)
      let value = try keys.schemas(of: member.key).map { (more) throws(GrammarError) in
        try reader.expression(ofAll: [own] + more, at: memberPath)
      }
      add(member.key, value ?? .nothing, reader)
    }
    // Without `additionalProperties`, only members that are named or match a pattern are written: none where `properties`
    // is empty, as in the schemas of functions without arguments.
    let isUnnamed = object["properties"] == nil && !keys.hasPatterns
    let isOpen = object["additionalProperties"] ?? .bool(isUnnamed) != false
    var known = Set(schemas.keys.map { UTF8Key($0) })
    let further = (required + (isOpen || keys.hasPatterns ? keys.listed ?? [] : []))
      .filter { known.insert(UTF8Key($0)).inserted }
    let isFree = isOpen && (object["additionalProperties"] != nil || further.isEmpty)
    let hasExtra = keys.listed == nil && (keys.hasPatterns || isFree)
    guard hasExtra || !further.isEmpty else { return }
    let additional = try Self.additionalValue(
      of: object, isShared: !further.isEmpty || keys.hasPatterns, at: path, &reader)
    for name in further {
      let value = try keys.schemas(of: name).map { (schemas) throws(GrammarError) in
        try Self.value(of: schemas, at: path, &reader) ?? additional
      }
      add(name, value ?? .nothing, reader)
    }
    if hasExtra { try addExtra(keys, additional: isFree ? additional : nil, at: path, &reader) }
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
    let key = GrammarExpression.literal(JSONGrammar.literalBytes(.string(name)))
    properties.append(
      Property(
        name: name, member: reader.json.member(key: key, value: value),
        isRequired: requiredNames.contains(UTF8Key(name))))
  }

  /// The value of a member that no property names; as a rule where several members share it.
  private static func additionalValue(
    of object: JSONObject, isShared: Bool, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let value = try reader.expression(
      object["additionalProperties"] ?? true, at: path + ".additionalProperties")
    return isShared && value != .nothing ? .rule(reader.json.grammar.add("value", value)) : value
  }

  /// The value of a key that the schemas of these patterns are about; nil without any.
  private static func value(
    of schemas: [Placed<JSONValue>], at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression? {
    schemas.isEmpty ? nil : try reader.expression(ofAll: schemas, at: path + ".patternProperties")
  }

  /// - Parameter additional: the value of a key that no pattern matches; nil when there is no such key
  private mutating func addExtra(
    _ keys: SchemaKeys, additional: GrammarExpression?, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) {
    var member = try keys.member(&reader) { (schemas, reader) throws(GrammarError) in
      try Self.value(of: schemas, at: path, &reader) ?? additional
    }
    if member == nil, let additional {
      let key = try KeyGrammar.key(except: properties.map(\.name), &reader)
      member = reader.json.member(key: key, value: additional)
    }
    extra = member.map { .rule(reader.json.grammar.add("member", $0)) }
  }
}
