import QuireFiles
import QuireCheckpoints
package import QuireModel

/// The statistics of one unmodified layer in memory, transformed by the steps' changes, for callers that use them
/// several times: the windows run once.
package final class HeldStatistics: ActivationStatistics {
  private var held: [ActivationSite: GramMatrix]
  private let square: Double

  /// Runs the windows through the layer, or through no more of the last layer than the statistics need.
  package init(
    _ run: CalibrationRun, of layer: LayerWeights, isLast: Bool
  ) throws(CalibrationError) {
    square = try run.meanSquare()
    held =
      isLast
      ? try run.grams(at: ActivationSite.allCases, of: layer) : try run.gramsAdvancing(through: layer)
  }

  package func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix] {
    held.filter { sites.contains($0.key) }
  }

  package func meanSquare() throws(CalibrationError) -> Double { square }

  /// Nothing to do: the statistics are those of the unmodified layer.
  package func advance(throughAttentionOf layer: LayerWeights) throws(CalibrationError) {}

  package func follow(_ change: ActivationChange, at site: ActivationSite) {
    guard let gram = held[site] else { return }
    held[site] =
      switch change {
      case .divided(let scales): gram.divided(by: scales)
      case .kept(let inputs): gram.keeping(inputs)
      }
  }
}
