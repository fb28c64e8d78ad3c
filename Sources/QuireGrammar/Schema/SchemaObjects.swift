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
    let requiredCount = properties.count(where: \.isRequired)
    var optional = OptionalCount(missing: max(0, minimum - requiredCount))
    if let maximum, extra != nil || maximum < properties.count {
      guard maximum >= requiredCount else { return .nothing }
      optional.limit = maximum - requiredCount
    }
    // bounded: each count by the limit of visits
    try reader.visit((properties.count + 1) * min(optional.top, GrammarLimits.schemaVisitMaximum))
    return reader.json.braces(chain(properties, extra: extra, optional, &reader))
  }

  /// Members besides those that are required: at least `missing`, at most `limit`.
  private struct OptionalCount {
    let missing: Int
    var limit: Int?

    /// Counts from 0 to it are told apart.
    var top: Int { limit ?? missing }

    /// The count after one more; nil when there are too many.
    func next(_ count: Int) -> Int? { count < top ? count + 1 : limit == nil ? count : nil }
  }

  /// The members, in order, as rules for each and for each count of optional members before it: the members from there
  /// on, of which the first is written or left out. Each rule is used last in another one, so that no stack grows with
  /// the number of properties.
  private static func chain(
    _ properties: [SchemaMembers.Property], extra: GrammarExpression?, _ optional: OptionalCount,
    _ reader: inout SchemaReader
  ) -> GrammarExpression {
    let comma = reader.json.comma
    /// By the number of optional members so far, the members that may be the first one here; nil for none.
    var members = extras(extra, optional, &reader)
    var isRequired = false
    for property in properties.reversed() {
      var longer = members
      // Each count has the member again.
      let member =
        optional.top == 0
        ? property.member : .rule(reader.json.grammar.add("member", property.member))
      for count in 0...optional.top {
        var alternatives: [GrammarExpression] = []
        if let next = property.isRequired ? count : optional.next(count) {
          let canEnd = !isRequired && next >= optional.missing
          if let rest = members[next] {
            let further = GrammarExpression.sequence([comma, rest])
            alternatives.append(.sequence([member, canEnd ? .optional(further) : further]))
          } else if canEnd {
            alternatives.append(member)
          }
        }
        if !property.isRequired, let members = members[count] { alternatives.append(members) }
        longer[count] =
          alternatives.isEmpty ? nil : .rule(reader.json.grammar.add("members", .choice(alternatives)))
      }
      members = longer
      isRequired = isRequired || property.isRequired
    }
    let canBeEmpty = !isRequired && optional.missing == 0
    guard let all = members[0] else { return canBeEmpty ? .empty : .nothing }
    let list = GrammarExpression.sequence([all, reader.json.space])
    return canBeEmpty ? .optional(list) : list
  }

  /// The members that no property names, by the number of optional members before them. They count as one of those that
  /// are missing, as their keys may be the same, and as many as they are where there is a limit.
  private static func extras(
    _ extra: GrammarExpression?, _ optional: OptionalCount, _ reader: inout SchemaReader
  ) -> [GrammarExpression?] {
    var extras = [GrammarExpression?](repeating: nil, count: optional.top + 1)
    guard let extra else { return extras }
    let comma = reader.json.comma
    if optional.limit == nil {
      let several = GrammarExpression.sequence([extra, .anyNumber(.sequence([comma, extra]))])
      let rule = GrammarExpression.rule(reader.json.grammar.add("members", several))
      extras = extras.map { _ in rule }
    } else {
      for count in (0..<optional.top).reversed() {
        let further = extras[count + 1].map { GrammarExpression.optional(.sequence([comma, $0])) } ?? .empty
        extras[count] = .rule(reader.json.grammar.add("members", .sequence([extra, further])))
      }
    }
    for count in extras.indices where optional.missing - count > 1 { extras[count] = nil }
    return extras
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
