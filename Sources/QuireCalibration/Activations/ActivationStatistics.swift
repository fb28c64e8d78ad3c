import QuireCheckpoints
package import QuireModel

/// What is known of the activations that one layer's matrices read, whoever measured it: the windows that run through
/// the layer (`CalibrationRun`), or a file of what an earlier run has measured (`StatisticsFile.Layer`).
///
/// A step that changes the layer says so by `follow`. Whoever runs the windows sees it for himself; a file's statistics
/// are changed as the activations are, which for both kinds of change is exact.
package protocol ActivationStatistics: AnyObject {
  /// The Gram matrices at several sites of the layer, as its present weights leave them.
  func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix]

  /// The moments at the input of the attention's or the MLP's last matrix; with how they go with what the hidden states
  /// lack of the checkpoint's own where those are known.
  ///
  /// - Parameter original: the layer as the checkpoint has it
  func moments(
    at site: ActivationSite, of layer: LayerWeights, original: LayerWeights
  ) throws(CalibrationError) -> StreamMoments

  /// The mean over all tokens of the squared length of the hidden state that the layer begins with.
  func meanSquare() throws(CalibrationError) -> Double

  /// The layer's attention is as it will be: what its MLP reads may follow from that.
  func advance(throughAttentionOf layer: LayerWeights) throws(CalibrationError)

  /// The activations at a site have changed, and the matrices that read them with them.
  func follow(_ change: ActivationChange, at site: ActivationSite)
}

/// What a step does to the activations at a site.
package enum ActivationChange {
  /// Each input is divided by a number of its own.
  case divided(by: [Float])
  /// Only these inputs are left, ascending.
  case kept([Int])
}

extension ActivationStatistics {
  package func moments(
    at site: ActivationSite, of layer: LayerWeights, original: LayerWeights
  ) throws(CalibrationError) -> StreamMoments {
    StreamMoments(gram: try gram(at: site, of: layer))
  }

  /// The Gram matrix at one site.
  package func gram(
    at site: ActivationSite, of layer: LayerWeights
  ) throws(CalibrationError) -> GramMatrix {
    guard let gram = try grams(at: [site], of: layer)[site] else {
      preconditionFailure("a site was asked for")
    }
    return gram
  }
}

/// Statistics on their way to a step, of which it notes what must be told.
package final class WatchedStatistics: ActivationStatistics {
  private let statistics: any ActivationStatistics
  private let layer: Int
  private var doubts: [ActivationSite: Double] = [:]

  package init(_ statistics: any ActivationStatistics, layer: Int) {
    self.statistics = statistics
    self.layer = layer
  }

  package func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix] {
    let grams = try statistics.grams(at: sites, of: layer)
    for (site, gram) in grams { note(gram, at: site) }
    return grams
  }

  package func moments(
    at site: ActivationSite, of layer: LayerWeights, original: LayerWeights
  ) throws(CalibrationError) -> StreamMoments {
    let moments = try statistics.moments(at: site, of: layer, original: original)
    note(moments.gram, at: site)
    return moments
  }

  private func note(_ gram: GramMatrix, at site: ActivationSite) {
    // What is not finite is told by whoever cannot use it.
    if gram.deviation > GramCheck.limit && gram.deviation.isFinite { doubts[site] = gram.deviation }
  }

  package func meanSquare() throws(CalibrationError) -> Double { try statistics.meanSquare() }

  package func advance(throughAttentionOf layer: LayerWeights) throws(CalibrationError) {
    try statistics.advance(throughAttentionOf: layer)
  }

  package func follow(_ change: ActivationChange, at site: ActivationSite) {
    statistics.follow(change, at: site)
  }

  /// A sentence for each site whose sums cannot be trusted, of what was handed out since the last call.
  package func takeNotes() -> [String] {
    defer { doubts = [:] }
    return ActivationSite.allCases.compactMap { site in
      doubts[site].map { site.doubt(layer: layer, deviation: $0) }
    }
  }
}

extension ActivationSite {
  /// What to tell when sums in float32 and in float64 differ.
  func doubt(layer: Int, deviation: Double) -> String {
    let share = (deviation * 1e6).rounded() / 1e6
    return
      "the statistics of the \(rawValue) of layer \(layer) differ by \(share) of their size from sums in float64, "
      + "expected at most \(GramCheck.limit); run again, and if it stays, check the OpenBLAS library"
  }
}
