/// Sample statistics of lists. Sums run in order, so equal lists give equal bits.
package enum Moments {
  /// Arithmetic mean; precondition: at least one value.
  package static func mean(_ values: some Collection<Double>) -> Double {
    precondition(!values.isEmpty, "the mean of nothing")
    return values.reduce(0, +) / Double(values.count)
  }

  /// Unbiased sample variance (division by n − 1); nil for fewer than two values.
  package static func variance(_ values: some Collection<Double>) -> Double? {
    guard values.count > 1 else { return nil }
    let mean = mean(values)
    return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
  }

  /// The value that a share of the list lies below, interpolated linearly between neighbours as NumPy does.
  ///
  /// Precondition: at least one value; `share` in 0 … 1.
  package static func quantile(_ values: some Collection<Double>, _ share: Double) -> Double {
    precondition(!values.isEmpty && (0...1).contains(share), "a quantile of nothing or outside 0 … 1")
    let sorted = values.sorted()
    let position = share * Double(sorted.count - 1)
    let below = Int(position)
    guard below + 1 < sorted.count else { return sorted[below] }
    return sorted[below] + (position - Double(below)) * (sorted[below + 1] - sorted[below])
  }

  /// The middle value, or the mean of the two in the middle. Precondition: at least one value.
  package static func median(_ values: some Collection<Double>) -> Double {
    quantile(values, 0.5)
  }
}
