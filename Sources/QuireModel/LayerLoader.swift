package import QuireCheckpoints
package import QuireTensors

/// The weights of a checkpoint, whole or layer by layer, straight from the mapped files: nothing is copied but
/// norms, pages are read when they are used and given back with the last matrix that needs them.
///
///     let loader = try LayerLoader(Checkpoint(path: folder))
///     for index in 0..<loader.configuration.layerCount {
///       let layer = try loader.layer(index)
///       …
///     }
///
/// With `hashes`, tensors are copied into memory instead and hashed on the way: for whoever goes through a checkpoint
/// once and must not fail by a file that is cut short under him.
package struct LayerLoader: WeightSource, Sendable {
  package let checkpoint: Checkpoint
  package let configuration: ModelConfiguration
  /// The hashes of the tensors that were read; nil where they stay in the mapped files.
  package let hashes: TensorHashes?

  /// Read the checkpoint's configuration and check that every tensor of the model is there with its shape.
  package init(_ checkpoint: Checkpoint, hashes: TensorHashes? = nil) throws(ModelError) {
    self.checkpoint = checkpoint
    self.hashes = hashes
    configuration = try ModelConfiguration(json: checkpoint.configuration)
    for name in configuration.tensorNames {
      do {
        _ = try checkpoint.tensor(name.string, shape: name.shape(in: configuration))
      } catch {
        throw .checkpoint(error.description)
      }
    }
  }

  /// Layer `index` with weights in the mapped files.
  package func layer(_ index: Int) throws(ModelError) -> LayerWeights {
    try layer(index, of: configuration)
  }

  package func matrix(_ name: TensorName, rows: Int, columns: Int) throws(ModelError) -> WeightMatrix {
    .dense(try dense(name, rows: rows, columns: columns, shape: [rows, columns]))
  }

  package func norm(_ name: TensorName, count: Int) throws(ModelError) -> HostBuffer<Float> {
    WeightMatrix.dense(try dense(name, rows: 1, columns: count, shape: [count]))
      .dequantized(kernels: Kernels(.portable))
  }

  private func dense(
    _ name: TensorName, rows: Int, columns: Int, shape: [Int]
  ) throws(ModelError) -> DenseMatrix {
    let view = try view(name, shape: shape)
    guard let base = view.bytes.baseAddress else {
      throw .tensor(name: name.string, expected: "of shape \(shape)", found: "empty")
    }
    return DenseMatrix(rows: rows, columns: columns, element: view.element, base: base, owner: view.owner)
  }

  private func view(_ name: TensorName, shape: [Int]) throws(ModelError) -> TensorView {
    do {
      if let hashes { return try checkpoint.read(name.string, shape: shape, noting: hashes) }
      return try checkpoint.tensor(name.string, shape: shape)
    } catch {
      throw .checkpoint(error.description)
    }
  }
}

extension Model {
  /// Map a whole checkpoint. Throws ModelError when it is not a dense Qwen3, or a tensor is missing or of another
  /// shape or type than the configuration says.
  package convenience init(checkpoint: Checkpoint) throws(ModelError) {
    let loader = try LayerLoader(checkpoint)
    try self.init(configuration: loader.configuration, source: loader)
  }
}
