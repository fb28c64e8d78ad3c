import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// The second moments of the inputs of a matrix in the quantized model, and how these inputs differ from those in the
/// float model: what asymmetric calibration needs.
package struct InputMoments {
  /// `XᵀX/N`, X the inputs in the quantized model.
  package let gram: GramMatrix
  /// `(X̃ − X)ᵀX/N`, X̃ the inputs in the float model; nil when these are not known.
  package let deviation: MatrixView<Float>?  // (inputs, inputs)

  package init(gram: GramMatrix, deviation: MatrixView<Float>? = nil) {
    self.gram = gram
    self.deviation = deviation
  }
}

extension CalibrationRun {
  /// The moments at `site` from both runs of the windows, batch by batch. The hidden states of the quantized model
  /// are unchanged; those of the float model advance through the attention when the site is in the MLP.
  ///
  /// Precondition: the quantized model's states are in the half of the layer that the site belongs to.
  package func inputMoments(
    at site: ActivationSite, of layer: LayerWeights, float: LayerWeights
  ) throws(CalibrationError) -> InputMoments {
    guard let unpruned, layer.shape == float.shape else {
      return InputMoments(gram: try gram(at: site, of: layer))
    }
    if site.half == .mlp, unpruned.next == .attention {
      try advanceUnpruned(past: .attentionOutput, of: float)
    }
    let width = site.width(in: layer.shape, configuration)
    var gram = GramAccumulator(order: width, team: stream.compute.team)
    var deviation = CrossAccumulator(targets: width, inputs: width, team: stream.compute.team)
    do throws(HiddenStates.Failure) {
      try stream.observe(layer, at: site, width: width, with: unpruned, through: float) { rows, others in
        guard let base = rows.baseAddress, let other = others.baseAddress else { return }
        for index in 0..<rows.count { other[index] -= base[index] }
        gram.add(rows)
        let count = rows.count / width
        deviation.add(
          MatrixView(other, rows: count, columns: width),
          MatrixView(UnsafeMutablePointer(mutating: base), rows: count, columns: width))
      }
    } catch {
      throw CalibrationError(error)
    }
    return InputMoments(gram: gram.finish(), deviation: deviation.finish())
  }
}
