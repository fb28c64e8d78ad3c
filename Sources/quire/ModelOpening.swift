import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuirePacks
import QuireTensors
import QuireText

/// MODEL on the command line: a checkpoint folder or a pack.
enum ModelPlace {
  case checkpoint(String)
  case pack(String)

  /// Decides by what is there; throws when nothing is.
  init(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CommandError("no model at \(path): expected a checkpoint folder or a .quire pack")
    }
    self = isFolder.boolValue ? .checkpoint(path) : .pack(path)
  }

  /// The tokenizer alone; weights stay untouched and may be missing.
  func tokenizer() throws -> Tokenizer {
    switch self {
    case .checkpoint(let folder):
      return try Tokenizer(folder: folder)
    case .pack(let path):
      return try Self.tokenizer(of: PackReader(path: path))
    }
  }

  static func tokenizer(of pack: PackReader) throws -> Tokenizer {
    guard let tokenizer = pack.manifest["tokenizer"] else {
      throw CommandError("\(pack.path) carries no tokenizer; convert the checkpoint again")
    }
    return try Tokenizer(tokenizer: tokenizer, configuration: pack.manifest["tokenizerConfiguration"])
  }
}

/// A model ready to answer.
struct OpenedModel {
  let name: String  // the last part of its path
  let model: Model
  let tokenizer: Tokenizer
  /// Ids that generation_config.json ends answers with.
  let endOfSequenceIDs: Set<Int32>

  init(path: String, threadCount: Int) throws {
    let place = try ModelPlace(path)
    let last = URL(fileURLWithPath: path).lastPathComponent
    switch place {
    case .checkpoint(let folder):
      name = last
      tokenizer = try place.tokenizer()
      let checkpoint = try Checkpoint(path: folder)
      endOfSequenceIDs = ModelConfiguration.endOfSequenceIDs(
        generationConfiguration: checkpoint.generationConfiguration)
      model = try Model(checkpoint: checkpoint)
    case .pack(let path):
      let pack = try PackReader(path: path)
      name = last.hasSuffix(".quire") ? String(last.dropLast(6)) : last
      tokenizer = try ModelPlace.tokenizer(of: pack)
      endOfSequenceIDs = ModelConfiguration.endOfSequenceIDs(
        generationConfiguration: pack.manifest["generationConfiguration"])
      model = try Model(pack: pack, team: ThreadTeam(threadCount: threadCount))
    }
    guard tokenizer.vocabularySize <= model.configuration.vocabularySize else {
      throw CommandError(
        "\(path): the tokenizer has \(tokenizer.vocabularySize) tokens, the model only \(model.configuration.vocabularySize); they do not belong together"
      )
    }
  }

  /// Positions that one sequence may have: `--context`, else what the model was made for, at most 8192 so that
  /// the cache of a large model fits an ordinary machine.
  func contextLength(_ arguments: Arguments) throws -> Int {
    let most = model.configuration.contextPositions
    return try arguments.integer("--context", in: 1...most) ?? min(most, 8192)
  }
}

extension Arguments {
  /// How `--kv-cache` wants keys and values kept; nil when it is not given.
  func keyValueElement(for configuration: ModelConfiguration) throws -> KeyValueElement? {
    guard let name = string("--kv-cache") else { return nil }
    guard let element = KeyValueElement(rawValue: name) else {
      let known = KeyValueElement.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError(command, "--kv-cache: expected one of \(known), found '\(name)'")
    }
    guard element.holds(headSize: configuration.headSize) else {
      throw CommandError(
        "--kv-cache \(name): expected heads of a multiple of 16, found \(configuration.headSize); choose float16"
      )
    }
    return element
  }
}
