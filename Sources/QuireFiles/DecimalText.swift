import Foundation

/// Numbers with a fixed number of decimals, in the "C" locale's form. What is rounded to zero has no sign.
package enum DecimalText {
  /// "12.5", "-3.0"; "0.0" for -0.01 with one decimal.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "\(value)" }
    let text = String(format: "%.*f", decimals, value)
    return isZero(text) && text.hasPrefix("-") ? String(text.dropFirst()) : text
  }

  /// The same of a change: "+12.5", "-3.0", "0.0".
  package static func signed(_ value: Double, _ decimals: Int) -> String {
    let text = fixed(value, decimals)
    return value > 0 && !isZero(text) ? "+" + text : text
  }

  private static func isZero(_ text: String) -> Bool { !text.contains { ("1"..."9").contains($0) } }
}
