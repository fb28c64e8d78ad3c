import QuireJSON

/// Bounds of numbers and lengths, and steps, for values that a schema names itself.
enum SchemaBounds {
  static let keywords = [
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "multipleOf",
  ]

  /// Whether a value is within the bounds of a schema. Each keyword is about values of one type only.
  static func allow(_ value: JSONValue, _ schema: JSONObject) -> Bool {
    func bound(_ keyword: String) -> Double? { schema[keyword]?.doubleValue }
    switch value {
    case .number:
      guard let number = value.doubleValue else { return false }
      return number >= bound("minimum") ?? -.infinity && number <= bound("maximum") ?? .infinity
        && number > bound("exclusiveMinimum") ?? -.infinity && number < bound("exclusiveMaximum") ?? .infinity
        && (schema["multipleOf"].flatMap(NumberStep.init)?.divides(value) ?? true)
    case .string(let text):
      let count = Double(text.unicodeScalars.count)
      return count >= bound("minLength") ?? 0 && count <= bound("maxLength") ?? .infinity
    default: return true
    }
  }
}
