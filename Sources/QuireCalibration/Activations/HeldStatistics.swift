import QuireFiles
import QuireCheckpoints
package import QuireModel

/// The statistics of one unmodified layer in memory, carried along with what steps do to it, for who looks at them several
/// times: the windows run once.
package final class HeldStatistics: ActivationStatistics {
  private var held: [ActivationSite: GramMatrix]
  private let square: Double

  /// Takes the windows through the layer, or no further than the statistics need behind the last.
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

  /// Nothing to do: statistics stay those of the unmodified layer.
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
