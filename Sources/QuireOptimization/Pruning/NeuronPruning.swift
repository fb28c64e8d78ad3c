import QuireCalibration
import QuireFiles
package import QuireModel
package import QuireTensors

/// The result of pruning the MLP of one layer.
package struct NeuronPruningResult: Sendable, Equatable {
  /// The kept channels, ascending, numbered as before.
  package let kept: [Int]
  /// Share of the MLP output's mean square lost, with the refit.
  package let relativeError: Double
  /// The same removals without refitting.
  package let relativeErrorUnrepaired: Double
  /// Share of the mean diagonal that was added to H.
  package let damping: Double
}

/// Chooses intermediate channels of one MLP by least squares and refits the down projection: the mathematics of
/// `HeadPruning` with single channels as units.
///
/// Channels are removed in rounds: some channels of least individual error at a time, then H⁻¹ and the weights are
/// down-dated. Removing single channels would read H⁻¹ (1.2 GB at 12,288 channels) again for each.
package struct NeuronPruning {
  /// Channels of a round.
  package let roundCount: Int

  /// 1/192 of the width per round, rounded to a power of two, up to the smallest group.
  package init(width: Int) {
    var count = 1
    while 2 * count <= min(32, width / 192) { count *= 2 }
    roundCount = count
  }

  package init(roundCount: Int) {
    self.roundCount = roundCount
  }

  /// Removes `count` channels.
  ///
  /// - Parameters:
  ///   - downProjection: W (hidden, intermediate)
  ///   - gram: H = XᵀX/N of its input, both triangles
  /// - Returns: nil when H holds a NaN or an infinity.
  package func run(
    removing count: Int, downProjection: MatrixView<Float>, gram: MatrixView<Float>
  ) -> (result: NeuronPruningResult, pruner: LeastSquaresPruner)? {
    precondition(count < downProjection.columns, "a channel must stay")
    guard let pruner = LeastSquaresPruner(weights: downProjection, gram: gram) else { return nil }
    let energy = pruner.outputEnergy()
    var removed: [Int] = []
    var error = 0.0
    while removed.count < count { error += removeRound(pruner, &removed, atMost: count - removed.count) }
    let gone = Set(removed)
    let result = NeuronPruningResult(
      kept: (0..<downProjection.columns).filter { !gone.contains($0) },
      relativeError: energy > 0 ? error / energy : 0,
      relativeErrorUnrepaired: energy > 0 ? pruner.errorUnrepaired(ofRemoving: removed.sorted()) / energy : 0,
      damping: pruner.damping)
    return (result, pruner)
  }

  /// The additional error of each further `group` of channels, as shares of the output's mean square; also the output's
  /// mean square. nil when H holds a NaN or an infinity.
  ///
  /// - Parameter groupCount: how many groups are removed, one after another
  package func survey(
    group: Int, groupCount: Int, downProjection: MatrixView<Float>, gram: MatrixView<Float>
  ) -> (steps: [Double], energy: Double)? {
    guard let pruner = LeastSquaresPruner(weights: downProjection, gram: gram) else { return nil }
    precondition(groupCount * group < downProjection.columns, "a channel must stay")
    let energy = pruner.outputEnergy()
    var removed: [Int] = []
    let steps = (0..<groupCount).map { step in
      var error = 0.0
      while removed.count < (step + 1) * group {
        error += removeRound(pruner, &removed, atMost: (step + 1) * group - removed.count)
      }
      return energy > 0 ? error / energy : 0
    }
    return (steps, energy)
  }

  /// Returns the error that the round adds.
  private func removeRound(_ pruner: LeastSquaresPruner, _ removed: inout [Int], atMost limit: Int) -> Double
  {
    let errors = pruner.columnErrors()
    let order = errors.indices.sorted { errors[$0] != errors[$1] ? errors[$0] < errors[$1] : $0 < $1 }
    let block = order.prefix(min(roundCount, limit)).sorted()
    let error = pruner.error(ofRemoving: block)
    pruner.remove(block)
    removed += block
    return error
  }

  /// The name of a unit in error sentences.
  package static let unit = "channel"

  /// How many channels a layer can lose while keeping a whole group.
  package static func largestRemoval(group: Int, shape: LayerShape) -> Int {
    max(0, shape.intermediateSize - 1) / group * group
  }
}
