import QuireJSON

/// Objects of schemas.
enum SchemaObjects {
  private struct Property {
    let name: String
    let member: GrammarExpression
    let isRequired: Bool
  }

  static func expression(
    _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let (minimum, maximum) = try reader.counts("minProperties", "maxProperties", of: object, at: path)
    let properties = try self.properties(of: object, at: path, &reader)
    var additional = object["additionalProperties"]
    if additional == nil && properties.isEmpty { additional = .bool(true) }
    var extra: GrammarExpression?
    if let additional, additional != .bool(false) {
      let value = try reader.expression(additional, at: path + ".additionalProperties")
      let key = try KeyGrammar.key(except: properties.map(\.name), &reader)
      let rule = reader.json.grammar.add("member", reader.json.member(key: key, value: value))
      extra = .rule(rule)
    }
    if properties.isEmpty {
      let list = extra.map { reader.json.list($0, minimum: minimum, maximum: maximum) }
      if extra == nil && minimum > 0 { return .nothing }
      return reader.json.braces(list ?? .empty)
    }
    let requiredCount = properties.count(where: \.isRequired)
    guard minimum <= requiredCount, maximum.map({ extra == nil && $0 >= properties.count }) ?? true else {
      let keyword = minimum > requiredCount ? "minProperties" : "maxProperties"
      throw reader.unsupported(keyword, path, because: "no count of properties next to 'properties'")
    }
    return reader.json.braces(chain(properties, extra: extra, &reader))
  }

  private static func properties(
    of object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> [Property] {
    var required: [String] = []
    if let names = object["required"] {
      guard let list = names.arrayValue, list.allSatisfy({ $0.stringValue != nil }) else {
        throw reader.unsupported("required", path, because: "a list of names in required")
      }
      required = list.compactMap(\.stringValue)
    }
    guard let schemas = (object["properties"] ?? .object(JSONObject())).objectValue else {
      throw reader.unsupported("properties", path, because: "an object of schemas in properties")
    }
    let requiredNames = Set(required.map { Array($0.utf8) })
    try reader.visit(required.count)
    var properties: [Property] = []
    for member in schemas.members {
      let value = try reader.expression(member.value, at: "\(path).properties.\(member.key)")
      let isRequired = requiredNames.contains(Array(member.key.utf8))
      properties.append(property(member.key, value, isRequired: isRequired, reader))
    }
    var known = Set(schemas.keys.map { Array($0.utf8) })
    for name in required where known.insert(Array(name.utf8)).inserted {
      let additional = object["additionalProperties"] ?? .bool(true)
      let value = try reader.expression(additional, at: "\(path).additionalProperties")
      properties.append(property(name, value, isRequired: true, reader))
    }
    return properties
  }

  private static func property(
    _ name: String, _ value: GrammarExpression, isRequired: Bool, _ reader: SchemaReader
  ) -> Property {
    let key = GrammarExpression.literal(JSONGrammar.literalBytes(.string(name)))
    return Property(
      name: name, member: reader.json.member(key: key, value: value), isRequired: isRequired)
  }

  /// The members, in order, as one rule for each: the members from there on, of which the first is written or left out.
  /// Each rule is used last in another one, so that no stack grows with the number of properties.
  private static func chain(
    _ properties: [Property], extra: GrammarExpression?, _ reader: inout SchemaReader
  ) -> GrammarExpression {
    let comma = reader.json.comma
    /// The members that may be the first one here; nil for none.
    var members = extra.map { extra in
      GrammarExpression.rule(
        reader.json.grammar.add("members", .sequence([extra, .anyNumber(.sequence([comma, extra]))])))
    }
    var isRequired = false
    for property in properties.reversed() {
      var rest = GrammarExpression.empty
      if let members {
        let further = GrammarExpression.sequence([comma, members])
        rest = isRequired ? further : .optional(further)
      }
      let present = GrammarExpression.sequence([property.member, rest])
      var alternatives = [present]
      if !property.isRequired, let members { alternatives.append(members) }
      members = .rule(reader.json.grammar.add("members", .choice(alternatives)))
      isRequired = isRequired || property.isRequired
    }
    guard let members else { return .empty }
    let all = GrammarExpression.sequence([members, reader.json.space])
    return isRequired ? all : .optional(all)
  }
}

/// Keys of members that no property names.
enum KeyGrammar {
  /// A string that is none of the names, written without escapes. A trie of the names, one rule for each of its nodes.
  static func key(except names: [String], _ reader: inout SchemaReader) throws(GrammarError)
    -> GrammarExpression
  {
    if names.isEmpty { return reader.json.string }
    let plain = GrammarExpression.scalars(JSONGrammar.plainCharacters)
    let quote = GrammarExpression.text("\"")
    let tail = reader.json.grammar.add("key", .sequence([.anyNumber(plain), quote]))
    var children: [[UInt32: Int]] = [[:]]
    var isName = [false]
    for name in names {
      try reader.visit(name.unicodeScalars.count)
      var node = 0
      for scalar in name.unicodeScalars {
        if let child = children[node][scalar.value] {
          node = child
        } else {
          children[node][scalar.value] = children.count
          node = children.count
          children.append([:])
          isName.append(false)
        }
      }
      isName[node] = true
    }
    let rules = children.map { _ in reader.json.grammar.declare("key") }
    for node in children.indices {
      let used = ScalarSet(children[node].keys.map { $0...$0 })
      var parts: [GrammarExpression] = [
        .sequence([.scalars(JSONGrammar.plainCharacters.subtracting(used)), .rule(tail)])
      ]
      for (value, child) in children[node].sorted(by: { $0.key < $1.key }) {
        guard let scalar = Unicode.Scalar(value), JSONGrammar.plainCharacters.contains(scalar) else {
          continue
        }
        parts.append(.sequence([.scalars(ScalarSet(scalar)), .rule(rules[child])]))
      }
      if !isName[node] { parts.append(quote) }
      reader.json.grammar.define(rules[node], .choice(parts))
    }
    return .sequence([quote, .rule(rules[0])])
  }
}
