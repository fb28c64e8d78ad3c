import QuireModel

/// The statistics of one unmodified layer in memory, carried along with what steps do to it, for who looks at them several
/// times: the windows run once.
final class HeldStatistics: ActivationStatistics {
  private var held: [ActivationSite: GramMatrix]
  private let square: Double

  /// Takes the windows through the layer, or no further than the statistics need behind the last.
  init(
    _ run: CalibrationRun, of layer: LayerWeights, isLast: Bool
  ) throws(OptimizationError) {
    square = try run.meanSquare()
    held =
      isLast
      ? try run.grams(at: ActivationSite.allCases, of: layer) : try run.gramsAdvancing(through: layer)
  }

  func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(OptimizationError) -> [ActivationSite: GramMatrix] {
    held.filter { sites.contains($0.key) }
  }

  func meanSquare() throws(OptimizationError) -> Double { square }

  /// Nothing to do: statistics stay those of the unmodified layer.
  func advance(throughAttentionOf layer: LayerWeights) throws(OptimizationError) {}

  func follow(_ change: ActivationChange, at site: ActivationSite) {
    guard let gram = held[site] else { return }
    held[site] =
      switch change {
      case .divided(let scales): gram.divided(by: scales)
      case .kept(let inputs): gram.keeping(inputs)
      }
  }
}
