package import QuireCheckpoints
package import QuireTensors

/// The weights of a checkpoint, whole or layer by layer, read into memory on request.
///
///     let loader = try LayerLoader(Checkpoint(path: folder))
///     for index in 0..<loader.configuration.layerCount {
///       let layer = try loader.layer(index)
///       …
///     }
///
/// Throws when a file is truncated or replaced meanwhile, or a weight is NaN or infinite.
package struct LayerLoader: WeightSource, Sendable {
  package let checkpoint: Checkpoint
  /// From config.json, except for the lm_head: a stored one that differs from the embedding is used.
  package let configuration: ModelConfiguration
  /// Notices about the checkpoint for the user, one sentence each.
  package let notices: [String]
  /// Receives the hashes of the tensors that are read.
  package let hashes: TensorHashes?
  /// Whether quantized matrices are read as integers where a weight format holds them exactly; otherwise their float32
  /// values are read.
  package let keepsGrids: Bool

  /// Reads the checkpoint's configuration and checks that every tensor of the model exists with its shape, and that
  /// no other stored tensor would change the model.
  package init(
    _ checkpoint: Checkpoint, hashes: TensorHashes? = nil, keepsGrids: Bool = false
  ) throws(ModelError) {
    self.checkpoint = checkpoint
    self.keepsGrids = keepsGrids
    self.hashes = hashes
    let written = try ModelConfiguration(json: checkpoint.configuration)
    var notices = checkpoint.notices
    notices += try UnreadTensors.notices(checkpoint, written)
    let head = try StoredHead(checkpoint, written)
    if let notice = head.notice { notices.append(notice) }
    configuration = head.configuration
    self.notices = notices
    for name in configuration.tensorNames { try Self.check(name, checkpoint, configuration) }
  }

  private static func check(
    _ name: TensorName, _ checkpoint: Checkpoint, _ configuration: ModelConfiguration
  ) throws(ModelError) {
    if let record = checkpoint.record(name.string), record.element.isFloat8 {
      throw .unsupportedTensors(
        found: "8-bit floats (FP8) in \(name)",
        advice: "use the original checkpoint in bfloat16, which Quire quantizes itself")
    }
    do {
      try checkpoint.check(name.string, shape: name.shape(in: configuration))
    } catch {
      throw .checkpoint(error.description)
    }
  }

  /// The weights of layer `index`.
  package func layer(_ index: Int) throws(ModelError) -> LayerWeights {
    try layer(index, of: configuration)
  }

  package func matrix(_ name: TensorName, rows: Int, columns: Int) throws(ModelError) -> WeightMatrix {
    if keepsGrids, let matrix = try grid(name) { return .quantized(matrix) }
    return .dense(try dense(name, rows: rows, columns: columns, shape: [rows, columns]))
  }

  package func norm(_ name: TensorName, count: Int) throws(ModelError) -> HostBuffer<Float> {
    WeightMatrix.dense(try dense(name, rows: 1, columns: count, shape: [count]))
      .dequantized(kernels: Kernels(.portable))
  }

  /// Nil where the matrix is not quantized, or no weight format holds it.
  private func grid(_ name: TensorName) throws(ModelError) -> QuantizedMatrix? {
    let grid: StoredGrid?
    do { grid = try checkpoint.grid(name.string, noting: hashes) } catch {
      throw .checkpoint(error.description)
    }
    do { return try grid?.matrix() } catch { throw .checkpoint("\(name): \(error.description)") }
  }

  private func dense(
    _ name: TensorName, rows: Int, columns: Int, shape: [Int]
  ) throws(ModelError) -> DenseMatrix {
    let view: TensorView
    do {
      view = try checkpoint.tensor(name.string, shape: shape, noting: hashes)
    } catch {
      switch error {
      case .notFinite, .tooLarge: throw .numbers(error.description)
      default: throw .checkpoint(error.description)
      }
    }
    guard let base = view.bytes.baseAddress else {
      throw .tensor(name: name.string, expected: "of shape \(shape)", found: "empty")
    }
    return DenseMatrix(rows: rows, columns: columns, element: view.element, base: base, owner: view.owner)
  }
}

/// Decides about an lm_head that is stored although config.json ties it to the embedding.
///
/// As in transformers 5: if it equals the embedding, the embedding is used; if it differs, it is used itself,
/// because the two were trained separately.
private struct StoredHead {
  let configuration: ModelConfiguration
  let notice: String?

  init(_ checkpoint: Checkpoint, _ configuration: ModelConfiguration) throws(ModelError) {
    let (head, embedding) = (TensorName.head.string, TensorName.embedding.string)
    let isStored = checkpoint.record(head) != nil && checkpoint.record(embedding) != nil
    guard configuration.tiesEmbeddings, isStored else {
      self.init(configuration: configuration, notice: nil)
      return
    }
    let areEqual: Bool
    do { areEqual = try checkpoint.areEqual(head, embedding) } catch { throw .checkpoint(error.description) }
    self.init(
      configuration: areEqual ? configuration : configuration.withOwnHead(),
      notice: areEqual
        ? nil
        : "tie_word_embeddings is true, but the stored \(head) differs from the embedding and is used, "
          + "as in transformers")
  }

  private init(configuration: ModelConfiguration, notice: String?) {
    self.configuration = configuration
    self.notice = notice
  }
}

extension Model {
  /// Reads a whole checkpoint into memory. Throws ModelError when it is not a dense Qwen3, or a tensor is missing
  /// or has another shape or type than the configuration says.
  package convenience init(checkpoint: Checkpoint) throws(ModelError) {
    try self.init(LayerLoader(checkpoint))
  }

  /// Reads all weights of an open checkpoint. `onProgress` gets the number of read layers and of all.
  package convenience init(
    _ loader: LayerLoader, onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(ModelError) {
    try self.init(configuration: loader.configuration, source: loader, onProgress: onProgress)
  }
}
