import QuireCheckpoints
import QuireFiles
package import QuireModel
package import QuireTensors

/// Runs the calibration windows through the model one layer at a time, with the statistics that steps need.
///
///     let run = try CalibrationRun(set, embedding: embedding, configuration: configuration, compute: compute)
///     for layer in layers {
///       let gram = try run.gram(at: .attentionOutput, of: layer)  // inputs of the layer's output projection
///       try run.advance(through: optimized(layer))                // inputs of the next layer
///     }
package final class CalibrationRun: ActivationStatistics {
  let stream: LayerStream
  /// The same windows in the checkpoint's own layers, for steps that refit to them.
  let unpruned: LayerStream?
  /// The square roots of the weights of tokens (window, row).
  let tokenWeights: [[Float]]
  /// The rows of each answer (window, answer).
  let answerRows: [[Range<Int>]]

  /// Whether the unpruned states are kept.
  package var followsUnpruned: Bool { unpruned != nil }

  var configuration: ModelConfiguration { stream.configuration }

  /// Files that a later run may resume from.
  package struct Files {
    let states: String
    let unprunedStates: String

    package init(states: String, unprunedStates: String) {
      self.states = states
      self.unprunedStates = unprunedStates
    }
  }

  /// Embeds the windows. `configuration` must bound the shapes of all layers that will run.
  ///
  /// - Parameters:
  ///   - unprunedEmbedding: the checkpoint's own, when its hidden states are needed in addition to the optimized
  ///     ones
  ///   - files: nil for temporary files
  package init(
    _ set: CalibrationSet, embedding: WeightMatrix, unprunedEmbedding: WeightMatrix? = nil,
    configuration: ModelConfiguration, compute: Compute, files: Files? = nil
  ) throws(CalibrationError) {
    tokenWeights = set.windows.map(TokenWeights.roots)
    answerRows = set.windows.map(Self.answerRows(of:))
    do throws(HiddenStates.Failure) {
      let stream = try Self.stream(set, configuration, compute, .init(path: files?.states))
      try stream.embed(embedding)
      self.stream = stream
      unpruned =
        try unprunedEmbedding.map { embedding throws(HiddenStates.Failure) in
          let unpruned = try Self.stream(
            set, configuration, compute, .init(path: files?.unprunedStates, canRewind: true),
            sharing: stream)
          try unpruned.embed(embedding)
          return unpruned
        }
    } catch {
      throw CalibrationError(error)
    }
  }

  /// Resumes from the states that an earlier run has saved after `boundary` layers; nil when they are missing or
  /// have another hash.
  package init?(
    resuming set: CalibrationSet, files: Files, boundary: Int, hash: UInt64, withUnpruned: Bool = false,
    configuration: ModelConfiguration, compute: Compute
  ) {
    func stream(_ path: String, sharing other: LayerStream? = nil) -> (LayerStream, UInt64)? {
      let storage = LayerStream.Storage(path: path, filledCopyCount: 1, boundary: boundary)
      guard let stream = try? Self.stream(set, configuration, compute, storage, sharing: other),
        let hash = try? stream.hash()
      else { return nil }
      return (stream, hash)
    }
    guard let (own, ownHash) = stream(files.states) else { return nil }
    var found = ownHash
    var unpruned: LayerStream?
    if withUnpruned {
      guard let (other, otherHash) = stream(files.unprunedStates, sharing: own) else { return nil }
      found = Self.hash(ownHash, otherHash)
      unpruned = other
    }
    guard found == hash else { return nil }
    tokenWeights = set.windows.map(TokenWeights.roots)
    answerRows = set.windows.map(Self.answerRows(of:))
    self.stream = own
    self.unpruned = unpruned
  }

  private static func stream(
    _ set: CalibrationSet, _ configuration: ModelConfiguration, _ compute: Compute,
    _ storage: LayerStream.Storage, sharing other: LayerStream? = nil
  ) throws(HiddenStates.Failure) -> LayerStream {
    try LayerStream(
      set.windows.map(batch(of:)), blockCount: set.windows.map(blockCount(of:)).max() ?? 0,
      configuration: configuration, compute: compute, storage: storage, sharing: other)
  }

  /// The hash of the states between two layers, after saving them to disk; one hash for both with the unpruned
  /// ones.
  package func seal(withUnpruned: Bool = false) throws(CalibrationError) -> UInt64 {
    do throws(HiddenStates.Failure) {
      let own = try stream.seal()
      guard withUnpruned, let unpruned else { return own }
      return Self.hash(own, try unpruned.seal())
    } catch {
      throw CalibrationError(error)
    }
  }

  private static func hash(_ own: UInt64, _ unpruned: UInt64) -> UInt64 {
    var both = ContentHash()
    withUnsafeBytes(of: (own.littleEndian, unpruned.littleEndian)) { both.update($0) }
    return both.value
  }

  /// The Gram matrices at several sites of one layer with its present weights, in one pass. The hidden states are
  /// unchanged.
  ///
  /// Precondition: the windows have not been run through the half of the layer that a site belongs to.
  package func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix] {
    guard let last = ActivationSite.allCases.last(where: sites.contains) else { return [:] }
    precondition(
      stream.next == .attention || sites.allSatisfy { $0.half == .mlp },
      "the windows have been through this attention")
    var accumulators = accumulators(at: sites, of: layer)
    try wrapping(
      CalibrationError.init, try stream.observe(layer, upTo: last) { accumulators[$0]?.add($1) })
    return accumulators.mapValues { $0.finish() }
  }

  /// The Gram matrices at every site of one layer while the windows run through it, in one pass.
  func gramsAdvancing(
    through layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix] {
    precondition(stream.next == .attention, "the windows have been through this attention")
    var accumulators = accumulators(at: ActivationSite.allCases, of: layer)
    try wrapping(
      CalibrationError.init,
      try stream.advance(through: layer, observer: { accumulators[$0]?.add($1) }))
    return accumulators.mapValues { $0.finish() }
  }

  private func accumulators(
    at sites: [ActivationSite], of layer: LayerWeights
  ) -> [ActivationSite: GramAccumulator] {
    var accumulators: [ActivationSite: GramAccumulator] = [:]
    for site in sites {
      accumulators[site] = GramAccumulator(
        order: site.width(in: layer.shape, configuration), team: stream.compute.team)
    }
    return accumulators
  }

  /// The Gram matrix of what lm_head reads: the hidden states after the last layer and the final norm.
  ///
  /// Precondition: the windows have been through all layers.
  /// - Parameter weight: of the final norm (hidden)
  package func gram(afterFinalNorm weight: HostBuffer<Float>) throws(CalibrationError) -> GramMatrix {
    let width = configuration.hiddenSize
    var accumulator = GramAccumulator(order: width, team: stream.compute.team)
    let rows = stream.scratch.pointer
    for (index, batch) in stream.batches.enumerated() {
      try wrapping(CalibrationError.init, try stream.load(index))
      let count = batch.tokens.count
      for row in 0..<count {
        stream.compute.kernels.rmsNorm(
          rows + row * width, weight: weight.pointer, into: rows + row * width, count: width,
          epsilon: configuration.rmsNormEpsilon)
      }
      accumulator.add(UnsafeBufferPointer(start: rows, count: count * width))
    }
    return accumulator.finish()
  }

  /// Nothing to do: the windows run through the layer's present weights.
  package func follow(_ change: ActivationChange, at site: ActivationSite) {}

  /// The mean over all tokens of the hidden state's squared length.
  package func meanSquare() throws(CalibrationError) -> Double {
    var sum = 0.0
    for (index, batch) in stream.batches.enumerated() {
      try wrapping(CalibrationError.init, try stream.load(index))
      sum += DenseAlgebra.dot(
        stream.scratch.pointer, stream.scratch.pointer, count: batch.tokens.count * configuration.hiddenSize)
    }
    return sum / Double(max(1, stream.rowCount))
  }

  /// Replaces the hidden states by those after the layer's attention; its MLP is still to come.
  package func advance(throughAttentionOf layer: LayerWeights) throws(CalibrationError) {
    try wrapping(CalibrationError.init, try stream.advance(throughAttentionOf: layer))
  }

  /// Replaces the hidden states by those after the layer: runs the whole layer, or its MLP after
  /// `advance(throughAttentionOf:)`.
  package func advance(through layer: LayerWeights) throws(CalibrationError) {
    try wrapping(CalibrationError.init, try stream.advance(through: layer))
  }
}
