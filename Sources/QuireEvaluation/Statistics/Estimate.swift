/// A measured value with its standard error.
package struct Estimate: Sendable, Equatable {
  package let value: Double
  /// One standard error, in the value's unit; nil where there are too few observations.
  package let standardError: Double?

  package init(value: Double, standardError: Double?) {
    self.value = value
    self.standardError = standardError
  }

  /// Standard errors within which two values count as the same.
  package static let noiseWidth = 2.0

  /// The mean of independent observations with its sample standard error. Precondition: at least one.
  package init(meanOf values: some Collection<Double>) {
    self.init(
      value: Moments.mean(values),
      standardError: Moments.variance(values).map { ($0 / Double(values.count)).squareRoot() })
  }

  /// The median of independent observations; its error is that of a Gaussian sample's median, √(π/2) times that
  /// of the mean. Precondition: at least one.
  package init(medianOf values: some Collection<Double>) {
    self.init(
      value: Moments.median(values),
      standardError: Moments.variance(values).map {
        ($0 / Double(values.count) * Double.pi / 2).squareRoot()
      })
  }

  /// Whether the value is at most two standard errors away from `expected`; false when the error is not known, so that
  /// nothing is called noise without evidence.
  package func isWithinNoise(of expected: Double) -> Bool {
    guard let standardError else { return false }
    return abs(value - expected) <= Self.noiseWidth * standardError
  }

  /// As `isWithinNoise(of:)`, for another independent estimate.
  package func isWithinNoise(of other: Estimate) -> Bool {
    guard let mine = standardError, let theirs = other.standardError else { return false }
    let error = (mine * mine + theirs * theirs).squareRoot()
    return abs(value - other.value) <= Self.noiseWidth * error
  }
}
