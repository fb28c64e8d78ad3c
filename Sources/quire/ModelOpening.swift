import Foundation
import QuireCheckpoints
import QuireGeneration
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
      throw CommandError(
        "expected a checkpoint folder or a .quire pack at \(path), found nothing; check the path")
    }
    self = isFolder.boolValue ? .checkpoint(path) : .pack(path)
  }

  /// The last part of the path, without the ending of a pack.
  var name: String {
    switch self {
    case .checkpoint(let folder): return URL(fileURLWithPath: folder).lastPathComponent
    case .pack(let path):
      let last = URL(fileURLWithPath: path).lastPathComponent
      return last.hasSuffix(".quire") ? String(last.dropLast(6)) : last
    }
  }

  /// The weights alone; the tokenizer stays unread and may be missing.
  func model(threadCount: Int) throws -> Model {
    switch self {
    case .checkpoint(let folder):
      return try Model(checkpoint: Checkpoint(path: folder))
    case .pack(let path):
      return try Model(pack: PackReader(path: path), team: ThreadTeam(threadCount: threadCount))
    }
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
    guard let tokenizer = pack.manifest.tokenizer else {
      throw CommandError("\(pack.path) carries no tokenizer; convert the checkpoint again")
    }
    return try Tokenizer(tokenizer: tokenizer, configuration: pack.manifest.tokenizerConfiguration)
  }
}

/// A model ready to answer.
struct OpenedModel {
  let name: String  // the last part of its path
  let model: Model
  let tokenizer: Tokenizer
  /// Ids that generation_config.json ends answers with.
  let endOfSequenceIDs: Set<Int32>
  /// How tokens are chosen where neither request nor command line say it.
  let samplingDefaults: SamplingDefaults

  init(path: String, threadCount: Int) throws {
    let place = try ModelPlace(path)
    name = place.name
    switch place {
    case .checkpoint(let folder):
      tokenizer = try place.tokenizer()
      let checkpoint = try Checkpoint(path: folder)
      endOfSequenceIDs = try ModelConfiguration.endOfSequenceIDs(
        generationConfiguration: checkpoint.generationConfiguration)
      samplingDefaults = try SamplingDefaults(
        checkpoint.generationConfiguration, of: folder + "/" + Checkpoint.generationConfigurationName)
      model = try Model(checkpoint: checkpoint)
    case .pack(let path):
      let pack = try PackReader(path: path)
      tokenizer = try ModelPlace.tokenizer(of: pack)
      endOfSequenceIDs = try ModelConfiguration.endOfSequenceIDs(
        generationConfiguration: pack.manifest.generationConfiguration)
      samplingDefaults = try SamplingDefaults(
        pack.manifest.generationConfiguration, of: path + ": generationConfiguration")
      model = try Model(pack: pack, team: ThreadTeam(threadCount: threadCount))
    }
    guard tokenizer.vocabularySize <= model.configuration.vocabularySize else {
      throw CommandError(
        "\(path): the tokenizer has \(tokenizer.vocabularySize) tokens, the model only \(model.configuration.vocabularySize); they do not belong together"
      )
    }
  }
}

extension SamplingDefaults {
  /// Errors name the file, or the part of it, that the configuration comes from.
  fileprivate init(_ generationConfiguration: JSONValue?, of source: String) throws {
    do throws(GenerationError) {
      try self.init(generationConfiguration: generationConfiguration)
    } catch {
      throw CommandError("\(source): \(error.description)")
    }
  }
}
