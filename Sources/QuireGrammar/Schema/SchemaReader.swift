import Foundation
import QuireJSON

/// Reads a JSON Schema as a grammar of the values that it allows.
///
/// | keyword | what it does |
/// |---|---|
/// | `type` (one or a list), `nullable`, `const`, `enum` | as specified; next to the last two, bounds of numbers and lengths, `pattern`, `format` and `multipleOf` too |
/// | `properties`, `required` | members in the order of `properties`; others may follow where the next line says so |
/// | `additionalProperties` | `true` or a schema allows more members; absent means none but `properties` |
/// | `propertyNames` | an `enum`, whose strings become properties, or what strings are held to below |
/// | `patternProperties` | also next to other properties; a value satisfies the schemas of all patterns that its key matches |
/// | `minProperties` | each named property counts, and all others as one, as their keys may be the same |
/// | `maxProperties` | each member counts |
/// | `unevaluatedProperties`, `unevaluatedItems` | `false` |
/// | `dependentRequired` | as specified |
/// | `items`, `prefixItems`, `minItems`, `maxItems` | as specified; nothing after `prefixItems` without `items`. A list in `items` is read as `prefixItems`, then `additionalItems` as `items` |
/// | `uniqueItems` | next to `maxItems` of at most 1, or for items of at most 10 values in `enum`, in any order |
/// | `minLength`, `maxLength` | as specified; next to `pattern` or `format` each repetition gets a share of the length, see `StringLength` |
/// | `pattern`, `format` | next to a pattern in the same schema, `format` is not held; formats of `StringFormat`, and Base64. Those of schemas that hold together are held exactly, lengths too |
/// | `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum` | as specified, or booleans as in draft 4; next to them numbers have no exponents, and next to one with a fraction at most 15 digits. Those beyond all numbers that are written exclude nothing |
/// | `multipleOf` | as specified, see `SteppedNumbers`; numbers are written without exponents |
/// | `anyOf`, `oneOf` | one of the schemas; that others of `oneOf` do not match is only checked of those that just require one property |
/// | `allOf` | the schemas put together, where each keyword can be |
/// | `$ref`, `$defs`, `definitions` | references into the schema itself, also recursive ones |
/// | `title`, `description`, `default`, `examples` … | ignored |
///
/// Any other keyword is refused by name, so that an answer is never looser than its schema, but for `oneOf` and a
/// `format` next to a pattern. Values without a `type` get the types that their keywords are about. Keys of one object
/// are different where `properties` names them; free objects may repeat a key.
struct SchemaReader {
  var json: JSONGrammar
  private let root: JSONValue
  /// What the schema is called in sentences.
  let name: String
  private var references: [UTF8Key: Int] = [:]
  private var origins = SchemaOrigins()
  private var visitCount = 0
  private var depth = 0

  static func grammar(of schema: JSONValue) throws(GrammarError) -> Grammar {
    var json = JSONGrammar()
    json.grammar.root = try root(of: schema, in: &json)
    return json.grammar
  }

  /// The values of a schema as a part of a larger grammar.
  static func root(
    of schema: JSONValue, in json: inout JSONGrammar
  ) throws(GrammarError) -> GrammarExpression {
    var reader = SchemaReader(json: json, root: schema, name: "schema")
    let root = try reader.reference("#", at: "")
    json = reader.json
    return root
  }

  init(json: JSONGrammar, root: JSONValue, name: String) {
    self.json = json
    self.root = root
    self.name = name
  }

  /// The values of the whole schema that are objects. Throws when there are none.
  mutating func argumentsObject() throws(GrammarError) -> GrammarExpression {
    guard case .object(let object) = root, !object.isEmpty else { return json.object }
    guard var flat = try flattened(object, at: "") else { throw noArguments("a schema without values") }
    if let type = flat["type"], type.arrayValue?.contains("object") != true {
      throw noArguments(String((object["type"] ?? type).serialized().prefix(40)))
    }
    flat["type"] = ["object"]
    flat["nullable"] = nil
    let arguments = try values(of: flat, at: "")
    if arguments == .nothing { throw noArguments("a schema without objects") }
    return arguments
  }

  private func noArguments(_ found: String) -> GrammarError {
    error(
      "", expected: "the type \"object\", because arguments are members of one object", found: found,
      advice: "correct it", keyword: "type")
  }

  // MARK: Errors and limits

