package import QuireCheckpoints
package import QuireTensors

extension DraftHead {
  /// Reads a published head for a target.
  ///
  /// - Parameters:
  ///   - format: how its matrices are stored in memory: `int8` without a group, rounded to nearest, or `bf16` for the
  ///     types of the file. A matrix whose width the format cannot have stays as it is, and so does `fc`: some channels of
  ///     the hidden states that it reads are hundreds of times larger than others, and integers would lose these.
  /// Throws when the head was made for another model, a tensor is missing or has another shape or type, a weight is NaN
  /// or infinite, or a draft token stands for no token of the target.
  package convenience init(
    _ checkpoint: Checkpoint, target: ModelConfiguration, format: WeightFormat = .int8(), team: ThreadTeam
  ) throws(ModelError) {
    let configuration = try DraftHeadConfiguration(json: checkpoint.configuration)
    try configuration.check(target: target)
    try Self.check(checkpoint, configuration)
    var matrices: [DraftHeadTensor: WeightMatrix] = [:]
    var norms: [DraftHeadTensor: HostBuffer<Float>] = [:]
    for tensor in DraftHeadTensor.allCases {
      let shape = tensor.shape(in: configuration)
      let dense = try Self.dense(tensor.name, shape: shape, checkpoint)
      if tensor.isNorm {
        norms[tensor] = WeightMatrix.dense(dense).dequantized(kernels: Kernels(.portable))
      } else {
        let matrix = WeightMatrix.dense(dense)
        matrices[tensor] = tensor == .fusion ? matrix : matrix.stored(as: format, team: team)
      }
    }
    self.init(
      configuration: configuration, featureLayers: try configuration.featureLayers(of: target),
      embedding: try Self.embedding(checkpoint, configuration),
      targetIDs: try Self.targetIDs(checkpoint, configuration), matrices: matrices, norms: norms)
  }

  /// Bytes of the weights as this initializer holds them, from the headers.
  package static func weightBytes(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration, format: WeightFormat = .int8()
  ) -> Int {
    let embedding = checkpoint.record(DraftHeadTensor.embeddingName)?.byteCount ?? 0
    return embedding
      + weightBytes(configuration, format: format) { checkpoint.record($0.name)?.byteCount ?? 0 }
  }

  /// Bytes of all weights but an embedding.
  /// - Parameter storedBytes: bytes of a matrix that is not converted to the format
  static func weightBytes(
    _ configuration: DraftHeadConfiguration, format: WeightFormat, storedBytes: (DraftHeadTensor) -> Int
  ) -> Int {
    DraftHeadTensor.allCases.reduce(4 * configuration.model.vocabularySize) { sum, tensor in
      let shape = tensor.shape(in: configuration)
      if tensor.isNorm { return sum + 4 * shape[0] }
      let isDense =
        tensor == .fusion || format == .bf16 || (try? format.validate(columns: shape[1], name: "")) == nil
      return sum + (isDense ? storedBytes(tensor) : format.byteCount(rows: shape[0], columns: shape[1]))
    }
  }

  private static func embedding(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration
  ) throws(ModelError) -> WeightMatrix? {
    guard checkpoint.record(DraftHeadTensor.embeddingName) != nil else { return nil }
    return .dense(
      try dense(DraftHeadTensor.embeddingName, shape: embeddingShape(configuration), checkpoint))
  }

  private static func dense(
    _ name: String, shape: [Int], _ checkpoint: Checkpoint
  ) throws(ModelError) -> DenseMatrix {
    let view: TensorView
    do { view = try checkpoint.tensor(name, shape: shape) } catch { throw .checkpoint(error.description) }
    guard let base = view.bytes.baseAddress else {
      throw .tensor(name: name, expected: "of shape \(shape)", found: "empty")
    }
    let (rows, columns) = shape.count == 2 ? (shape[0], shape[1]) : (1, shape[0])
    return DenseMatrix(rows: rows, columns: columns, element: view.element, base: base, owner: view.owner)
  }
}
