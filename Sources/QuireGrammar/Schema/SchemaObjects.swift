import QuireJSON

/// Objects of schemas.
enum SchemaObjects {
  static func expression(
    _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let (minimum, maximum) = try reader.counts("minProperties", "maxProperties", of: object, at: path)
    let members = try SchemaMembers(of: object, at: path, &reader)
    let (properties, extra) = (members.properties, members.extra)
    // Keys that no property names may be the same.
    guard minimum <= properties.count + (extra == nil ? 0 : 1) else {
      if extra == nil && object["additionalProperties"] == false { return .nothing }
      throw reader.unsupported(
        "minProperties", path,
        because:
          "minProperties at most the number of properties that are named, and one where others are allowed")
    }
    if properties.isEmpty {
      return reader.json.braces(
        extra.map { reader.json.list($0, minimum: minimum, maximum: maximum) } ?? .empty)
    }
    guard maximum.map({ extra == nil && $0 >= properties.count }) ?? true else {
      throw reader.unsupported("maxProperties", path, because: "no count of properties next to 'properties'")
    }
    // bounded: each count by the limit of visits
    let missing = max(0, minimum - properties.count(where: \.isRequired))
    try reader.visit(properties.count * min(missing, GrammarLimits.schemaVisitMaximum))
    return reader.json.braces(chain(properties, extra: extra, missing: missing, &reader))
  }

  /// The members, in order, as rules for each: the members from there on, of which the first is written or left out.
  /// Each rule is used last in another one, so that no stack grows with the number of properties.
  ///
  /// - Parameter missing: members that there are at least, besides those that are required
  private static func chain(
    _ properties: [SchemaMembers.Property], extra: GrammarExpression?, missing: Int,
    _ reader: inout SchemaReader
  ) -> GrammarExpression {
    let comma = reader.json.comma
    /// By the number of missing members, the members that may be the first one here; nil for none.
    var members = [GrammarExpression?](repeating: nil, count: missing + 1)
    if let extra {
      let several = GrammarExpression.rule(
        reader.json.grammar.add("members", .sequence([extra, .anyNumber(.sequence([comma, extra]))])))
      for count in 0...min(1, missing) { members[count] = several }
    }
    var isRequired = false
    for property in properties.reversed() {
      var longer = members
      for count in 0...missing {
        let restCount = property.isRequired ? count : max(0, count - 1)
        var alternatives: [GrammarExpression] = []
        if let rest = members[restCount] {
          let further = GrammarExpression.sequence([comma, rest])
          let canEnd = !isRequired && restCount == 0
          alternatives.append(.sequence([property.member, canEnd ? .optional(further) : further]))
        } else if !isRequired && restCount == 0 {
          alternatives.append(property.member)
        }
        if !property.isRequired, let members = members[count] { alternatives.append(members) }
        longer[count] =
          alternatives.isEmpty ? nil : .rule(reader.json.grammar.add("members", .choice(alternatives)))
      }
      members = longer
      isRequired = isRequired || property.isRequired
    }
    guard let all = members[missing] else { return .nothing }
    let list = GrammarExpression.sequence([all, reader.json.space])
    return isRequired || missing > 0 ? list : .optional(list)
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