  func error(
    _ path: String, expected: String, found: String, advice: String, keyword: String? = nil
  ) -> GrammarError {
    GrammarError(
      subject(path, keyword: keyword), expected: expected, found: found, advice: advice, keyword: keyword)
  }

  /// What the schema at a path is called in sentences: by the path at which the user wrote the keyword.
  func subject(_ path: String, keyword: String?) -> String {
    name + origins.written(path, keyword: keyword)
  }

  /// Notes what a part of a merged schema was before.
  mutating func note(_ path: String, from origin: String) throws(GrammarError) {
    if path == origin { return }
    try visit(1 + path.utf8.count / 64)
    origins.note(path, from: origin)
  }

  func unsupported(_ keyword: String, _ path: String, because reason: String? = nil) -> GrammarError {
    error(
      path, expected: reason ?? "keywords that answers can be held to", found: "'\(keyword)'",
      advice: "remove or rewrite it", keyword: keyword)
  }

  func noSchema(_ found: JSONValue, _ path: String) -> GrammarError {
    error(
      path, expected: "a schema, which is an object or a boolean", found: found.kindDescription,
      advice: "correct it")
  }

  /// Counts work; throws at the limit.
  mutating func visit(_ count: Int = 1) throws(GrammarError) {
    // bounded: both by the limit
    visitCount += min(count, GrammarLimits.schemaVisitMaximum)
    guard visitCount <= GrammarLimits.schemaVisitMaximum else {
      throw GrammarError(
        """
        \(name): expected at most \(GrammarLimits.schemaVisitMaximum) schemas, properties, values and states of \
        patterns, references followed, found more; make it smaller
        """)
    }
  }

  // MARK: Schemas

  /// The values that a schema allows.
  mutating func expression(_ schema: JSONValue, at path: String) throws(GrammarError) -> GrammarExpression {
    defer { depth -= 1 }
    try enter(path)
    try visit()
    switch schema {
    case .bool(let isAllowed): return isAllowed ? json.value : .nothing
    case .object(let object):
      if let reference = object["$ref"], SchemaKeywords.constraints(of: object) == ["$ref"] {
        guard let pointer = reference.stringValue else { throw unsupported("$ref", path) }
        try visit(reference)
        return try self.reference(pointer, at: path)
      }
      guard let flat = try flattened(object, at: path) else { return .nothing }
      return try values(of: flat, at: path)
    default: throw noSchema(schema, path)
    }
  }

  private mutating func enter(_ path: String) throws(GrammarError) {
    depth += 1
    guard depth <= GrammarLimits.depthMaximum else {
      throw error(
        path, expected: "at most \(GrammarLimits.depthMaximum) nested schemas", found: "more",
        advice: "use $ref for recursive ones")
    }
  }

  /// The values that a flat schema allows.
  private mutating func values(of flat: JSONObject, at path: String) throws(GrammarError) -> GrammarExpression
  {
    for keyword in ["anyOf", "oneOf"] {
      if let branches = flat[keyword] { return try choice(keyword, branches, of: flat, at: path) }
    }
    return try SchemaTypes.expression(flat, at: path, &self)
  }

  private mutating func choice(
    _ keyword: String, _ branches: JSONValue, of object: JSONObject, at path: String
  ) throws(GrammarError) -> GrammarExpression {
    guard let branches = branches.arrayValue, !branches.isEmpty else {
      throw error(
        path, expected: "a list of schemas in \(keyword)", found: branches.kindDescription,
        advice: "correct it",
        keyword: keyword)
    }
    var rest = object
    rest[keyword] = nil
    var parts: [GrammarExpression] = []
    for (index, branch) in branches.enumerated() {
      let branchPath = "\(path).\(keyword)[\(index)]"
      var own = rest
      if keyword == "oneOf" {
        guard let excluding = try excluding(branches, but: index, of: rest, at: path) else { continue }
        own = excluding
      }
      if own.isEmpty {
        parts.append(try expression(branch, at: branchPath))
      } else if let both = try self.branch(branch, with: Placed(own, at: path), at: branchPath) {
        parts.append(both)
      }
    }
    return .choice(parts)
  }

