import QuireFiles
import Foundation
import QuireTensors

/// Numbers as tables show them, in the "C" locale's form.
enum NumberText {
  static let missing = "–"

  /// With a fixed number of decimals.
  static func fixed(_ value: Double?, _ decimals: Int) -> String {
    value.map { DecimalText.fixed($0, decimals) } ?? missing
  }

  /// With the decimals that it has, at most six: 0, 2.5, 97.25.
  static func plain(_ value: Double) -> String {
    let text = fixed(value, 6)
    guard value.isFinite else { return text }
    let digits = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
    return String(digits.reversed())
  }

  /// With enough digits to distinguish small values: 1234, 12.3, 1.23, 0.123, 0.0123, 0.00123, 0.000123, 1.2e-05.
  ///
  /// - Parameter extraDecimals: digits beyond these, to tell near values apart
  static func significant(_ value: Double?, extraDecimals: Int = 0) -> String {
    guard let value, value.isFinite else { return fixed(value, 0) }
    guard let decimals = decimals(value) else { return String(format: "%.\(1 + extraDecimals)e", value) }
    return fixed(value, decimals + extraDecimals)
  }

  /// A value and its standard error, both with the decimals that fit the value.
  ///
  /// - Parameter extraDecimals: digits beyond these, to tell near values apart
  static func significant(_ estimate: Estimate, extraDecimals: Int = 0) -> String {
    guard let error = estimate.standardError else {
      return significant(estimate.value, extraDecimals: extraDecimals)
    }
    guard estimate.value.isFinite, let decimals = decimals(estimate.value) else {
      return significant(estimate.value, extraDecimals: extraDecimals) + " ± " + significant(error)
    }
    return fixed(estimate.value, decimals + extraDecimals) + " ± " + fixed(error, decimals + extraDecimals)
  }

  /// Decimals that leave about three digits; nil where positional notation would be long.
  private static func decimals(_ value: Double) -> Int? {
    switch abs(value) {
    case 0: 0
    case ..<0.0001: nil
    case ..<0.001: 6
    case ..<0.01: 5
    case ..<0.1: 4
    case ..<1: 3
    case ..<10: 2
    case ..<100: 1
    default: 0
    }
  }

  /// A probability; small ones only as "<0.001".
  static func probability(_ value: Double?) -> String {
    value.map { $0 < 0.001 ? "<0.001" : fixed($0, 3) } ?? missing
  }

  /// A share as a percentage with one decimal.
  static func percent(_ share: Double?) -> String {
    fixed(share.map { 100 * $0 }, 1)
  }

  /// A change of a share in points, with one decimal.
  static func points(_ change: Double) -> String { DecimalText.signed(100 * change, 1) }

  /// Of a size from a report, which may be any number.
  static func bytes(_ count: Double?, extraDecimals: Int = 0) -> String {
    guard let count, count.isFinite else { return missing }
    return ByteText.of(
      Int(exactly: count.rounded()) ?? (count > 0 ? .max : 0), extraDecimals: extraDecimals)
  }

  static func bytes(_ count: Int?) -> String { count.map(ByteText.of) ?? "n/a" }

  static func seconds(_ value: Double?) -> String {
    guard let value else { return missing }
    return value < 10 ? fixed(value, 2) : fixed(value, 1)
  }
}
