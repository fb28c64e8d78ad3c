import QuireJSON

/// The safetensors files of a folder, and the file of each tensor.
struct WeightFiles {
  private(set) var files: [SafetensorsFile] = []
  /// For each tensor an index into `files`, and the header's entry of it.
  private(set) var tensors: [String: (file: Int, record: TensorRecord)] = [:]
  /// Tensors that are in a shard but not in the index; they cannot be read.
  private(set) var unlistedTensors: [String] = []
  private(set) var notices: [String] = []

  /// Opens one file or all shards. Refuses a single file next to a complete set of shards, because it is not clear
  /// which is meant.
  init(_ folder: CheckpointFolder) throws(CheckpointError) {
    try open(folder)
    useModelNames()
  }

  private mutating func open(_ folder: CheckpointFolder) throws(CheckpointError) {
    let indexName = CompanionFile.weightIndex.name
    guard try folder.has(Checkpoint.weightsName) else {
      guard let json = try folder.object(indexName) else { throw ForeignFolder(folder).withoutWeights }
      try open(ShardIndex(path: folder.path(indexName), json: json), in: folder)
      return
    }
    if try folder.has(indexName) { try check(indexBeside: Checkpoint.weightsName, folder) }
    let file = try SafetensorsFile(path: folder.path(Checkpoint.weightsName))
    files = [file]
    for record in file.records { tensors[record.name] = (0, record) }
  }

  private mutating func open(_ index: ShardIndex, in folder: CheckpointFolder) throws(CheckpointError) {
    let shards = try index.open(in: folder)
    files = shards.files
    for (name, file) in index.shardOfTensor {
      if let record = files[file].record(name) { tensors[name] = (file, record) }
    }
    unlistedTensors = shards.unlistedTensors
  }

  /// An index that names the single file, or shards that do not exist, is ignored with a notice.
  private mutating func check(
    indexBeside single: String, _ folder: CheckpointFolder
  ) throws(CheckpointError) {
    let name = CompanionFile.weightIndex.name
    let index = (try? folder.object(name)).flatMap { json in
      json.flatMap { try? ShardIndex(path: folder.path(name), json: $0) }
    }
    guard let index else {
      notices.append("\(single) is used; \(name) next to it is no index of shards and is ignored")
      return
    }
    if index.shardNames == [single] { return }
    var areThere = true
    for shard in index.shardNames where areThere { areThere = try folder.has(shard) }
    guard areThere else {
      notices.append("\(single) is used; \(name) next to it names shards that are not there and is ignored")
      return
    }
    throw .twoSetsOfWeights(folder: folder.path, shardCount: index.shardNames.count)
  }

  /// Gives tensors the names of a causal language model where the folder has those of the model inside, which embedding
  /// models such as Qwen3-Embedding have ("layers.0…" for "model.layers.0…"), or those of a model that `torch.compile`
  /// wrapped ("_orig_mod.model.layers.0…"). transformers loads such folders, too.
  private mutating func useModelNames() {
    let marker = "embed_tokens.weight"
    guard tensors["model." + marker] == nil else { return }
    let wrapper = tensors.keys.contains { $0.hasPrefix("_orig_mod.") } ? "_orig_mod." : ""
    // Draft heads have an embedding of this name, too, and other layers.
    let lacksModel =
      tensors[wrapper + marker] != nil && tensors[wrapper + "layers.0.input_layernorm.weight"] != nil
    guard lacksModel || tensors[wrapper + "model." + marker] != nil else { return }
    var renamed: [String: (file: Int, record: TensorRecord)] = [:]
    for (name, tensor) in tensors {
      let plain = name.hasPrefix(wrapper) ? String(name.dropFirst(wrapper.count)) : name
      let full = lacksModel && !plain.hasPrefix("lm_head.") ? "model." + plain : plain
      renamed[full] = (tensor.file, tensor.record.renamed(full))
    }
    guard renamed.count == tensors.count else { return }
    tensors = renamed
    let change = [wrapper.isEmpty ? nil : "without \"\(wrapper)\"", lacksModel ? "with \"model.\"" : nil]
    notices.append(
      "the names of tensors are read \(change.compactMap(\.self).joined(separator: " and ")), as a causal language model has them"
    )
  }
}
