import Foundation

/// Byte counts as text in decimal units, as file managers and disks use them: "512 B", "16.4 kB", "4.83 GB".
package enum ByteText {
  package static func of(_ count: Int) -> String { of(count, extraDecimals: 0) }

  /// - Parameter extraDecimals: digits beyond the usual three, to tell near counts apart
  package static func of(_ count: Int, extraDecimals: Int) -> String {
    guard count >= 1000 else { return "\(count) B" }
    let units = ["kB", "MB", "GB", "TB"]
    var value = Double(count) / 1000
    var unit = 0
    while value >= 999.5, unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    return String(format: "%.*f %@", decimals + extraDecimals, value, units[unit] as NSString)
  }
}
