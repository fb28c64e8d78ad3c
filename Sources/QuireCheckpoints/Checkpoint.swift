package import QuireJSON
package import QuireTensors

/// A Hugging Face checkpoint folder: config.json and the weights, in one safetensors file or in shards. Or a GGUF
/// file, whose metadata is given as the contents of the files of such a folder.
///
///     let checkpoint = try Checkpoint(path: "Qwen3-8B")
///     let norm = try checkpoint.tensor("model.norm.weight", shape: [4096])
///
/// All headers and the index are checked when it opens; weights are read on request. Tokenizer files are read by
/// `QuireText`. Safe to use from any thread.
package final class Checkpoint: Sendable {
  package static let weightsName = "model.safetensors"

  /// The folder; for a GGUF file the path of the file.
  package let folder: String
  package let configuration: JSONValue
  package let generationConfiguration: JSONValue?
  /// The tokenizer of a GGUF file; nil for folders, which have files of their own for it.
  package let tokens: GGUFTokens?
  /// Tensors that are in a shard but not in the index; they cannot be read.
  package let unlistedTensors: [String]
  /// Notices about the files for the user, one sentence each.
  package let notices: [String]

  let files: [any TensorFile]
  private let tensors: [String: (file: Int, record: TensorRecord)]
  /// How the weights are quantized; nil where they are not.
  let quantization: StoredQuantization?
  /// Matrices of integers or 8-bit floats, by the names that a model asks for.
  let encoded: [String: EncodedMatrix]
  let held = HeldContents()

  /// LoRA adapters that are added to the weights, in order.
  package let adapters: [LoRAAdapter]

  /// Opens the folder, or the GGUF file, at `path` and checks everything but the values of the weights.
  ///
  /// - Parameter adapters: folders of LoRA adapters, whose products are added to the weights in this order
  package init(path: String, adapters paths: [String] = []) throws(CheckpointError) {
    folder = path
    let contents = try CheckpointContents(path: path)
    configuration = contents.configuration
    generationConfiguration = contents.generationConfiguration
    tokens = contents.tokens
    files = contents.files
    tensors = contents.tensors
    unlistedTensors = contents.unlistedTensors
    quantization = contents.quantization
    encoded = contents.encoded
    var adapters: [LoRAAdapter] = []
    for path in paths { adapters.append(try LoRAAdapter(path: path)) }
    self.adapters = adapters
    notices = contents.notices + adapters.flatMap(\.notices)
    let ties = configuration["tie_word_embeddings"]?.boolValue ?? false
    for adapter in adapters {
      try adapter.check(storedRecord, folder: folder, tiesEmbeddings: ties)
      try adapter.checkCopies { name throws(CheckpointError) in
        try find(ties && name == "lm_head.weight" ? "model.embed_tokens.weight" : name)
      }
    }
  }

  /// The config.json of a folder, nil where there is none or it is malformed: to tell what kind of checkpoint it is before
  /// it is opened.
  package static func configuration(ofFolder path: String) -> JSONValue? {
    guard let folder = try? CheckpointFolder(path: path) else { return nil }
    return try? folder.object(CompanionFile.configuration.name)
  }

  /// The shards that the index in a folder names; none where there is no index or it is malformed. Nothing else is opened.
  package static func shardPaths(ofFolder path: String) -> [String] {
    let name = CompanionFile.weightIndex.name
    guard let folder = try? CheckpointFolder(path: path), let json = try? folder.object(name),
      let index = try? ShardIndex(path: folder.path(name), json: json)
    else { return [] }
    return index.shardNames.map(folder.path)
  }

  /// Whether this is one file, or a file in several parts, with everything in it.
  package var isFile: Bool { tokens != nil }

  /// All tensors that can be read, sorted.
  package var tensorNames: [String] { (Array(tensors.keys) + encoded.keys).sorted() }

  /// A matrix that is quantized or changed by an adapter has the shape and type of its values; its range is that of its
  /// codes or stored values.
  package func record(_ name: String) -> TensorRecord? {
    guard let record = storedRecord(name), isAdapted(name) else { return storedRecord(name) }
    return TensorRecord(
      name: name, element: .float32, shape: record.shape, file: record.file, range: record.range)
  }

  private func storedRecord(_ name: String) -> TensorRecord? {
    if let matrix = encoded[name] {
      return TensorRecord(
        name: name, element: .float32, shape: matrix.shape, file: matrix.main.file, range: matrix.main.range)
    }
    return tensors[name]?.record
  }

  /// The types that weights may have.
  package static let weightElements: Set<ElementType> = [.bfloat16, .float16, .float32]

  /// Reads the values of a tensor, which must have this shape and one of these types.
  ///
  /// - Parameter hashes: receives the hash of its bytes.
  /// Throws when the file cannot be read to the tensor's end, or a value is NaN or infinite.
  package func tensor(
    _ name: String, elements: Set<ElementType> = weightElements, shape: [Int],
    noting hashes: TensorHashes? = nil
  ) throws(CheckpointError) -> TensorView {
    try check(name, elements: elements, shape: shape)
    return try adapted(stored(name, noting: hashes), rows: nil)
  }

  /// The tensor without adapters.
  private func stored(_ name: String, noting hashes: TensorHashes?) throws(CheckpointError) -> TensorView {
    if let matrix = encoded[name] { return try view(matrix, 0..<matrix.rows, noting: hashes) }
    let (file, record) = try find(name)
    let contents = try file.read(record, hashing: hashes != nil)
    if let hash = contents.hash { hashes?.note(name, hash) }
    return contents.view
  }

  /// The header's entry of a tensor, which must have this shape and one of these types; reads no values.
  @discardableResult
  package func check(
    _ name: String, elements: Set<ElementType> = weightElements, shape: [Int]
  ) throws(CheckpointError) -> TensorRecord {
    guard let record = record(name) else { throw .missingTensor(folder: folder, name: name) }
    guard elements.contains(record.element), record.shape == shape else {
      let types = elements.map(\.rawValue).sorted().joined(separator: ", ")
      throw .mismatch(
        file: record.file, name: name, expected: "\(types) \(shape)",
        found: description(record.element, record.shape))
    }
    return record
  }

  /// The file that holds a tensor, and the header's entry of it.
  func find(_ name: String) throws(CheckpointError) -> (file: any TensorFile, record: TensorRecord) {
    guard let (file, record) = tensors[name] else { throw .missingTensor(folder: folder, name: name) }
    return (files[file], record)
  }

  /// The files that hold the weights.
  package var weightFiles: [String] { files.map(\.path) }

  /// The files that are read together with the one at `path`: the other parts of a GGUF file that is split, by their
  /// names alone. Nothing is opened, so that they are known before the model is checked.
  package static func otherParts(ofFileAt path: String) -> [String] { GGUFSplit.otherParts(than: path) }
}

extension Checkpoint {
  /// Whether two tensors have the same type, shape and bytes. Stops reading at the first difference.
  /// A quantized matrix equals no other.
  package func areEqual(_ first: String, _ second: String) throws(CheckpointError) -> Bool {
    if encoded[first] != nil || encoded[second] != nil || isAdapted(first) || isAdapted(second) {
      return false
    }
    let (one, other) = (try find(first), try find(second))
    guard one.record.element == other.record.element, one.record.shape == other.record.shape,
      one.record.encoding == other.record.encoding
    else { return false }
    let pieceBytes = 1 << 20
    for offset in stride(from: 0, to: one.record.byteCount, by: pieceBytes) {
      let count = min(pieceBytes, one.record.byteCount - offset)
      func piece(_ tensor: (file: any TensorFile, record: TensorRecord)) throws(CheckpointError) -> UInt64 {
        let start = tensor.record.range.lowerBound + offset
        return try tensor.file.hash(start..<start + count)
      }
      if try piece(one) != piece(other) { return false }
    }
    return true
  }
}
