import QuireJSON

/// Which numbers a field takes.
struct NumberRange {
  let lower: Double
  let upper: Double
  /// Whether `lower` itself is outside.
  var excludesLower = false

  static func from(_ lower: Double, to upper: Double) -> NumberRange {
    NumberRange(lower: lower, upper: upper)
  }

  static func above(_ lower: Double, to upper: Double) -> NumberRange {
    NumberRange(lower: lower, upper: upper, excludesLower: true)
  }

  func contains(_ value: Double) -> Bool {
    (excludesLower ? value > lower : value >= lower) && value <= upper
  }

  var description: String {
    "a number \(excludesLower ? "above" : "from") \(Self.text(lower)) to \(Self.text(upper))"
  }

  private static func text(_ value: Double) -> String {
    value == value.rounded() ? String(Int(value)) : String(value)
  }
}

/// Reads the members of a request's JSON object, each with its type and range, and remembers which were read:
/// what is left over at the end is unknown. A member that is `null` counts as absent, as clients that spell
/// out their defaults expect.
struct FieldReader {
  let object: JSONObject
  /// In front of names in sentences and `error.param`, such as `messages[0].`.
  let prefix: String
  private var known: Set<String> = []

  init(_ object: JSONObject, prefix: String = "") {
    self.object = object
    self.prefix = prefix
  }

  /// The member's value unless it is absent or null.
  mutating func value(_ name: String) -> JSONValue? {
    known.insert(name)
    guard let value = object[name], !value.isNull else { return nil }
    return value
  }

  mutating func string(_ name: String) throws(ServingError) -> String? {
    guard let value = value(name) else { return nil }
    guard let string = value.stringValue else { throw wrong(name, expected: "a string", found: value) }
    return string
  }

  mutating func bool(_ name: String) throws(ServingError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard let bool = value.boolValue else { throw wrong(name, expected: "true or false", found: value) }
    return bool
  }

  mutating func int(_ name: String, in range: ClosedRange<Int>) throws(ServingError) -> Int? {
    guard let value = value(name) else { return nil }
    guard let int = value.intValue, range.contains(int) else {
      let bounds =
        range.upperBound == .max ? "\(range.lowerBound) up" : "\(range.lowerBound) to \(range.upperBound)"
      throw wrong(name, expected: "an integer from \(bounds)", found: value)
    }
    return int
  }

  mutating func number(_ name: String, in range: NumberRange) throws(ServingError) -> Float? {
    guard let value = value(name) else { return nil }
    guard let number = value.doubleValue, range.contains(number) else {
      throw wrong(name, expected: range.description, found: value)
    }
    return Float(number)
  }

  mutating func array(
    _ name: String, of elements: String, advice: Advice = .correctOrOmit
  ) throws(ServingError) -> [JSONValue]? {
    guard let value = value(name) else { return nil }
    guard let array = value.arrayValue else {
      throw wrong(name, expected: "an array of \(elements)", found: value, advice: advice)
    }
    return array
  }

  mutating func object(_ name: String) throws(ServingError) -> FieldReader? {
    guard let value = value(name) else { return nil }
    guard let object = value.objectValue else { throw wrong(name, expected: "an object", found: value) }
    return FieldReader(object, prefix: "\(prefix)\(name).")
  }

  /// Accepts a member only with values that mean what happens anyway.
  mutating func require(_ name: String, isOneOf neutral: [JSONValue], because reason: String)
    throws(ServingError)
  {
    guard let value = value(name), !neutral.contains(where: { $0.means(value) }) else { return }
    let accepted = neutral.map { $0.serialized() }.joined(separator: " or ")
    throw .rejected(
      .badField(
        prefix + name,
        "'\(prefix)\(name)' is \(Self.found(value)), but \(reason): "
          + (accepted.isEmpty ? "leave it out." : "leave it out or send \(accepted).")))
  }

  /// Marks members that are accepted and have no effect.
  mutating func ignore(_ names: some Sequence<String>) {
    known.formUnion(names)
  }

  /// Refuses members that nobody has asked for: silently ignoring what should have changed the answer would
  /// be worse.
  func refuseUnknown() throws(ServingError) {
    for member in object.members where !known.contains(member.key) && !member.value.isNull {
      throw .rejected(
        .badField(
          prefix + member.key,
          "'\(prefix)\(Self.shortened(member.key))' is not a field that this server knows: leave it out."))
    }
  }

  /// What to do about a wrong value.
  enum Advice: String {
    case correct = "correct it"
    case correctOrOmit = "correct it or leave it out"
  }

  func wrong(
    _ name: String, expected: String, found value: JSONValue, advice: Advice = .correctOrOmit
  ) -> ServingError {
    .rejected(
      .badField(
        prefix + name,
        "'\(prefix)\(name)' must be \(expected), but is \(Self.found(value)): \(advice.rawValue)."))
  }

  /// A value in a few words for a sentence.
  static func found(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): JSONValue.string(shortened(text)).serialized()
    case .number(let number): shortened(number.literal)
    case .array(let elements) where elements.isEmpty: "an empty array"
    case .bool, .null: value.serialized()
    case .array, .object: value.kindDescription
    }
  }

  static func shortened(_ text: String) -> String {
    text.unicodeScalars.count <= 40 ? text : String(text.unicodeScalars.prefix(40)) + "…"
  }
}

extension JSONValue {
  /// Equality by meaning: 1 and 1.0 are the same number.
  fileprivate func means(_ other: JSONValue) -> Bool {
    if let left = doubleValue, let right = other.doubleValue { return left == right }
    return self == other
  }
}

extension Rejection {
  /// A 400 about one field.
  static func badField(_ field: String?, _ message: String, code: String? = nil) -> Rejection {
    Rejection(status: 400, message: message, field: field, code: code)
  }
}
