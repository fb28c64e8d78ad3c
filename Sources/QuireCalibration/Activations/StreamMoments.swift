package import QuireModel
package import QuireTensors

/// What least squares needs to refit a matrix to the hidden states of the unpruned model: the second moments of its
/// inputs, and the cross moments of the inputs with what the matrix should add. With cross moments, all are weighted by
/// token (`TokenWeights`).
package struct StreamMoments {
  /// `XᵀWX/N` of the inputs, W diagonal with the mean 1.
  package let gram: GramMatrix
  /// `TᵀWX/N`, where T is the unpruned model's states after the matrix minus the states that the matrix adds to; nil
  /// when the unpruned states are not known.
  package let cross: MatrixView<Float>?  // (hidden, inputs)

  /// Rows of the cross moments that a thread computes at a time.
  package static var crossBandRows: Int { CrossAccumulator.tileRows }

  package init(gram: GramMatrix, cross: MatrixView<Float>? = nil) {
    self.gram = gram
    self.cross = cross
  }

  /// The moments of the given inputs alone.
  package func keeping(_ inputs: [Int]) -> StreamMoments {
    StreamMoments(
      gram: gram.keeping(inputs), cross: cross?.keeping(columns: inputs))
  }
}

extension MatrixView<Float> {
  /// A copy of the given columns.
  package func keeping(columns kept: [Int]) -> MatrixView<Float> {
    let result = MatrixView(HostBuffer<Float>(count: rows * kept.count), rows: rows, columns: kept.count)
    copy(columns: kept, into: result)
    return result
  }

  package func copy(columns kept: [Int], into result: MatrixView<Float>) {
    for row in 0..<rows {
      let (from, to) = (self.row(row), result.row(row))
      for (index, column) in kept.enumerated() { to[index] = from[column] }
    }
  }
}

/// Accumulates `TᵀX` batch by batch. The rows of the sum are divided at fixed offsets, whatever the thread count,
/// so that it has the same bits on any team.
package struct CrossAccumulator {
  private let sum: MatrixView<Float>  // (targets, inputs)
  private let team: ThreadTeam
  private var rowCount = 0

  fileprivate static let tileRows = 256

  package init(targets: Int, inputs: Int, team: ThreadTeam) {
    sum = MatrixView(HostBuffer<Float>(count: targets * inputs), rows: targets, columns: inputs)
    self.team = team
  }

  /// Adds `targets` (row, target) and `inputs` (row, input) of the same rows.
  package mutating func add(_ targets: MatrixView<Float>, _ inputs: MatrixView<Float>) {
    let (all, sum, width) = (0..<targets.rows, sum, Self.tileRows)
    team.run { thread, count in
      for start in stride(from: thread * width, to: sum.rows, by: count * width) {
        let part = start..<min(start + width, sum.rows)
        DenseAlgebra.multiply(
          targets.block(rows: all, columns: part), inputs, transposing: .left, beta: 1,
          into: sum.block(rows: part, columns: 0..<sum.columns))
      }
    }
    rowCount += targets.rows
  }

  /// The mean over all rows, multiplied by `factor`. Ends the accumulation.
  consuming func finish(times factor: Float = 1) -> MatrixView<Float> {
    let share = factor / Float(max(1, rowCount))
    for row in 0..<sum.rows {
      let values = sum.row(row)
      for column in 0..<sum.columns { values[column] *= share }
    }
    return sum
  }
}

// The unpruned model's states in addition to the optimized ones.
extension CalibrationRun {
  /// The moments at `site`, the input of the attention's or the MLP's last matrix. The hidden states are unchanged;
  /// the unpruned ones advance to after that matrix.
  ///
  /// Precondition: no half of the layer has been run.
  /// - Parameters:
  ///   - layer: the layer after the steps so far
  ///   - original: the layer as the checkpoint has it
  package func moments(
    at site: ActivationSite, of layer: LayerWeights, original: LayerWeights
  ) throws(CalibrationError) -> StreamMoments {
    precondition(
      site == .attentionOutput || site == .mlpOutput, "these inputs add nothing to the hidden states")
    guard let unpruned else { return StreamMoments(gram: try gram(at: site, of: layer)) }
    try advanceUnpruned(past: site, of: original)
    let (width, hiddenSize) = (site.width(in: layer.shape, configuration), configuration.hiddenSize)
    let weights = TokenWeights(tokenWeights, inputCount: stream.scratch.count / hiddenSize * width)
    var window = 0
    var gram = GramAccumulator(order: width, team: stream.compute.team)
    var cross = CrossAccumulator(targets: hiddenSize, inputs: width, team: stream.compute.team)
    let (targets, hidden) = (unpruned.scratch.pointer, stream.scratch.pointer)
    let prepare = { (index: Int) throws(HiddenStates.Failure) in
      window = index
      try unpruned.load(index)
    }
    do throws(HiddenStates.Failure) {
      try stream.observe(layer, upTo: site, prepare: prepare) { observed, rows in
        guard observed == site, let base = rows.baseAddress else { return }
        let count = rows.count / width
        // The states that the matrix at this site adds to.
        for index in 0..<(count * hiddenSize) { targets[index] -= hidden[index] }
        let target = MatrixView(targets, rows: count, columns: hiddenSize)
        let inputs = weights.apply(
          window: window, targets: target,
          inputs: MatrixView(UnsafeMutablePointer(mutating: base), rows: count, columns: width))
        gram.add(UnsafeBufferPointer(start: inputs.base, count: rows.count))
        cross.add(target, inputs)
      }
    } catch {
      throw CalibrationError(error)
    }
    return StreamMoments(
      gram: gram.finish(times: weights.share), cross: cross.finish(times: weights.share))
  }

  /// Runs the unpruned states through the half of the layer that `site` belongs to, once; returns to that point if
  /// a step has already run them through the MLP.
  package func advanceUnpruned(past site: ActivationSite, of original: LayerWeights) throws(CalibrationError)
  {
    guard let unpruned else { return }
    do throws(HiddenStates.Failure) {
      let isPast = unpruned.boundary > stream.boundary
      if site == .mlpOutput {
        if !isPast { try unpruned.advance(through: original) }
      } else if isPast || unpruned.next == .attention {
        unpruned.rewind(to: stream.boundary)
        try unpruned.advance(throughAttentionOf: original)
      }
    } catch {
      throw CalibrationError(error)
    }
  }
}
