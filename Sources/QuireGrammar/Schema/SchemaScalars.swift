import QuireJSON

/// Strings and numbers of schemas.
enum SchemaScalars {
  static func string(
    _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let length = try reader.counts(
      "minLength", "maxLength", of: object, atMost: GrammarLimits.lengthMaximum, at: path)
    let format = try formatExpression(of: object, at: path, reader)
    // Schemas that hold together may have several patterns, or a pattern and a format.
    let patterns = patterns(of: object)
    if patterns.count + (format == nil ? 0 : 1) > 1 { return try common(object, at: path, &reader) }
    if let pattern = patterns.first ?? format {
      let keyword = format == nil ? "pattern" : "format"
      if let string = try matching(pattern, length, keyword: keyword, at: path, &reader) { return string }
      return try common(object, at: path, &reader)
    }
    guard object["minLength"] != nil || object["maxLength"] != nil else { return reader.json.string }
    let (minimum, maximum) = length
    let name = "string of \(minimum) to \(maximum.map { "\($0)" } ?? "any number")"
    if let known = reader.json.known(name) { return known }
    let characters = reader.json.repetition(reader.json.character, minimum: minimum, maximum: maximum)
    return reader.json.share(name, .sequence([quote, characters, quote]))
  }

  /// What a schema may say about a text.
  static let textKeywords: Set<String> = ["minLength", "maxLength", "pattern", "format"]