  /// The keywords next to `oneOf`, and for one of its branches that no other one holds which only requires a property.
  /// Nil when they contradict each other.
  private mutating func excluding(
    _ branches: [JSONValue], but index: Int, of rest: JSONObject, at path: String
  ) throws(GrammarError) -> JSONObject? {
    try visit(branches.count)
    var absent = JSONObject()
    for (other, branch) in branches.enumerated() where other != index {
      guard let branch = branch.objectValue, SchemaKeywords.constraints(of: branch) == ["required"],
        let names = branch["required"]?.arrayValue, names.count == 1, let name = names[0].stringValue
      else { continue }
      // What is not named is not there anyway.
      let isNamed = rest["properties"]?[name] != nil || rest["additionalProperties"] != false
      if isNamed { absent[name] = false }
    }
    if absent.isEmpty { return rest }
    return try merged(
      Placed(rest, at: path), Placed(["properties": .object(absent)], at: path), into: path)
  }

  /// The values of one branch that the keywords next to the branches allow, too; nil when both contradict each other.
  private mutating func branch(
    _ branch: JSONValue, with rest: Placed<JSONObject>, at path: String
  ) throws(GrammarError) -> GrammarExpression? {
    defer { depth -= 1 }
    try enter(path)
    try visit()
    guard let flat = try flattened(branch, at: path),
      let both = try merged(rest, Placed(SchemaKeywords.closed(flat), at: path), into: path)
    else { return nil }
    return try values(of: both, at: path)
  }

  /// The values that all of several schemas allow, which are read at `path` together.
  mutating func expression(
    ofAll schemas: [Placed<JSONValue>], at path: String
  ) throws(GrammarError) -> GrammarExpression {
    if schemas.count == 1 { return try expression(schemas[0].value, at: schemas[0].path) }
    defer { depth -= 1 }
    try enter(path)
    guard let flat = try flattened(schemas, onto: JSONObject(), at: path) else { return .nothing }
    return try values(of: flat, at: path)
  }

  /// The automaton of several conditions on texts. Its states and the work on it count as visits: each has limits of its
  /// own, and a schema may ask for thousands.
  mutating func automaton(
    of conditions: [TextCondition], _ keyword: String, at path: String
  ) throws(GrammarError) -> ScalarAutomaton {
    let automaton: ScalarAutomaton
    do throws(ScalarAutomaton.TooLarge) {
      automaton = try ScalarAutomaton(conditions)
    } catch {
      throw self.error(
        path,
        expected: "expressions in '\(keyword)' that \(GrammarLimits.automatonStatesMaximum) states can match",
        found: "some that need more", advice: "use simpler ones", keyword: keyword)
    }
    try visit(automaton.states.count + automaton.workCount / Self.automatonWorkPerVisit)
    return automaton
  }

  private static let automatonWorkPerVisit = 256

  // MARK: References

  /// The rule of a schema that a pointer names.
  private mutating func reference(_ pointer: String, at path: String) throws(GrammarError)
    -> GrammarExpression
  {
    if let known = references[UTF8Key(pointer)] { return .rule(known) }
    let target = try target(of: pointer, at: path)
    let rule = json.grammar.declare(pointer)
    references[UTF8Key(pointer)] = rule
    json.grammar.define(rule, try expression(target, at: Self.path(of: pointer)))
    return .rule(rule)
  }

  /// The path of the schema that a pointer names, for sentences.
  static func path(of pointer: String) -> String {
    pointer == "#" ? "" : ".\(shortened(pointer).dropFirst(2).replacing("/", with: "."))"
  }

  /// A key as a part of paths, which are made for each schema: long ones are cut.
  static func shortened(_ key: String) -> String {
    key.utf8.count <= 80 ? key : String(String.UnicodeScalarView(key.unicodeScalars.prefix(80)))
  }

  func target(of pointer: String, at path: String) throws(GrammarError) -> JSONValue {
    guard pointer == "#" || pointer.hasPrefix("#/") else {
      throw error(
        path, expected: "a $ref into the schema itself, such as #/$defs/name",
        found: "'\(pointer.prefix(80))'",
        advice: "copy what it names into $defs", keyword: "$ref")
    }
    var value = root
    for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      // RFC 6901, section 6: the percent escapes of the URI first, then those of the pointer.
      let decoded = part.removingPercentEncoding ?? String(part)
      let key = decoded.replacing("~1", with: "/").replacing("~0", with: "~")
      let index = CheckedCount(digits: key.utf8).value
      guard let next = value[key] ?? index.flatMap({ value[$0] }) else {
        throw error(
          path, expected: "a $ref to a schema that is there", found: "'\(pointer.prefix(80))'",
          advice: "define it or correct the reference", keyword: "$ref")
      }
      value = next
    }
    return value
  }
}
