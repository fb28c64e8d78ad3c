import QuireJSON

/// What `propertyNames` and `patternProperties` say about the keys of an object.
///
/// Keys are read by one automaton, which knows for each text which patterns match it: a key that several match has a
/// value that all their schemas allow.
struct SchemaKeys {
  /// The only keys that there may be, in this order; nil for all.
  private(set) var listed: [String]?
  private var listedNames: Set<UTF8Key>?
  /// The schemas of `patternProperties`.
  private var patterns: [Placed<JSONValue>] = []
  /// Conditions of `propertyNames`, all of which a key satisfies.
  private var conditionCount = 0
  /// Tells for a text: those conditions, the patterns, and whether it is one of `names`. Nil when all keys are alike.
  private var automaton: ScalarAutomaton?

  /// - Parameter names: keys that the schema names elsewhere
  init(
    of object: JSONObject, names: [String], at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) {
    var conditions = try readConditions(of: object, at: path, &reader)
    conditionCount = conditions.count
    conditions += try readPatterns(of: object, at: path, &reader)
    listedNames = listed.map { Set($0.map { UTF8Key($0) }) }
    if conditions.isEmpty { return }
    for name in names { try reader.visit(1 + name.utf8.count / 64) }
    conditions.append(.expression(.choice(names.map(GrammarExpression.text))))
    let keyword = hasPatterns ? "patternProperties" : "propertyNames"
    automaton = try reader.automaton(of: conditions, keyword, at: path)
  }

  var hasPatterns: Bool { !patterns.isEmpty }

  /// Reads `propertyNames`: a list of keys, or conditions on all keys.
  private mutating func readConditions(
    of object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> [TextCondition] {
    guard let names = object["propertyNames"] else { return [] }
    let namesPath = path + ".propertyNames"
    guard var flat = try reader.flattened(names, at: namesPath), Self.takesStrings(&flat) else {
      listed = []
      return []
    }
    if let values = try SchemaTypes.constants(of: flat, at: namesPath, &reader) {
      listed = values.compactMap(\.stringValue)
      return []
    }
    guard flat.keys.allSatisfy(SchemaScalars.textKeywords.contains) else {
      throw reader.unsupported(
        "propertyNames", path, because: "only type, enum, pattern, format and lengths in propertyNames")
    }
    return try SchemaScalars.conditions(of: flat, at: namesPath, &reader)
  }

  /// Removes `type`, as keys are strings; false when it excludes them.
  private static func takesStrings(_ flat: inout JSONObject) -> Bool {
    let type = flat["type"]
    flat["type"] = nil
    flat["nullable"] = nil
    return type?.arrayValue?.contains("string") ?? true
  }

  private mutating func readPatterns(
    of object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> [TextCondition] {
    guard let value = object["patternProperties"] else { return [] }
    guard let schemas = value.objectValue else {
      throw reader.unsupported(
        "patternProperties", path, because: "an object of schemas in patternProperties")
    }
    var conditions: [TextCondition] = []
    for member in schemas.members {
      let schemaPath = "\(path).patternProperties.\(SchemaReader.shortened(member.key))"
      patterns.append(Placed(member.value, at: schemaPath))
      conditions += try SchemaScalars.conditions(
        of: ["pattern": .string(member.key)], at: path + ".patternProperties", &reader)
    }
    return conditions
  }

  // MARK: What a key may have

  /// The schemas of the patterns that match a name; nil for a name that is no key.
  func schemas(of name: String) -> [Placed<JSONValue>]? {
    guard listedNames?.contains(UTF8Key(name)) ?? true else { return nil }
    return automaton.map { schemas(of: $0.satisfied(by: name)) } ?? []
  }

  private func schemas(of satisfied: [Bool]) -> [Placed<JSONValue>]? {
    guard satisfied.prefix(conditionCount).allSatisfy({ $0 }) else { return nil }
    return zip(patterns, satisfied.dropFirst(conditionCount)).filter(\.1).map(\.0)
  }

  /// A member whose key is none of the names; nil when all keys are alike.
  ///
  /// - Parameter value: the value of a key that these schemas are about; nil for none
  func member(
    _ reader: inout SchemaReader,
    value: ([Placed<JSONValue>], inout SchemaReader) throws(GrammarError) -> GrammarExpression?
  ) throws(GrammarError) -> GrammarExpression? {
    guard let automaton else { return nil }
    var endings: [[Bool]: GrammarExpression] = [:]
    for state in automaton.states where endings[state.satisfied] == nil && state.satisfied.last == false {
      guard let schemas = schemas(of: state.satisfied), let value = try value(schemas, &reader),
        value != .nothing
      else { continue }
      let rule = GrammarExpression.rule(reader.json.grammar.add("value", value))
      endings[state.satisfied] = reader.json.member(key: .text("\""), value: rule)
    }
    return .sequence([.text("\""), reader.json.text(automaton) { endings[$0] }])
  }
}