  /// What each of these keywords says about a text.
  static func conditions(
    of object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> [TextCondition] {
    var conditions: [TextCondition] = []
    for pattern in patterns(of: object) {
      conditions.append(try texts(of: pattern, among: .scalars(.all), keyword: "pattern", at: path, reader))
    }
    if let format = try formatExpression(of: object, at: path, reader) {
      conditions.append(try texts(of: format, among: .scalars(.all), keyword: "format", at: path, reader))
    }
    if object["minLength"] != nil || object["maxLength"] != nil {
      let (minimum, maximum) = try reader.counts(
        "minLength", "maxLength", of: object, atMost: GrammarLimits.lengthMaximum, at: path)
      // A larger count takes more states than there may be anyway.
      let countable = maximum.map { min($0, GrammarLimits.automatonStatesMaximum) }
      conditions.append(.expression(.repetition(.scalars(.all), minimum: minimum, maximum: countable)))
    }
    return conditions
  }

  /// The values of a list but for strings that `pattern` or `format` excludes.
  static func matching(
    _ values: [JSONValue], _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> [JSONValue] {
    var texts = object
    // The length of a value is counted; a condition on it would take a state for each count.
    for keyword in ["minLength", "maxLength"] { texts[keyword] = nil }
    let conditions = try conditions(of: texts, at: path, &reader)
    if conditions.isEmpty || !values.contains(where: { $0.stringValue != nil }) { return values }
    let keyword = object["pattern"] == nil ? "format" : "pattern"
    let automaton = try reader.automaton(of: conditions, keyword, at: path)
    return values.filter { $0.stringValue.map { !automaton.satisfied(by: $0).contains(false) } ?? true }
  }

  /// The strings whose texts are those of all keywords, exactly.
  private static func common(
    _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let said = object.members.filter { textKeywords.contains($0.key) }
    let name = "string of \(JSONValue.object(JSONObject(uniqueMembers: said)).serialized())"
    if let known = reader.json.known(name) { return known }
    let conditions = try conditions(of: object, at: path, &reader)
    let automaton = try reader.automaton(of: conditions, "pattern", at: path)
    let text = reader.json.text(automaton) { $0.contains(false) ? nil : quote }
    return reader.json.share(name, .sequence([quote, text]))
  }

  private static func patterns(of object: JSONObject) -> [String] {
    guard let pattern = object["pattern"] else { return [] }
    return (pattern.arrayValue ?? [pattern]).compactMap(\.stringValue)
  }

  /// The expression of `format`; nil where it allows every string.
  private static func formatExpression(
    of object: JSONObject, at path: String, _ reader: SchemaReader
  ) throws(GrammarError) -> String? {
    guard let format = object["format"], !annotations.contains(where: { format == .string($0) }) else {
      return nil
    }
    let expression = format.stringValue.flatMap { StringFormat.expressions[$0] ?? base64[$0] }
    guard let expression else {
      let names = (base64.keys.sorted() + annotations).joined(separator: ", ")
      throw reader.error(
        path, expected: "a format among \(StringFormat.names), \(names)",
        found: String(format.serialized().prefix(60)), advice: "use one of them, or a pattern",
        keyword: "format")
    }
    return "^(\(expression))$"
  }

  /// Formats that tell programs how to show or load a string, and not which strings there are.
  private static let annotations = ["password", "path", "file-path", "directory-path", "binary"]

  private static let base64 = ["byte", "base64"].reduce(into: [:]) { expressions, name in
    expressions[name] = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
  }

  private static let quote = GrammarExpression.text("\"")

  /// A string in which the expression matches somewhere, of `minLength` to `maxLength` scalars. Nil when it looks ahead.
  private static func matching(
    _ pattern: String, _ length: (minimum: Int, maximum: Int?), keyword: String, at path: String,
    _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression? {
    let name = "string with \(pattern) of \(length.minimum) to \(length.maximum ?? -1)"
    if let known = reader.json.known(name) { return known }
    let texts = try texts(of: pattern, among: reader.json.character, keyword: keyword, at: path, reader)
    guard case .expression(let whole) = texts else { return nil }
    guard let inside = StringLength.fitted(whole, minimum: length.minimum, maximum: length.maximum) else {
      throw reader.error(
        path, expected: "a '\(keyword)' whose texts can have the length of minLength and maxLength",
        found: "one without a repetition that gives it", advice: "correct them", keyword: keyword)
    }
    return reader.json.share(name, .sequence([quote, JSONGrammar.escaped(inside), quote]))
  }

  /// The texts in which the expression matches somewhere, among any characters.
  private static func texts(
    of pattern: String, among character: GrammarExpression, keyword: String, at path: String,
    _ reader: SchemaReader
  ) throws(GrammarError) -> TextCondition {
    do throws(GrammarError) {
      let subject = "\(reader.subject(path, keyword: keyword)).\(keyword)"
      return RegexReader.condition(
        of: try RegexReader.alternatives(of: pattern, name: subject), among: .anyNumber(character))
    } catch {
      throw GrammarError(error.description, keyword: keyword)
    }
  }

  // MARK: Numbers

  static let boundKeywords: [(name: String, isLow: Bool, isIncluded: Bool)] = [
    ("minimum", true, true), ("exclusiveMinimum", true, false), ("maximum", false, true),
    ("exclusiveMaximum", false, false),
  ]

  static func number(
    _ type: String, _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let step = try step(of: type, object, at: path, reader)
    if let step, step != .one { return try multiples(of: step, object, at: path, &reader) }
    var range = BoundedNumbers()
    var parts: [GrammarExpression] = []
    let isInteger = type == "integer" || step != nil
    var isBounded = false
    for (keyword, isLow, isIncluded) in boundKeywords {
      guard let value = object[keyword] else { continue }
      isBounded = true
      if isBeyondText(value, isLow: isLow) { continue }
      let bound = try bound(value, keyword, roundsUp: isLow, at: path, reader)
      let beside = isInteger ? nil : try numbers(beside: value, object, at: path, &reader)
      // Two bounds may lie between the same integers.
      if let beside, !parts.contains(beside) { parts.append(beside) }
      // A bound between two integers excludes neither.
      let includes = isIncluded || value.intValue == nil
      if isLow {
        if range.low.map({ bound > $0 || (bound == $0 && !includes) }) ?? true {
          (range.low, range.includesLow) = (bound, includes)
        }
      } else if range.high.map({ bound < $0 || (bound == $0 && !includes) }) ?? true {
        (range.high, range.includesHigh) = (bound, includes)
      }
    }
    // Numbers without bounds may have exponents, which any bound excludes.
    guard isBounded else { return isInteger ? reader.json.integer : reader.json.number }
    return isInteger ? range.integers : .choice([range.numbers] + parts)
  }

  /// Whether a bound, such as 2^63, lies beyond all numbers that are written without exponents.
  private static func isBeyondText(_ bound: JSONValue, isLow: Bool) -> Bool {
    let limit = BoundedNumbers.magnitudeMaximum
    if let number = bound.intValue { return isLow ? number < -limit : number > limit }
    // One that is no integer of 64 bits, or has a fraction.
    guard let number = bound.doubleValue else { return false }
    return isLow ? number < -Double(limit) : number > Double(limit)
  }

  /// A bound as an integer. If it lies between two, the next one inside counts.
  private static func bound(
    _ value: JSONValue, _ keyword: String, roundsUp: Bool, at path: String, _ reader: SchemaReader
  ) throws(GrammarError) -> Int {
    var bound = value.intValue
    if bound == nil, let number = value.doubleValue, number.magnitude < 1e15 {
      bound = Int(number.rounded(roundsUp ? .up : .down))
    }
    guard let bound, bound.magnitude < BoundedNumbers.magnitudeMaximum.magnitude else {
      throw reader.error(
        path, expected: "an integer of at most \(JSONGrammar.digitCountMaximum) digits in \(keyword)",
        found: String(value.serialized().prefix(40)), advice: "use one or leave it out", keyword: keyword)
    }
    return bound
  }
}
