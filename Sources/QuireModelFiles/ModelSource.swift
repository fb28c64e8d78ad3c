import QuireCheckpoints
package import QuireJSON
package import QuireModel
package import QuirePacks
package import QuireTensors
package import QuireText
import Synchronization

/// A model on disk: a checkpoint's folder, a GGUF file or a pack, opened once.
///
///     let source = try ModelSource(path: "Qwen3-8B")
///     for notice in source.notices() { print(notice) }
///     let model = try source.load(team: team)
///
/// Everything except weights is read on first use and kept. Files that are not used may be missing, so that a
/// folder with only a tokenizer can be used to tokenize. Safe to use from any thread.
package final class ModelSource: Sendable {
  package let path: String
  /// The model's name for users: the last part of its path without `.quire`, or its name on the Hugging Face hub.
  package let name: String
  /// The open pack; nil for a checkpoint.
  package let pack: PackReader?
  /// Whether it is a GGUF file.
  package let isFile: Bool
  private let adapters: [String]
  private let opened = Mutex<LayerLoader?>(nil)

  /// Decides by what is at the path. A pack's manifest is read here, a checkpoint's files on first use.
  ///
  /// - Parameter adapters: folders of LoRA adapters, which are added to a checkpoint's weights in this order
  package init(path: String, adapters: [String] = []) throws(ModelFileError) {
    self.path = path
    self.adapters = adapters
    name = displayName(path)
    let kind = try ModelPath(path)
    isFile = kind == .file
    switch kind {
    case .folder, .file: pack = nil
    case .pack:
      guard adapters.isEmpty else {
        throw .wrongKind(
          path: path, expected: "a checkpoint for --adapter", found: "a pack",
          advice:
            "make a pack with the adapter in it, quire convert CHECKPOINT --adapter DIR --output PACK, and give "
            + "that one without --adapter")
      }
      pack = try reading { () throws(PackError) in try PackReader(path: path) }
    }
  }

  package var isPack: Bool { pack != nil }

  /// The weights of the checkpoint, checked but not read. Throws for packs.
  ///
  /// - Parameter purpose: the command or part that needs a checkpoint, for the sentence: "convert".
  package func checkpoint(for purpose: String) throws(ModelFileError) -> LayerLoader {
    guard pack == nil else {
      throw .wrongKind(
        path: path, expected: "a checkpoint folder for \(purpose)", found: "a pack",
        advice: "give the checkpoint that it was made from")
    }
    return try loader()
  }

  func loader() throws(ModelFileError) -> LayerLoader {
    if let loader = opened.withLock({ $0 }) { return loader }
    let checkpoint = try reading { [path, adapters] () throws(CheckpointError) in
      try Checkpoint(path: path, adapters: adapters)
    }
    let loader = try reading { () throws(ModelError) in try LayerLoader(checkpoint) }
    opened.withLock { $0 = loader }
    return loader
  }

  package func configuration() throws(ModelFileError) -> ModelConfiguration {
    guard let pack else { return try loader().configuration }
    guard let json = pack.manifest.configuration else {
      throw .incomplete(path: path, lacks: "a configuration")
    }
    return try reading { () throws(ModelError) in try ModelConfiguration(json: json) }
  }

  /// The configuration as it is in the file.
  package func configurationJSON() throws(ModelFileError) -> JSONValue {
    if let pack { return pack.manifest.configuration ?? .null }
    return try loader().checkpoint.configuration
  }

  /// Notices about a checkpoint, or about a delta pack's parent, for the user, one sentence each.
  package func notices() throws(ModelFileError) -> [String] {
    if let pack { return [pack.parentNotice].compactMap(\.self) }
    return try loader().notices
  }

  /// The contents of generation_config.json; nil where there is none.
  package func generationConfiguration() throws(ModelFileError) -> JSONValue? {
    if let pack { return pack.manifest.generationConfiguration }
    return try loader().checkpoint.generationConfiguration
  }

  /// The origin of `generationConfiguration`, for errors.
  package var generationConfigurationPath: String {
    if isFile { return path + ": general.sampling" }
    return isPack
      ? path + ": generationConfiguration" : "\(path)/\(CompanionFile.generationConfiguration.name)"
  }

  /// The end-of-sequence ids in generation_config.json.
  package func endOfSequenceIDs() throws(ModelFileError) -> Set<Int32> {
    let json = try generationConfiguration()
    return try reading { () throws(ModelError) in
      try ModelConfiguration.endOfSequenceIDs(generationConfiguration: json)
    }
  }

  /// The tokenizer alone; a checkpoint's weights and configuration may be missing.
  ///
  /// - Parameter chatFormat: the format to render chats in; nil: that of the model's template.
  package func tokenizer(chatFormat: ChatFormatOverride? = nil) throws(ModelFileError) -> Tokenizer {
    guard let pack else {
      if isFile {
        // A file may have a tokenizer and no weights.
        let checkpoint = try reading { [path] () throws(CheckpointError) in try Checkpoint(path: path) }
        return try reading { () throws(TextError) in try checkpoint.tokenizer(chatFormat: chatFormat) }
      }
      return try reading { [path] () throws(TextError) in try Tokenizer(folder: path, chatFormat: chatFormat)
      }
    }
    guard let tokenizer = pack.manifest.tokenizer else {
      throw .incomplete(path: path, lacks: "a tokenizer")
    }
    return try reading { () throws(TextError) in
      try Tokenizer(
        tokenizer: tokenizer, configuration: pack.manifest.tokenizerConfiguration, chatFormat: chatFormat,
        recordedChatFormat: pack.manifest.chatFormat)
    }
  }

  /// Why the model cannot use a tokenizer: it has ids that the model does not have.
  ///
  /// - Parameter rows: The number of ids that the model has.
  package func mismatch(of tokenizer: Tokenizer, rows: Int) -> ModelFileError? {
    tokenizer.vocabularySize <= rows
      ? nil : .tokenizer(path: path, tokens: tokenizer.vocabularySize, rows: rows)
  }

  /// All weights in memory. `onProgress` gets the number of loaded parts, such as layers, and of all parts, from any
  /// thread.
  package func load(
    team: ThreadTeam, onProgress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(ModelFileError) -> Model {
    if let pack {
      return try reading { () throws(ModelError) in
        try Model(pack: pack, team: team, onProgress: onProgress)
      }
    }
    let loader = try loader()
    return try reading { () throws(ModelError) in try Model(loader, onProgress: onProgress) }
  }
}
