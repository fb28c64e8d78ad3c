package import QuireTensors

/// A source of a model's tensors by name and expected shape.
package protocol WeightSource {
  /// The matrix `name` of `rows` outputs and `columns` inputs.
  func matrix(_ name: TensorName, rows: Int, columns: Int) throws(ModelError) -> WeightMatrix
  /// The norm weights `name` as float32.
  func norm(_ name: TensorName, count: Int) throws(ModelError) -> HostBuffer<Float>
}

extension WeightSource {
  /// All tensors of layer `index`.
  package func layer(
    _ index: Int, of configuration: ModelConfiguration
  ) throws(ModelError) -> LayerWeights {
    func matrix(_ tensor: LayerTensor) throws(ModelError) -> WeightMatrix {
      let shape = tensor.shape(in: configuration, layer: index)
      return try self.matrix(.layer(index, tensor), rows: shape[0], columns: shape[1])
    }
    func norm(_ tensor: LayerTensor) throws(ModelError) -> HostBuffer<Float> {
      try self.norm(
        .layer(index, tensor), count: tensor.shape(in: configuration, layer: index)[0])
    }
    return LayerWeights(
      shape: configuration.layers[index],
      inputNorm: try norm(.inputNorm), queryProjection: try matrix(.queryProjection),
      keyProjection: try matrix(.keyProjection), valueProjection: try matrix(.valueProjection),
      queryNorm: try norm(.queryNorm), keyNorm: try norm(.keyNorm),
      outputProjection: try matrix(.outputProjection),
      postAttentionNorm: try norm(.postAttentionNorm), gateProjection: try matrix(.gateProjection),
      upProjection: try matrix(.upProjection), downProjection: try matrix(.downProjection))
  }

  /// The embedding matrix, [vocabulary, hidden].
  package func embedding(of configuration: ModelConfiguration) throws(ModelError) -> WeightMatrix {
    try matrix(.embedding, rows: configuration.vocabularySize, columns: configuration.hiddenSize)
  }

  /// The lm_head, [vocabulary, hidden]; nil when it is the embedding.
  package func head(of configuration: ModelConfiguration) throws(ModelError) -> WeightMatrix? {
    if configuration.tiesEmbeddings { return nil }
    return try matrix(.head, rows: configuration.vocabularySize, columns: configuration.hiddenSize)
  }

  package func finalNorm(of configuration: ModelConfiguration) throws(ModelError) -> HostBuffer<Float> {
    try norm(.finalNorm, count: configuration.hiddenSize)
  }
}
