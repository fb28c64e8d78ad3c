/// The range of numbers that a field accepts.
struct FieldRange {
  let lower: Float
  let upper: Float
  /// Whether `lower` itself is excluded.
  var excludesLower = false

  static func from(_ lower: Float, to upper: Float) -> FieldRange {
    FieldRange(lower: lower, upper: upper)
  }

  static func above(_ lower: Float, to upper: Float) -> FieldRange {
    FieldRange(lower: lower, upper: upper, excludesLower: true)
  }

  init(_ range: ClosedRange<Float>) {
    self.init(lower: range.lowerBound, upper: range.upperBound)
  }

  private init(lower: Float, upper: Float, excludesLower: Bool = false) {
    self.lower = lower
    self.upper = upper
    self.excludesLower = excludesLower
  }

  func contains(_ value: Float) -> Bool {
    (excludesLower ? value > lower : value >= lower) && value <= upper
  }

  var description: String {
    "a number \(excludesLower ? "above" : "from") \(Self.text(lower)) to \(Self.text(upper))"
  }

  private static func text(_ value: Float) -> String {
    Int(exactly: value).map(String.init) ?? "\(value)"
  }
}
