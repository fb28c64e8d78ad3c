import QuireCalibration

/// The size of the text that runs through the layers.
package struct TextWork: Sendable, Equatable {
  var tokens: Double
  /// Pairs of a token and one that it attends to.
  var pairs: Double

  /// - Parameter set: nil where the text is not known: then every window is one whole sequence.
  init(_ settings: CalibrationSettings, _ set: CalibrationSet?) {
    let lengths =
      settings.statistics != nil
      ? []
      : set.map { $0.windows.flatMap { $0.sequences.map(\.count) } }
        ?? Array(repeating: settings.windowTokens, count: settings.windowCount)
    self.init(sequenceLengths: lengths)
  }

  init(sequenceLengths lengths: [Int]) {
    tokens = Double(lengths.reduce(0, +))
    pairs = lengths.reduce(0) { $0 + Double($1) * Double($1 + 1) / 2 }
  }

  /// Part of the text, in sequences of the same lengths.
  func share(_ share: Double) -> TextWork {
    var result = self
    result.tokens *= share
    result.pairs *= share
    return result
  }
}
