import QuireJSON

/// Arrays of schemas.
enum SchemaArrays {
  /// The schemas of an array's elements by position.
  struct Elements {
    let prefix: [JSONValue]
    /// The keyword that lists the schemas of `prefix`.
    let prefixKeyword: String
    /// The schema of elements after `prefix`; nil when the keyword is not there.
    let items: Placed<JSONValue?>
    private let path: String

    /// Throws when `prefixItems` is no list, or `items` is one next to it.
    init(of object: JSONObject, at path: String, _ reader: SchemaReader) throws(GrammarError) {
      self.path = path
      let (prefix, items) = (object["prefixItems"], object["items"])
      if case .array(let list)? = items {
        guard prefix == nil else {
          throw reader.unsupported("items", path, because: "one schema in items next to prefixItems")
        }
        // A list, as in versions of JSON Schema before 2020-12; other elements follow `additionalItems`.
        (self.prefix, prefixKeyword) = (list, "items")
        self.items = Placed(object["additionalItems"], at: path + ".additionalItems")
        return
      }
      guard let list = (prefix ?? .array([])).arrayValue else {
        throw reader.unsupported("prefixItems", path, because: "a list of schemas in prefixItems")
      }
      (self.prefix, prefixKeyword) = (list, "prefixItems")
      self.items = Placed(items, at: path + ".items")
    }

    var isFree: Bool { prefix.isEmpty && items.value == nil }

    func schema(at index: Int) -> Placed<JSONValue?> {
      index < prefix.count ? Placed(prefix[index], at: "\(path).\(prefixKeyword)[\(index)]") : items
    }
  }

  static func expression(
    _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let (minimum, maximum) = try reader.counts(
      "minItems", "maxItems", of: object, atMost: GrammarLimits.lengthMaximum, at: path)
    let elements = try Elements(of: object, at: path, reader)
    if let unique = object["uniqueItems"], unique != .bool(false),
      unique != .bool(true) || maximum ?? .max > 1
    {
      guard unique == .bool(true), let values = try listed(elements, &reader) else {
        throw reader.unsupported(
          "uniqueItems", path,
          because: "no 'uniqueItems' for arrays that may have several elements, but those whose items are "
            + "at most \(listedCountMaximum) values in 'enum'")
      }
      return arrangements(of: values, minimum: minimum, maximum: maximum, &reader)
    }
    if elements.prefix.isEmpty {
      let item = try reader.expression(elements.items.value ?? true, at: elements.items.path)
      if maximum == 0 { return reader.json.brackets(.empty) }
      // A rule, so that copies are small.
      let rule = reader.json.grammar.add("item", item)
      let list = reader.json.list(.rule(rule), minimum: minimum, maximum: maximum)
      return reader.json.brackets(minimum == 0 && item == .nothing ? .empty : list)
    }
    return try tuple(elements, minimum: minimum, maximum: maximum, at: path, &reader)
  }

  /// Values that an array without repeated ones may be of: its rules are as many as the sets of them.
  private static let listedCountMaximum = 10

  /// The different values that each element may be; nil when there are too many, or no list gives them.
  private static func listed(
    _ elements: Elements, _ reader: inout SchemaReader
  ) throws(GrammarError) -> [JSONValue]? {
    guard elements.prefix.isEmpty, let items = elements.items.value,
      let flat = try reader.flattened(items, at: elements.items.path),
      flat["anyOf"] == nil, flat["oneOf"] == nil,
      let values = try SchemaTypes.constants(of: flat, at: elements.items.path, &reader)
    else { return nil }
    var known: Set<[UInt8]> = []
    let different = values.filter { known.insert(SchemaValue.key($0)).inserted }
    return different.count <= listedCountMaximum ? different : nil
  }

  /// Arrays of `minimum` to `maximum` of the values in any order, each at most once.
  private static func arrangements(
    of values: [JSONValue], minimum: Int, maximum: Int?, _ reader: inout SchemaReader
  ) -> GrammarExpression {
    let constants = values.map { reader.json.grammar.add("item", reader.json.constant($0)) }
    let (space, comma) = (reader.json.space, reader.json.comma)
    // The rest of an array by the set of the values in it, a bit for each.
    let rests = (0..<1 << values.count).map { _ in reader.json.grammar.declare("rest") }
    for (set, rest) in rests.enumerated() {
      let count = set.nonzeroBitCount
      var parts: [GrammarExpression] = count < minimum ? [] : [count == 0 ? .empty : space]
      for (index, constant) in constants.enumerated()
      where set & 1 << index == 0 && count < maximum ?? .max {
        let further = [GrammarExpression.rule(constant), .rule(rests[set | 1 << index])]
        parts.append(.sequence(count == 0 ? further : [comma] + further))
      }
      reader.json.grammar.define(rest, .choice(parts))
    }
    return reader.json.brackets(.rule(rests[0]))
  }

  /// From the last element to the first: each is followed by the rest, or by nothing once there are enough.
  private static func tuple(
    _ elements: Elements, minimum: Int, maximum: Int?, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let prefix = elements.prefix
    let comma = reader.json.comma
    let count = min(prefix.count, maximum ?? .max)
    var rest = GrammarExpression.empty
    if let items = elements.items.value, maximum ?? .max > prefix.count {
      let item = reader.json.grammar.add("item", try reader.expression(items, at: elements.items.path))
      rest = reader.json.repetition(
        .sequence([comma, .rule(item)]), minimum: max(0, minimum - prefix.count),
        maximum: maximum.map { $0 - prefix.count })
    } else if minimum > count {
      throw reader.error(
        path, expected: "minItems at most the number of prefixItems", found: "\(minimum)",
        advice: "add items, or correct it", keyword: "minItems")
    }
    if count == 0 {
      return reader.json.brackets(.empty)
    }
    for index in (0..<count).reversed() {
      let element = try reader.expression(
        prefix[index], at: "\(path).\(elements.prefixKeyword)[\(index)]")
      let tail = reader.json.grammar.add("elements", .sequence([element, rest]))
      let all = GrammarExpression.rule(tail)
      if index == 0 {
        let list = GrammarExpression.sequence([all, reader.json.space])
        return reader.json.brackets(minimum == 0 ? .optional(list) : list)
      }
      let further = GrammarExpression.sequence([comma, all])
      rest = index >= minimum ? .optional(further) : further
    }
    return reader.json.brackets(.empty)
  }
}
