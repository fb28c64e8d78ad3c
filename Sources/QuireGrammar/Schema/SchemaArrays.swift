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
    let (minimum, maximum) = try reader.counts("minItems", "maxItems", of: object, at: path)
    if let unique = object["uniqueItems"], unique != .bool(false),
      unique != .bool(true) || maximum ?? .max > 1
    {
      throw reader.unsupported(
        "uniqueItems", path, because: "no 'uniqueItems' for arrays that may have several elements")
    }
    let elements = try Elements(of: object, at: path, reader)
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
      rest = .repetition(
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
