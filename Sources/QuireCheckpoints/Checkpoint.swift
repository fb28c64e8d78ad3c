package import QuireJSON
package import QuireTensors

/// A Hugging Face checkpoint folder: config.json and the weights, in one safetensors file or in shards.
///
///     let checkpoint = try Checkpoint(path: "Qwen3-8B")
///     let norm = try checkpoint.tensor("model.norm.weight", shape: [4096])
///
/// All headers and the index are checked when it opens; weights are read when they are touched. Tokenizer
/// files are `QuireText`'s. Safe to use from any thread.
package final class Checkpoint: Sendable {
  package static let configurationName = "config.json"
  package static let generationConfigurationName = "generation_config.json"
  package static let weightsName = "model.safetensors"
  package static let indexName = "model.safetensors.index.json"

  package let folder: String
  package let configuration: JSONValue
  package let generationConfiguration: JSONValue?
  /// Tensors that a shard holds and the index does not name; they cannot be read.
  package let unlistedTensors: [String]

  let files: [SafetensorsFile]
  private let placeOfName: [String: Place]

  private struct Place {
    let file: Int
    let record: TensorRecord
  }

  /// Opens the folder at `path` and checks everything but the values of the weights.
  package init(path: String) throws(CheckpointError) {
    folder = path
    let source = try CheckpointFolder(path: path)
    guard let configuration = try source.object(Self.configurationName) else {
      throw .missingFile(folder: path, expected: Self.configurationName)
    }
    self.configuration = configuration
    generationConfiguration = try source.object(Self.generationConfigurationName)
    var places: [String: Place] = [:]
    // As `transformers` does: the single file goes before the index.
    if source.has(Self.weightsName) {
      let file = try SafetensorsFile(path: source.place(Self.weightsName))
      files = [file]
      unlistedTensors = []
      for record in file.records { places[record.name] = Place(file: 0, record: record) }
    } else {
      guard let json = try source.object(Self.indexName) else {
        throw .missingFile(folder: path, expected: "\(Self.weightsName) or \(Self.indexName)")
      }
      let index = try ShardIndex(path: source.place(Self.indexName), json: json)
      let shards = try index.open(in: source)
      files = shards.files
      for (name, file) in index.shardOfTensor {
        if let record = files[file].record(name) { places[name] = Place(file: file, record: record) }
      }
      unlistedTensors = shards.unlistedTensors
    }
    placeOfName = places
  }

  /// All tensors that can be read, sorted.
  package var tensorNames: [String] { placeOfName.keys.sorted() }

  package func record(_ name: String) -> TensorRecord? { placeOfName[name]?.record }

  /// The bytes of a tensor that must be of this shape and one of these types.
  package func tensor(
    _ name: String, elements: Set<ElementType> = [.bfloat16, .float16, .float32], shape: [Int]
  ) throws(CheckpointError) -> TensorView {
    let place = try self.place(of: name, elements: elements, shape: shape)
    return files[place.file].view(place.record)
  }

  /// As `tensor`, but a copy in memory instead of a view of the mapped file; its hash goes into `hashes`.
  package func read(
    _ name: String, elements: Set<ElementType> = [.bfloat16, .float16, .float32], shape: [Int],
    noting hashes: TensorHashes
  ) throws(CheckpointError) -> TensorView {
    let place = try self.place(of: name, elements: elements, shape: shape)
    let (view, hash) = try files[place.file].read(place.record)
    hashes.note(name, hash)
    return view
  }

  private func place(
    of name: String, elements: Set<ElementType>, shape: [Int]
  ) throws(CheckpointError) -> Place {
    let place = try self.place(named: name)
    let record = place.record
    guard elements.contains(record.element), record.shape == shape else {
      let types = elements.map(\.rawValue).sorted().joined(separator: ", ")
      throw .mismatch(
        file: record.file, name: name, expected: "\(types) \(shape)",
        found: description(record.element, record.shape))
    }
    return place
  }

  private func place(named name: String) throws(CheckpointError) -> Place {
    guard let place = placeOfName[name] else { throw .missingTensor(folder: folder, name: name) }
    return place
  }

  /// Where a tensor lies.
  func place(of name: String) throws(CheckpointError) -> (file: SafetensorsFile, record: TensorRecord) {
    let place = try place(named: name)
    return (files[place.file], place.record)
  }

  /// The files that hold the weights.
  package var weightFiles: [String] { files.map(\.path) }
}
