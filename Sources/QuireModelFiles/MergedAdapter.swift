import QuireCheckpoints
package import QuireJSON
import QuireModel
import QuireText

/// A LoRA adapter that is merged into the weights of a checkpoint while they are read: what reports and lists of models
/// say about the origin of the weights.
package struct MergedAdapter: Sendable, Equatable {
  /// The name of its folder.
  package let name: String
  /// "french-lora (rank 16, 252 matrices)".
  package let description: String
  /// The hashes of its files, by name.
  package let hashes: [(file: String, hash: String)]

  /// The same on a line of its own.
  package var sentence: String { "adapter: \(description.visibleLine), merged in float32" }

  package var json: JSONValue {
    let files = hashes.map { ["file": .string($0.file), "hash": .string($0.hash)] as JSONValue }
    return ["name": .string(name), "description": .string(description), "files": .array(files)]
  }

  package static func == (one: Self, other: Self) -> Bool { one.json == other.json }
}

extension ModelSource {
  /// The adapters that are merged into a checkpoint, in order. Empty for a pack: its provenance names those of its
  /// conversion.
  package func mergedAdapters() throws(ModelFileError) -> [MergedAdapter] {
    guard !isPack else { return [] }
    let checkpoint = try loader().checkpoint
    return try reading { () throws(CheckpointError) in
      try checkpoint.adapters.map { adapter throws(CheckpointError) in
        MergedAdapter(
          name: adapter.name, description: adapter.description,
          hashes: try adapter.hashes().map { ($0.file, $0.hash) })
      }
    }
  }

  /// One of several models of a command: adapters are merged into every checkpoint, and packs stay as they are.
  package static func open(
    _ path: String, adaptersOfCheckpoints adapters: [String]
  ) throws(ModelFileError) -> ModelSource {
    try ModelSource(path: path, adapters: try ModelPath(path) == .pack ? [] : adapters)
  }
}
