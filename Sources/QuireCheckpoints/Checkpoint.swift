package import QuireJSON
package import QuireTensors

/// A Hugging Face checkpoint folder: config.json and the weights, in one safetensors file or in shards.
///
///     let checkpoint = try Checkpoint(path: "Qwen3-8B")
///     let norm = try checkpoint.tensor("model.norm.weight", shape: [4096])
///
/// All headers and the index are checked when it opens; weights are read on request. Tokenizer files are read by
/// `QuireText`. Safe to use from any thread.
package final class Checkpoint: Sendable {
  package static let weightsName = "model.safetensors"

  package let folder: String
  package let configuration: JSONValue
  package let generationConfiguration: JSONValue?
  /// Tensors that are in a shard but not in the index; they cannot be read.
  package let unlistedTensors: [String]
  /// Notices about the files for the user, one sentence each.
  package let notices: [String]

  let files: [SafetensorsFile]
  private let tensors: [String: (file: Int, record: TensorRecord)]
  /// How the weights are quantized; nil where they are not.
  let quantization: StoredQuantization?
  /// Matrices of integers or 8-bit floats, by the names that a model asks for.
  let encoded: [String: EncodedMatrix]
  let held = HeldContents()

  /// Opens the folder at `path` and checks everything but the values of the weights.
  package init(path: String) throws(CheckpointError) {
    folder = path
    let source = try CheckpointFolder(path: path)
    guard let configuration = try source.object(CompanionFile.configuration.name) else {
      throw ForeignFolder(source).withoutConfiguration
    }
    self.configuration = configuration
    generationConfiguration = try source.object(CompanionFile.generationConfiguration.name)
    let weights = try WeightFiles(source)
    files = weights.files
    unlistedTensors = weights.unlistedTensors
    quantization = try StoredQuantization(configuration, path: source.path(CompanionFile.configuration.name))
    let decoding = try QuantizedWeights(weights, quantization)
    tensors = decoding.plain
    encoded = decoding.encoded
    notices = weights.notices + decoding.notices
  }

  /// All tensors that can be read, sorted.
  package var tensorNames: [String] { (Array(tensors.keys) + encoded.keys).sorted() }

  /// A quantized matrix has the shape and type of its values; its range is that of its codes.
  package func record(_ name: String) -> TensorRecord? {
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
    let record = try check(name, elements: elements, shape: shape)
    if let matrix = encoded[name] { return try view(matrix, 0..<matrix.rows, noting: hashes) }
    let (file, _) = try find(name)
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
  func find(_ name: String) throws(CheckpointError) -> (file: SafetensorsFile, record: TensorRecord) {
    guard let (file, record) = tensors[name] else { throw .missingTensor(folder: folder, name: name) }
    return (files[file], record)
  }

  /// The files that hold the weights.
  package var weightFiles: [String] { files.map(\.path) }
}

extension Checkpoint {
  /// Whether two tensors have the same type, shape and bytes. Stops reading at the first difference.
  /// A quantized matrix equals no other.
  package func areEqual(_ first: String, _ second: String) throws(CheckpointError) -> Bool {
    if encoded[first] != nil || encoded[second] != nil { return false }
    let (one, other) = (try find(first), try find(second))
    guard one.record.element == other.record.element, one.record.shape == other.record.shape else {
      return false
    }
    let pieceBytes = 1 << 20
    for offset in stride(from: 0, to: one.record.byteCount, by: pieceBytes) {
      let count = min(pieceBytes, one.record.byteCount - offset)
      func piece(_ tensor: (file: SafetensorsFile, record: TensorRecord)) throws(CheckpointError) -> UInt64 {
        let start = tensor.record.range.lowerBound + offset
        return try tensor.file.hash(start..<start + count)
      }
      if try piece(one) != piece(other) { return false }
    }
    return true
  }
}
