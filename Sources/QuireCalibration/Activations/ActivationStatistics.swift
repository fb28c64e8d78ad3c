import QuireCheckpoints
package import QuireModel

/// Statistics of the activations that one layer's matrices read. They come from windows that run through the layer
/// (`CalibrationRun`), or from a file that an earlier run has written (`StatisticsFile.Layer`).
///
/// A step reports a change of the layer by `follow`. Running windows reflect it anyway; statistics from a file are
/// transformed as the activations are, which is exact for both kinds of change.
package protocol ActivationStatistics: AnyObject {
  /// The Gram matrices at several sites of the layer with its present weights.
  func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix]

  /// The moments at the input of the attention's or the MLP's last matrix; with the cross moments to the hidden
  /// states of the unpruned model where those are known.
  ///
  /// - Parameter original: the layer as the checkpoint has it
  func moments(
    at site: ActivationSite, of layer: LayerWeights, original: LayerWeights
  ) throws(CalibrationError) -> StreamMoments

  /// The moments of the inputs at `site`; with their deviation from the inputs of the float model where its hidden
  /// states are known.
  ///
  /// - Parameter float: the layer before any of its matrices was rounded
  func inputMoments(
    at site: ActivationSite, of layer: LayerWeights, float: LayerWeights
  ) throws(CalibrationError) -> InputMoments

  /// The mean over all tokens of the squared length of the hidden state at the layer's input.
  func meanSquare() throws(CalibrationError) -> Double

  /// The layer's attention is final; statistics of the MLP's inputs may depend on it.
  func advance(throughAttentionOf layer: LayerWeights) throws(CalibrationError)

  /// The activations at a site, and the matrices that read them, have changed.
  func follow(_ change: ActivationChange, at site: ActivationSite)
}

/// A step's change of the activations at a site.
package enum ActivationChange {
  /// Each input is divided by its own number.
  case divided(by: [Float])
  /// Only these inputs are kept, ascending.
  case kept([Int])
}

extension ActivationStatistics {
  package func moments(
    at site: ActivationSite, of layer: LayerWeights, original: LayerWeights
  ) throws(CalibrationError) -> StreamMoments {
    StreamMoments(gram: try gram(at: site, of: layer))
  }

  package func inputMoments(
    at site: ActivationSite, of layer: LayerWeights, float: LayerWeights
  ) throws(CalibrationError) -> InputMoments {
    InputMoments(gram: try gram(at: site, of: layer))
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

/// Statistics handed to a step, with the notices about them.
package final class WatchedStatistics: ActivationStatistics {
  private let statistics: any ActivationStatistics
  private let layer: Int
  private var doubts: [ActivationSite: Double] = [:]
  /// Time of collecting them.
  package private(set) var seconds = 0.0

  private func timed<Value>(_ body: () throws(CalibrationError) -> Value) throws(CalibrationError) -> Value {
    let start = ContinuousClock.now
    defer { seconds += (ContinuousClock.now - start) / .seconds(1) }
    return try body()
  }

  package init(_ statistics: any ActivationStatistics, layer: Int) {
    self.statistics = statistics
    self.layer = layer
  }

  package func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix] {
    let grams = try timed { () throws(CalibrationError) in try statistics.grams(at: sites, of: layer) }
    for (site, gram) in grams { note(gram, at: site) }
    return grams
  }

  package func moments(
    at site: ActivationSite, of layer: LayerWeights, original: LayerWeights
  ) throws(CalibrationError) -> StreamMoments {
    let moments = try timed { () throws(CalibrationError) in
      try statistics.moments(at: site, of: layer, original: original)
    }
    note(moments.gram, at: site)
    return moments
  }

  package func inputMoments(
    at site: ActivationSite, of layer: LayerWeights, float: LayerWeights
  ) throws(CalibrationError) -> InputMoments {
    let moments = try timed { () throws(CalibrationError) in
      try statistics.inputMoments(at: site, of: layer, float: float)
    }
    note(moments.gram, at: site)
    return moments
  }

  private func note(_ gram: GramMatrix, at site: ActivationSite) {
    // A value that is not finite is reported by the caller that cannot use it.
    if gram.deviation > GramCheck.limit && gram.deviation.isFinite { doubts[site] = gram.deviation }
  }

  package func meanSquare() throws(CalibrationError) -> Double { try statistics.meanSquare() }

  package func advance(throughAttentionOf layer: LayerWeights) throws(CalibrationError) {
    try timed { () throws(CalibrationError) in try statistics.advance(throughAttentionOf: layer) }
  }

  package func follow(_ change: ActivationChange, at site: ActivationSite) {
    statistics.follow(change, at: site)
  }

  /// A sentence for each site with wrong sums, among those requested since the last call.
  package func takeNotes() -> [String] {
    defer { doubts = [:] }
    return ActivationSite.allCases.compactMap { site in
      doubts[site].map { site.doubt(layer: layer, deviation: $0) }
    }
  }
}

extension ActivationSite {
  /// The notice when sums in float32 and in float64 differ.
  func doubt(layer: Int, deviation: Double) -> String {
    let share = (deviation * 1e6).rounded() / 1e6
    return
      "the statistics of the \(rawValue) of layer \(layer) differ by \(share) of their size from sums in float64, "
      + "expected at most \(GramCheck.limit); run again, and if it stays, check the OpenBLAS library"
  }
}
