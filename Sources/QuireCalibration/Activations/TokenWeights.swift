import QuireTensors

/// How much each token of the calibration windows counts when a matrix is refitted to hidden states.
///
/// A model is judged by its answers, but in chats many tokens are prompts, which it was not trained to predict and whose
/// hidden states may be far from those of answers. With all tokens alike, a refit spends its freedom on them.
struct TokenWeights {
  /// The weight of a token that precedes the last answer of a chat; other tokens have the weight 1.
  static let promptWeight: Float = 0.1

  /// The square roots of the weights (window, row).
  private let roots: [[Float]]
  private let weighted: HostBuffer<Float>  // (row, input) of one window
  /// What a mean over rows is multiplied by, so that the weights have the mean 1.
  let share: Float

  /// - Parameter inputCount: of the largest window
  init(_ roots: [[Float]], inputCount: Int) {
    self.roots = roots
    weighted = HostBuffer(count: inputCount)
    let sum = roots.reduce(0.0) { $1.reduce($0) { $0 + Double($1) * Double($1) } }
    share = sum > 0 ? Float(Double(roots.reduce(0) { $0 + $1.count }) / sum) : 1
  }

  /// The square roots of the weights of a window's tokens.
  static func roots(of window: CalibrationSet.Window) -> [Float] {
    zip(window.sequences, window.promptCounts).flatMap { sequence, promptCount in
      sequence.indices.map { $0 < promptCount ? promptWeight.squareRoot() : 1 }
    }
  }

  /// Multiplies the rows of both matrices by the square roots of their weights, so that sums of their products are
  /// weighted.
  ///
  /// - Parameters:
  ///   - targets: changed in place (row, hidden)
  ///   - inputs: (row, input)
  /// - Returns: the weighted inputs (row, input), valid until the next call
  func apply(
    window: Int, targets: MatrixView<Float>, inputs: MatrixView<Float>
  ) -> MatrixView<Float> {
    let result = MatrixView(weighted, rows: inputs.rows, columns: inputs.columns)
    for (row, root) in roots[window].enumerated() {
      let (from, to, target) = (inputs.row(row), result.row(row), targets.row(row))
      for column in 0..<inputs.columns { to[column] = root * from[column] }
      for column in 0..<targets.columns { target[column] *= root }
    }
    return result
  }
}
