import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuirePacks
import QuireTensors
import QuireText

/// A model on disk that a row is about.
enum Subject: Equatable {
  case checkpoint(path: String)
  case pack(path: String)

  /// A folder is a checkpoint, a file a pack.
  init(path: String) throws(EvaluationError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .model("expected a checkpoint folder or a pack at \(path), found nothing; check the path")
    }
    self = isFolder.boolValue ? .checkpoint(path: path) : .pack(path: path)
  }

  var path: String {
    switch self {
    case .checkpoint(let path), .pack(let path): path
    }
  }

  /// A checkpoint is the reference and runs in float32 throughout; a pack runs as it does for its users.
  var keyValueElement: KeyValueElement {
    switch self {
    case .checkpoint: .float32
    case .pack: .float16
    }
  }

  func load(team: ThreadTeam) throws(EvaluationError) -> Model {
    switch self {
    case .checkpoint(let path):
      let checkpoint = try Self.openCheckpoint(path)
      return try Self.sentence { () throws(ModelError) in try Model(checkpoint: checkpoint) }
    case .pack(let path):
      let pack = try Self.open(path)
      return try Self.sentence { () throws(ModelError) in try Model(pack: pack, team: team) }
    }
  }

  func tokenizer() throws(EvaluationError) -> Tokenizer {
    switch self {
    case .checkpoint(let path):
      return try Self.sentence { () throws(TextError) in try Tokenizer(folder: path) }
    case .pack(let path):
      let manifest = try Self.open(path).manifest
      guard let tokenizer = manifest.tokenizer else {
        throw .model("expected a tokenizer in the pack \(path), found none; convert the checkpoint again")
      }
      return try Self.sentence { () throws(TextError) in
        try Tokenizer(tokenizer: tokenizer, configuration: manifest.tokenizerConfiguration)
      }
    }
  }

  func configuration() throws(EvaluationError) -> ModelConfiguration {
    let json: JSONValue
    switch self {
    case .checkpoint(let path):
      json = try Self.openCheckpoint(path).configuration
    case .pack(let path):
      guard let member = try Self.open(path).manifest.configuration else {
        throw .model("expected a configuration in the pack \(path), found none; convert the checkpoint again")
      }
      json = member
    }
    return try Self.sentence { () throws(ModelError) in try ModelConfiguration(json: json) }
  }

  /// Ids that generation_config.json lets an answer end with, one or a list.
  func endOfSequenceIDs() throws(EvaluationError) -> Set<Int32> {
    let json =
      switch self {
      case .checkpoint(let path): try Self.openCheckpoint(path).generationConfiguration
      case .pack(let path): try Self.open(path).manifest.generationConfiguration
      }
    return try Self.sentence { () throws(ModelError) in
      try ModelConfiguration.endOfSequenceIDs(generationConfiguration: json)
    }
  }

  func size() throws(EvaluationError) -> ModelSize {
    let configuration = try configuration()
    let bytes: (TensorName) -> Int
    switch self {
    case .checkpoint(let path):
      let checkpoint = try Self.openCheckpoint(path)
      bytes = { checkpoint.record($0.string)?.byteCount ?? 0 }
    case .pack(let path):
      let pack = try Self.open(path)
      bytes = { pack.tensor($0.string)?.rawBytes ?? 0 }
    }
    let weightBytes = configuration.tensorNames.reduce(0) { sum, name in
      sum + (name.isNorm ? 2 * name.shape(in: configuration)[0] : bytes(name))
    }
    return ModelSize(
      fileBytes: try fileBytes(), weightBytes: weightBytes, parameterCount: configuration.parameterCount)
  }

  private func fileBytes() throws(EvaluationError) -> Int {
    switch self {
    case .pack(let path):
      return try Self.open(path).fileBytes
    case .checkpoint(let path):
      let checkpoint = try Self.openCheckpoint(path)
      return checkpoint.weightFiles.reduce(0) { $0 + Self.fileBytes($1) }
        + Self.companionNames.reduce(0) { $0 + Self.fileBytes(path + "/" + $1) }
    }
  }

  /// Files beside the weights that a checkpoint needs to run, and a pack contains.
  private static let companionNames = [
    "config.json", "generation_config.json", "model.safetensors.index.json", "tokenizer.json",
    "tokenizer_config.json",
  ]

  private static func fileBytes(_ path: String) -> Int {
    // Through links: shards in a download cache are links to their contents.
    let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let attributes = try? FileManager.default.attributesOfItem(atPath: resolved)
    return (attributes?[.size] as? Int) ?? 0
  }

  /// How a pack's manifest says it was made: the recipe's name and its last step.
  func origin() throws(EvaluationError) -> (recipe: String?, step: String) {
    guard case .pack(let path) = self else { return (nil, EvaluationRow.referenceStep) }
    return PackOrigin.read(try Self.open(path).manifest)
  }

  static func openCheckpoint(_ path: String) throws(EvaluationError) -> Checkpoint {
    try sentence { () throws(CheckpointError) in try Checkpoint(path: path) }
  }

  private static func open(_ path: String) throws(EvaluationError) -> PackReader {
    try sentence { () throws(PackError) in try PackReader(path: path) }
  }

  /// Passes another module's error on as its sentence.
  private static func sentence<Value, Failure: Error & CustomStringConvertible>(
    _ body: () throws(Failure) -> Value
  ) throws(EvaluationError) -> Value {
    do throws(Failure) {
      return try body()
    } catch {
      throw .model(error.description)
    }
  }
}
