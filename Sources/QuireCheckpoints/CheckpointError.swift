import QuireTensors

/// What can go wrong with the files of a checkpoint. Each description is one sentence.
package enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// There is no folder at the path.
  case noFolder(path: String, reason: String)
  /// A file cannot be opened or read at all.
  case unreadable(path: String, reason: String)
  /// A folder lacks a file that every checkpoint has.
  case missingFile(folder: String, expected: String)
  /// A known type of file or folder that is not a checkpoint.
  case foreign(path: String, expected: String, found: String, advice: String)
  /// A file contradicts its format.
  case malformed(path: String, expected: String, found: String)
  /// The index and the shards do not match.
  case shards(path: String, expected: String, found: String)
  /// Weights in one file, and other weights in shards with an index.
  case twoSetsOfWeights(folder: String, shardCount: Int)
  /// No tensor of this name.
  case missingTensor(folder: String, name: String)
  /// A tensor of another type or shape than the model needs.
  case mismatch(file: String, name: String, expected: String, found: String)
  /// A tensor with values that are NaN or infinite.
  case notFinite(file: String, name: String)
  /// A tensor with a value so large that products overflow.
  case tooLarge(file: String, name: String, value: Float)
  /// A file cannot be written.
  case unwritable(path: String, reason: String)

  package var description: String {
    switch self {
    case .noFolder(let path, let reason):
      "expected a checkpoint folder at \(path), found: \(reason); give the folder that holds config.json"
    case .unreadable(let path, let reason):
      "expected to read \(path), found: \(reason); check that the whole checkpoint is there and readable"
    case .missingFile(let folder, let expected):
      "expected \(expected) in the checkpoint folder \(folder), found none; download the whole checkpoint"
    case .foreign(let path, let expected, let found, let advice):
      "expected \(expected) at \(path), found \(found); \(advice)"
    case .malformed(let path, let expected, let found):
      "expected \(expected) in \(path), found \(found); download the file again"
    case .shards(let path, let expected, let found):
      "expected \(expected) by \(path), found \(found); download index and shards of one checkpoint"
    case .twoSetsOfWeights(let folder, let shardCount):
      "expected one set of weights in \(folder), found \(Checkpoint.weightsName) (which transformers would load) and "
        + "\(CompanionFile.weightIndex.name) with its \(Self.shards(shardCount)); remove whichever is out of date"
    case .missingTensor(let folder, let name):
      "expected tensor \"\(name)\" in \(folder), found none; check that the weights belong to its config.json"
    case .mismatch(let file, let name, let expected, let found):
      "expected tensor \"\(name)\" in \(file) as \(expected), found \(found); check that the weights belong to "
        + "the config.json in their folder"
    case .notFinite(let file, let name):
      "expected finite numbers in tensor \"\(name)\" of \(file), found a NaN or an infinity; "
        + Self.damaged
    case .tooLarge(let file, let name, let value):
      "expected weights of ordinary size in tensor \"\(name)\" of \(file), found \(value), with which float32 overflows; "
        + Self.damaged
    case .unwritable(let path, let reason):
      "expected to write \(path), found: \(reason)"
    }
  }

  private static let damaged = "download the file again; if the model is your own, its training has diverged"
  private static func shards(_ count: Int) -> String { count == 1 ? "shard" : "\(count) shards" }
}

/// "BF16 [4096, 128]", as errors show tensors.
func description(_ element: ElementType, _ shape: [Int]) -> String { "\(element.rawValue) \(shape)" }
