import QuireJSON

/// Reads the members of a request's JSON object, each with its type and range. A member that is `null` counts as
/// absent, as clients that spell out their defaults expect.
///
/// All numbers of a request are read here, so each is checked against a range before anything is computed with it.
struct FieldReader {
  let object: JSONObject
  /// Prefix of names in messages and `error.param`, such as `messages[0].`.
  let prefix: String

  init(_ object: JSONObject, prefix: String = "") {
    self.object = object
    self.prefix = prefix
  }

  /// The member's value unless it is absent or null.
  func value(_ name: String) -> JSONValue? {
    guard let value = object[name], !value.isNull else { return nil }
    return value
  }

  func string(_ name: String) throws(ServingError) -> String? {
    guard let value = value(name) else { return nil }
    guard let string = value.stringValue else { throw wrong(name, expected: "a string", found: value) }
    return string
  }

  func bool(_ name: String) throws(ServingError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard let bool = value.boolValue else { throw wrong(name, expected: "true or false", found: value) }
    return bool
  }

  func array(
    _ name: String, of elements: String, advice: Advice = .correctOrOmit
  ) throws(ServingError) -> [JSONValue]? {
    guard let value = value(name) else { return nil }
    guard let array = value.arrayValue else {
      throw wrong(name, expected: "an array of \(elements)", found: value, advice: advice)
    }
    return array
  }

  func object(_ name: String) throws(ServingError) -> FieldReader? {
    guard let value = value(name) else { return nil }
    guard let object = value.objectValue else { throw wrong(name, expected: "an object", found: value) }
    return FieldReader(object, prefix: "\(prefix)\(name).")
  }

  /// Accepts a member only with values that ask for the server's normal behaviour.
  func require(_ name: String, isOneOf neutral: [JSONValue], because reason: String) throws(ServingError) {
    guard let value = value(name), !neutral.contains(where: { $0.means(value) }) else { return }
    let accepted = neutral.map { $0.serialized() }.joined(separator: " or ")
    throw .rejected(
      .badField(
        prefix + name,
        "\(path(name)): expected \(accepted.isEmpty ? "no such field" : accepted), because \(reason), "
          + "found \(Found.value(value)); \((accepted.isEmpty ? Advice.omit : .correctOrOmit).rawValue)"
      )
    )
  }
}

// MARK: - Numbers

extension FieldReader {
  func int(_ name: String, in range: ClosedRange<Int>) throws(ServingError) -> Int? {
    guard let value = value(name) else { return nil }
    guard let int = value.intValue, range.contains(int) else {
      let bounds =
        range.upperBound == .max
        ? "of \(range.lowerBound) or more" : "from \(range.lowerBound) to \(range.upperBound)"
      throw wrong(name, expected: "an integer \(bounds)", found: value)
    }
    return int
  }

  /// A limit on a count of tokens. −1, which some clients send for "no limit", reads as absent.
  func limit(_ name: String, atLeast minimum: Int) throws(ServingError) -> Int? {
    guard let value = value(name) else { return nil }
    guard let int = value.intValue, int >= minimum || int == -1 else {
      throw wrong(name, expected: "an integer of \(minimum) or more, or -1 for no limit", found: value)
    }
    return int == -1 ? nil : int
  }

  /// 64 bits, with or without a sign.
  func seed(_ name: String) throws(ServingError) -> UInt64? {
    guard let value = value(name) else { return nil }
    if let signed = value.intValue { return UInt64(bitPattern: Int64(signed)) }
    guard let literal = value.numberValue?.literal, let unsigned = UInt64(literal) else {
      throw wrong(name, expected: "an integer of 64 bits", found: value)
    }
    return unsigned
  }

  /// The range is checked after conversion to `Float`: a number too small for a `Float` is 0.
  func number(_ name: String, in range: FieldRange) throws(ServingError) -> Float? {
    guard let value = value(name) else { return nil }
    guard let number = value.doubleValue.map({ Float($0) }), range.contains(number) else {
      throw wrong(name, expected: range.description, found: value)
    }
    return number
  }

  /// A number of the range; `nil` for anything else.
  static func number(_ value: JSONValue, in range: FieldRange) -> Float? {
    value.doubleValue.map { Float($0) }.flatMap { range.contains($0) ? $0 : nil }
  }

  /// A token id below `vocabularySize`; `nil` for anything else.
  static func tokenID(_ value: JSONValue, vocabularySize: Int) -> Int32? {
    value.intValue.flatMap { Int32(exactly: $0) }.flatMap { $0 >= 0 && $0 < vocabularySize ? $0 : nil }
  }

  /// Token ids of an array, each below `vocabularySize`. `name` is the array's.
  func tokenIDs(
    _ values: [JSONValue], _ name: String, vocabularySize: Int
  ) throws(ServingError) -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      guard let id = Self.tokenID(value, vocabularySize: vocabularySize) else {
        throw wrong(
          "\(name)[\(index)]", expected: "a token id from 0 to \(vocabularySize - 1)", found: value,
          advice: .correct)
      }
      ids.append(id)
    }
    return ids
  }
}

// MARK: - Sentences

extension FieldReader {
  /// What to do about a wrong value.
  enum Advice: String {
    case correct = "correct it"
    case correctOrOmit = "correct it or leave it out"
    case omit = "leave it out"
  }

  func wrong(
    _ name: String, expected: String, found value: JSONValue, advice: Advice = .correctOrOmit
  ) -> ServingError {
    .rejected(
      .badField(
        prefix + name, "\(path(name)): expected \(expected), found \(Found.value(value)); \(advice.rawValue)")
    )
  }

  /// The error for two names of the same field with different values.
  func differs(
    _ name: String, _ found: some CustomStringConvertible, from other: String,
    _ expected: some CustomStringConvertible
  ) -> ServingError {
    .rejected(
      .badField(
        prefix + name,
        "\(path(name)): expected \(expected), as '\(other)' has it and means the same, found \(found); send one of the two"
      ))
  }

  /// A member's path as messages show it.
  func path(_ name: String) -> String { Found.plain(prefix + name, limit: 100) }
}

extension JSONValue {
  /// Equality by meaning: 1 and 1.0 are the same number, and members that are null count as absent.
  fileprivate func means(_ other: JSONValue) -> Bool {
    if let left = doubleValue, let right = other.doubleValue { return left == right }
    guard let left = objectValue, let right = other.objectValue else { return self == other }
    let members = right.members.filter { !$0.value.isNull }
    return members.count == left.count && members.allSatisfy { left[$0.key]?.means($0.value) == true }
  }
}

extension Rejection {
  /// A 400 about one field.
  static func badField(_ field: String?, _ message: String, code: String? = nil) -> Rejection {
    Rejection(status: 400, message: message, field: field, code: code)
  }
}
