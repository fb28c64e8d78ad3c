import QuireJSON

/// Typed reading of a configuration object's members. A member that is null counts as absent.
struct ConfigurationFields {
  let members: JSONObject
  /// Prefix of field names in errors: "rope_scaling." for a nested object.
  let prefix: String

  init(_ value: JSONValue?, field: String = "config.json", prefix: String = "") throws(ModelError) {
    guard let members = value?.objectValue else {
      throw .invalidField(
        field: field, expected: "an object", found: value?.kindDescription ?? "nothing")
    }
    self.members = members
    self.prefix = prefix
  }

  func value(_ field: String) -> JSONValue? {
    guard let value = members[field], !value.isNull else { return nil }
    return value
  }

  func integer(_ field: String, in range: ClosedRange<Int>) throws(ModelError) -> Int {
    guard let value = try optionalInteger(field, in: range) else {
      throw .missingField(field: prefix + field, expected: Self.describe(range))
    }
    return value
  }

  func optionalInteger(_ field: String, in range: ClosedRange<Int>) throws(ModelError) -> Int? {
    guard let value = value(field) else { return nil }
    guard let integer = value.intValue, range.contains(integer) else {
      throw invalid(field, expected: Self.describe(range), value)
    }
    return integer
  }

  func number(_ field: String, in range: ClosedRange<Double>) throws(ModelError) -> Double {
    guard let value = try optionalNumber(field, in: range) else {
      throw .missingField(field: prefix + field, expected: Self.describe(range))
    }
    return value
  }

  func optionalNumber(_ field: String, in range: ClosedRange<Double>) throws(ModelError) -> Double? {
    guard let value = value(field) else { return nil }
    guard let number = value.doubleValue, range.contains(number) else {
      throw invalid(field, expected: Self.describe(range), value)
    }
    return number
  }

  func optionalBool(_ field: String) throws(ModelError) -> Bool? {
    guard let value = value(field) else { return nil }
    guard let bool = value.boolValue else { throw invalid(field, expected: "true or false", value) }
    return bool
  }

  func optionalString(_ field: String) throws(ModelError) -> String? {
    guard let value = value(field) else { return nil }
    guard let string = value.stringValue else { throw invalid(field, expected: "a string", value) }
    return string
  }

  func invalid(_ field: String, expected: String, _ value: JSONValue) -> ModelError {
    .invalidField(field: prefix + field, expected: expected, found: Self.shown(value))
  }

  /// Refuses a valid value that Quire does not compute.
  func unsupported(
    _ field: String, supported: String, advice: String = ModelError.chooseAnother
  ) -> ModelError {
    .unsupported(
      field: prefix + field, found: Self.shown(members[field] ?? .null), supported: supported, advice: advice)
  }

  /// A value as shown in errors, shortened when it is long.
  static func shown(_ value: JSONValue) -> String {
    let text = value.serialized()
    return text.count <= 80 ? text : text.prefix(77) + "..."
  }

  private static func describe(_ range: ClosedRange<Int>) -> String {
    "an integer from \(range.lowerBound) to \(range.upperBound)"
  }

  private static func describe(_ range: ClosedRange<Double>) -> String {
    "a number from \(range.lowerBound) to \(range.upperBound)"
  }
}
