import Foundation

/// An axis: numbers to positions, and the numbers that are written next to it.
struct ChartScale {
  let ticks: [Double]
  let isLogarithmic: Bool
  private let low: Double
  private let high: Double

  /// - Parameters:
  ///   - values: at least one
  ///   - includesZero: whether a linear axis starts at 0
  init(_ values: [Double], includesZero: Bool = false, prefersLogarithm: Bool = false) {
    // Values of a report may be any numbers; a chart of larger ones has nothing to show.
    let bounded = values.map { $0.isFinite ? min(max($0, -1e15), 1e15) : 0 }
    let least = bounded.min() ?? 0
    let most = bounded.max() ?? 1
    if prefersLogarithm, least > 1e-15, most / least > 8 {
      isLogarithmic = true
      let exponents = Int(log10(least).rounded(.down))...Int(log10(most).rounded(.up))
      low = log10(least) - 0.15
      high = log10(most) + 0.15
      let (low, high) = (self.low, self.high)
      ticks = exponents.flatMap { exponent in [1.0, 3.0].map { $0 * pow(10, Double(exponent)) } }
        .filter { (low...high).contains(log10($0)) }
      return
    }
    isLogarithmic = false
    let first = includesZero ? min(0, least) : least
    let span = max(most - first, abs(most) * 1e-3, 1e-9)
    let raw = span / 4
    let power = pow(10, log10(raw).rounded(.down))
    let step = power * ([1, 2, 2.5, 5, 10].first { $0 * power >= raw } ?? 10)
    let start = (first - 0.06 * span).rounded(toStep: step, up: false)
    // Quantities that are never negative have no axis below 0.
    low = first >= 0 ? max(0, start) : start
    high = (most + 0.06 * span).rounded(toStep: step, up: true)
    let count = min(20, max(1, Int(((high - low) / step).rounded())))
    let bottom = low
    ticks = (0...count).map { bottom + Double($0) * step }
  }

  /// What is written next to the ticks, with as many decimals as keep them apart.
  func texts(_ format: (_ tick: Double, _ extraDecimals: Int) -> String) -> [String] {
    for decimals in 0...6 {
      let texts = ticks.map { format($0, decimals) }
      if Set(texts).count == texts.count { return texts }
    }
    return ticks.map { format($0, 0) }
  }

  /// 0 at the lower end, 1 at the upper.
  func position(_ value: Double) -> Double {
    let scaled = isLogarithmic ? log10(max(value, 1e-300)) : value
    return min(1.02, max(-0.02, (scaled - low) / (high - low)))
  }
}

extension Double {
  fileprivate func rounded(toStep step: Double, up: Bool) -> Double {
    (self / step).rounded(up ? .up : .down) * step
  }
}
