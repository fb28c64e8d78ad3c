package import QuireModel
package import QuireTensors

/// The rotations of one model, and its weights with them folded in.
///
/// With R1 the hidden states of every token, a row vector h, become h·R1. RMSNorm without weights commutes with it, so
/// norm weights go into the matrices that read the norm:
///
/// - the embedding E becomes E·R1, lm_head becomes W·diag(final norm)·R1
/// - q, k, v, gate and up become W·diag(norm)·R1; o and down become R1ᵀ·W; these norms become 1
///
/// With R2 the values of key/value head i become v·R2ᵢ: its rows of v become R2ᵢᵀ·W, and the columns of o for each
/// query head that reads it become W·R2ᵢ. Inputs of down and the queries and keys, which q_norm, k_norm and RoPE act on,
/// keep their basis.
package struct ModelRotation: Sendable {
  private let hiddenStates: AxisRotation?
  /// By layer and key/value head.
  private let heads: [[RandomRotation]]?
  private let compute: Compute

  /// Draws all signs from one generator, SplitMix64 with the seed: first those of the hidden states (a draw for each
  /// dimension), then those of the values, by layer, key/value head and dimension. For a rotation that is left out no
  /// sign is drawn.
  package init(_ settings: RotationSettings, _ configuration: ModelConfiguration, _ compute: Compute) {
    self.compute = compute
    var generator = SplitMix64(seed: settings.seed)
    hiddenStates =
      settings.rotatesHiddenStates(of: configuration)
      ? AxisRotation([RandomRotation(HadamardMatrix(order: configuration.hiddenSize), &generator)]) : nil
    guard settings.rotatesValues else {
      heads = nil
      return
    }
    let matrix = HadamardMatrix(order: configuration.headSize)
    heads = configuration.layers.map { shape in
      (0..<shape.keyValueHeadCount).map { _ in RandomRotation(matrix, &generator) }
    }
  }

  /// Layer `index`; its rotated matrices are float32.
  package func rotated(_ layer: LayerWeights, index: Int) -> LayerWeights {
    var result = layer
    if let heads = heads?[index] {
      let readers = AxisRotation(layer.shape.keyValueHeadOfQueryHead.map { heads[$0] })
      result.valueProjection = layer.valueProjection.rotatedOutputs(by: AxisRotation(heads), compute)
      result.outputProjection = layer.outputProjection.rotatedInputs(by: readers, compute)
    }
    guard let hiddenStates else { return result }
    for (norm, site) in [
      (LayerTensor.inputNorm, ActivationSite.attentionInput), (.postAttentionNorm, .mlpInput),
    ] {
      for tensor in site.readers {
        result[tensor] = result[tensor].rotatedInputs(by: hiddenStates, factors: layer[norm: norm], compute)
      }
      result[norm: norm] = Self.ones(layer[norm: norm].count)
    }
    for tensor in [LayerTensor.outputProjection, .downProjection] {
      result[tensor] = result[tensor].rotatedOutputs(by: hiddenStates, compute)
    }
    return result
  }

  /// The embedding, in bf16 unless it was float32: at 8B it would take 2.5 GB in float32.
  package func rotated(embedding: WeightMatrix) -> WeightMatrix { rotated(table: embedding, factors: nil) }

  /// lm_head, as the embedding.
  package func rotated(head: WeightMatrix, finalNorm: HostBuffer<Float>) -> WeightMatrix {
    rotated(table: head, factors: finalNorm)
  }

  /// The final norm, whose weights have gone into lm_head.
  package func rotated(finalNorm: HostBuffer<Float>) -> HostBuffer<Float> {
    hiddenStates == nil ? finalNorm : Self.ones(finalNorm.count)
  }

  private static func ones(_ count: Int) -> HostBuffer<Float> {
    HostBuffer([Float](repeating: 1, count: count))
  }

  private func rotated(table: WeightMatrix, factors: HostBuffer<Float>?) -> WeightMatrix {
    guard let hiddenStates else { return table }
    return table.isFloat32
      ? table.rotatedInputs(by: hiddenStates, factors: factors, compute)
      : table.rotatedInputsInBfloat16(by: hiddenStates, factors: factors, compute)
  }
}
