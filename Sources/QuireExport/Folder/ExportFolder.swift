import Foundation
import QuireCheckpoints
import QuireFiles
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText

/// Writes an export that is a folder in the layout of a Hugging Face checkpoint.
struct ExportFolder {
  /// In the `__metadata__` of every safetensors file: that Quire has exported it.
  static let mark = (key: "exporter", value: "quire")

  let plan: ExportPlan

  /// Writes everything; the folder appears under its name at the end.
  func write(
    to path: String, replaces: Bool, progress: (_ doneBytes: Int) -> Void
  ) throws(ExportError) {
    let folder = try writing(path) { () throws(FileFailure) in
      try AtomicFolder(path: path, replaces: replaces)
    }
    let layout = ShardLayout(plan.tensors)
    for (name, json) in try documents(layout) {
      try write(
        json.serializedBytes(style: name == CompanionFile.tokenizer ? .compact : .pretty), to: name,
        in: folder)
    }
    let writer = TensorWriter(plan.source)
    var done = 0
    for shard in layout.shards {
      try write(shard, in: folder, writer) { count in
        done += count
        progress(done)
      }
    }
    // Other files may have been added while the export was written.
    if replaces { try Self.checkReplaceable(path) }
    try writing(path) { () throws(FileFailure) in try folder.commit() }
  }

  /// The small files. The chat template is a member of tokenizer_config.json.
  private func documents(_ layout: ShardLayout) throws(ExportError) -> [(CompanionFile, JSONValue)] {
    let model = plan.model
    let tokenizer = try reading { () throws(ModelFileError) in try model.tokenizer() }
    let generation = try reading { () throws(ModelFileError) in try model.generationConfiguration() }
    var documents: [(CompanionFile, JSONValue)] = [
      (.configuration, configuration), (.tokenizer, tokenizer.sourceJSON),
    ]
    if let json = tokenizer.configuration { documents.append((.tokenizerConfiguration, json)) }
    if let generation { documents.append((.generationConfiguration, generation)) }
    if let index = layout.index { documents.append((.weightIndex, index)) }
    return documents
  }

  private var configuration: JSONValue {
    var members = plan.configuration.json.objectValue ?? JSONObject()
    let element = plan.options.element == .float32 ? "float32" : plan.hasHalfScales ? "float16" : "bfloat16"
    members["torch_dtype"] = .string(element)
    if plan.options.format == .compressedTensors {
      members["quantization_config"] = QuantizationConfiguration(plan).json
    }
    return .object(members)
  }

  private func write(_ bytes: [UInt8], to name: CompanionFile, in folder: AtomicFolder) throws(ExportError) {
    let path = folder.temporaryPath + "/" + name.name
    try writing(path) { () throws(FileFailure) in
      let file = try AtomicFile(path: path)
      try file.write(bytes)
      try file.commit()
    }
  }

  private func write(
    _ shard: ShardLayout.Shard, in folder: AtomicFolder, _ writer: TensorWriter, onBytes: (Int) -> Void
  ) throws(ExportError) {
    let path = folder.temporaryPath + "/" + shard.name
    let tensors = shard.tensors.map { tensor in
      SafetensorsWriter.Tensor(
        name: tensor.output.name, element: tensor.output.element, shape: tensor.output.shape)
    }
    // transformers reads only files that name their framework.
    var metadata = ["format": "pt", Self.mark.key: Self.mark.value]
    if !plan.adapters.isEmpty {
      metadata["adapters"] = plan.adapters.map(\.description).joined(separator: ", ")
    }
    // The queue's threads use it one after the other, and this one only when the queue has finished.
    nonisolated(unsafe) let file = try saving { [metadata] () throws(CheckpointError) in
      try SafetensorsWriter(path: path, tensors: tensors, metadata: metadata)
    }
    let queue = WriteQueue { (bytes) throws(ExportError) in
      try saving { () throws(CheckpointError) in try file.append(bytes) }
    }
    for (output, planned) in shard.tensors {
      try writer.write(output, of: planned) { (bytes, owner) throws(ExportError) in
        try queue.add(bytes, of: owner)
        onBytes(bytes.count)
      }
    }
    try queue.finish()
    try saving { () throws(CheckpointError) in try file.finish() }
  }
}

private func saving<Value>(
  _ body: () throws(CheckpointError) -> Value
) throws(ExportError) -> Value {
  do {
    return try body()
  } catch {
    switch error {
    case .unwritable(let path, let reason): throw .unwritable(path: path, reason: reason)
    default: throw .model(error.description)
    }
  }
}

/// Turns a failure to write into the sentence that names the file.
func writing<Value>(
  _ path: String, _ body: () throws(FileFailure) -> Value
) throws(ExportError) -> Value {
  do {
    return try body()
  } catch {
    throw .unwritable(path: path, reason: error.reasonAndRemedy)
  }
}

extension ExportFolder {
  /// Whether an export writes a file of this name, or leaves it where it is killed at its end.
  private static func owns(_ name: String) -> Bool {
    let documents: [CompanionFile] = [
      .configuration, .tokenizer, .tokenizerConfiguration, .generationConfiguration, .weightIndex,
    ]
    return documents.contains { $0.name == name } || name == AtomicFolder.mark
      || (name.hasPrefix("model") && name.hasSuffix(".safetensors"))
  }

  /// Throws unless the folder at `path` may be replaced: it is empty, or has only what an export has written.
  static func checkReplaceable(_ path: String) throws(ExportError) {
    let names = AtomicFolder.entries(of: path)
    guard !names.isEmpty else { return }
    if let other = names.first(where: { !owns($0) }) {
      throw .foreignFolder(path: path, found: "a folder with \(other) in it")
    }
    let weights = names.filter { $0.hasSuffix(".safetensors") }
    guard !weights.isEmpty else { throw .foreignFolder(path: path, found: "a folder without weights") }
    for name in weights {
      let file = try? SafetensorsFile(path: path + "/" + name)
      guard file?.metadata[mark.key] == mark.value else {
        throw .foreignFolder(path: path, found: "\(name), which Quire did not export")
      }
    }
  }
}
