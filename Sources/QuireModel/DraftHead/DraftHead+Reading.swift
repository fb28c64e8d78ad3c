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
    return DraftHeadTensor.allCases.reduce(embedding) { sum, tensor in
      let shape = tensor.shape(in: configuration)
      if tensor.isNorm { return sum + 4 * shape[0] }
      let isDense = tensor == .fusion || format == .bf16
      let stored = checkpoint.record(tensor.name)?.byteCount ?? 0
      return sum + (isDense ? stored : format.byteCount(rows: shape[0], columns: shape[1]))
    }
  }

  /// Checks the shapes of all tensors, and refuses tensors that would change the head's function. Reads no weights.
  package static func check(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration
  ) throws(ModelError) {
    for tensor in DraftHeadTensor.allCases {
      do { try checkpoint.check(tensor.name, shape: tensor.shape(in: configuration)) } catch {
        throw .checkpoint(error.description)
      }
    }
    let known = Set(DraftHeadTensor.allCases.map(\.name))
    let unknown = checkpoint.tensorNames.first { name in
      !known.contains(name) && !name.contains("rotary_emb")
        && ["fc.", "midlayer.", "layers.", "norm.", "lm_head."].contains { name.hasPrefix($0) }
    }
    if let unknown {
      throw .draftHead(
        "expected only the tensors of an EAGLE-3 head with one layer and no biases in \(checkpoint.folder), found "
          + "\"\(unknown.prefix(100))\"; choose another head")
    }
  }

  private static func embedding(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration
  ) throws(ModelError) -> WeightMatrix? {
    guard checkpoint.record(DraftHeadTensor.embeddingName) != nil else {
      guard configuration.model.hiddenSize == configuration.targetHiddenSize else {
        throw .draftHead(
          "expected tensor \"\(DraftHeadTensor.embeddingName)\" in \(checkpoint.folder), whose hidden size "
            + "\(configuration.model.hiddenSize) is not the model's \(configuration.targetHiddenSize), found none; "
            + "fetch weights and configuration again from one source")
      }
      return nil
    }
    let shape = [configuration.targetVocabularySize, configuration.model.hiddenSize]
    return .dense(try dense(DraftHeadTensor.embeddingName, shape: shape, checkpoint))
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

  /// The target's id of each draft token: its own id and the distance that the map gives.
  private static func targetIDs(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration
  ) throws(ModelError) -> [Int32] {
    let (count, targetCount) = (configuration.model.vocabularySize, configuration.targetVocabularySize)
    // Without a smaller vocabulary no map is needed.
    if count == targetCount, checkpoint.record(DraftHeadTensor.mapName) == nil {
      return (0..<count).map(Int32.init)
    }
    let view: TensorView
    do {
      view = try checkpoint.tensor(DraftHeadTensor.mapName, elements: [.int64, .int32], shape: [count])
    } catch {
      throw .checkpoint(error.description)
    }
    return try (0..<count).map { token throws(ModelError) in
      let distance =
        view.element == .int64
        ? view.bytes.loadUnaligned(fromByteOffset: 8 * token, as: Int64.self)
        : Int64(view.bytes.loadUnaligned(fromByteOffset: 4 * token, as: Int32.self))
      let (id, overflows) = Int64(token).addingReportingOverflow(distance)
      guard !overflows, (0..<Int64(targetCount)).contains(id) else {
        throw .draftHead(
          "expected \"\(DraftHeadTensor.mapName)\" in \(checkpoint.folder) to lead from each draft token to one of the "
            + "model's \(targetCount) tokens, found the distance \(distance) of draft token \(token); fetch the head "
            + "again, or give the one that was trained for this model")
      }
      return Int32(id)
    }
  }
}
