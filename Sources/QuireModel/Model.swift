package import QuireTensors

/// A Qwen3 model ready to run: its configuration and all its weights. Immutable; any number of forward passes may
/// share one.
///
///     let model = try Model(checkpoint: Checkpoint(path: folder))
///     let cache = KeyValueCache(model.configuration, blockCount: 64, element: .float16)
///     let pass = ForwardPass(model: model, cache: cache, compute: Compute(), maximumRows: 256)
package final class Model: Sendable {
  package let configuration: ModelConfiguration
  package let embedding: WeightMatrix  // [vocabulary, hidden]
  package let layers: [LayerWeights]
  package let finalNorm: HostBuffer<Float>  // (hidden)
  /// The embedding itself when they are tied.
  package let head: WeightMatrix  // [vocabulary, hidden]

  /// Precondition: every weight has the shape that the configuration says.
  package init(
    configuration: ModelConfiguration, embedding: WeightMatrix, layers: [LayerWeights],
    finalNorm: HostBuffer<Float>, head: WeightMatrix?
  ) {
    precondition(layers.map(\.shape) == configuration.layers, "layers of another configuration")
    precondition(configuration.tiesEmbeddings == (head == nil), "a tied model has no separate lm_head")
    self.configuration = configuration
    self.embedding = embedding
    self.layers = layers
    self.finalNorm = finalNorm
    self.head = head ?? embedding
    for name in configuration.tensorNames where !name.isNorm {
      let matrix = self.matrix(name)
      precondition(
        [matrix.rows, matrix.columns] == name.shape(in: configuration), "\(name) has another shape")
    }
  }

  /// Reads every tensor from `source`. `onProgress` gets the number of read layers and of all.
  package convenience init(
    configuration: ModelConfiguration, source: some WeightSource,
    onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(ModelError) {
    var layers: [LayerWeights] = []
    let embedding = try source.embedding(of: configuration)
    for index in 0..<configuration.layerCount {
      layers.append(try source.layer(index, of: configuration))
      onProgress(index + 1, configuration.layerCount)
    }
    self.init(
      configuration: configuration, embedding: embedding, layers: layers,
      finalNorm: try source.finalNorm(of: configuration), head: try source.head(of: configuration))
  }

  /// A matrix by name. Precondition: `name` is not a norm.
  package func matrix(_ name: TensorName) -> WeightMatrix {
    switch name {
    case .embedding: embedding
    case .head: head
    case .layer(let index, let tensor): layers[index][tensor]
    case .finalNorm: preconditionFailure("the final norm is not a matrix")
    }
  }

  /// A norm's weights by name. Precondition: `name` is a norm.
  package func norm(_ name: TensorName) -> HostBuffer<Float> {
    switch name {
    case .finalNorm: finalNorm
    case .layer(let index, let tensor): layers[index][norm: tensor]
    case .embedding, .head: preconditionFailure("\(name) is not a norm")
    }
  }

  /// Bytes of all weights in memory, a tied lm_head counted once.
  package var weightBytes: Int {
    let head = configuration.tiesEmbeddings ? 0 : head.byteCount
    return layers.reduce(embedding.byteCount + head + finalNorm.byteCount) { $0 + $1.byteCount }
  }
}
