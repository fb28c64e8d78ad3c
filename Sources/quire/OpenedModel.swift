import QuireEvaluation
import QuireFiles
import QuireGeneration
import QuireJSON
import QuireModel
import QuireModelFiles
import QuirePacks
import QuireTensors
import QuireText

/// A loaded model with its tokenizer and defaults.
struct OpenedModel {
  let name: String
  let model: Model
  /// What drafts for it, and its name.
  let draft: (name: String, loaded: EngineDraft)?
  let tokenizer: Tokenizer
  /// End-of-sequence ids of generation_config.json.
  let endOfSequenceIDs: Set<Int32>
  /// Default sampling parameters, for values that neither the request nor the command line sets.
  let samplingDefaults: SamplingDefaults

  /// Reads the small files first, so that errors in them are reported quickly, then all weights.
  ///
  /// - Parameters:
  ///   - chatFormat: What the user says about the chat format; the rest is found in the model.
  ///   - needsChats: Whether a model whose chats cannot be rendered is refused.
  ///   - draft: The model of `--draft`.
  ///   - quiet: Whether no progress is shown on the terminal.
  init(
    _ source: ModelSource, threadCount: Int, chatFormat: ChatFormatOverride?, needsChats: Bool,
    draft: OpenedDraft? = nil, quiet: Bool
  ) throws {
    name = source.name
    tokenizer = try source.tokenizer(chatFormat: chatFormat)
    if needsChats {
      _ = try tokenizer.chatFormat.required()
      try tokenizer.requireChatTokens()
    }
    let rows = try source.configuration().vocabularySize
    if let mismatch = source.mismatch(of: tokenizer, rows: rows) { throw mismatch }
    showNotices(try source.chatNotices(tokenizer))
    endOfSequenceIDs = try source.endOfSequenceIDs()
    var defaults = try source.samplingDefaults()
    defaults.chatFormat = tokenizer.chatFormat.format ?? .qwen3
    samplingDefaults = defaults
    try draft?.check(tokenizer, of: source)
    model = try source.model(threadCount: threadCount, quiet: quiet)
    let configuration = model.configuration
    self.draft = try draft.map {
      ($0.name, try $0.load(for: configuration, threadCount: threadCount, quiet: quiet))
    }
  }
}

extension ModelSource {
  /// The sampling of generation_config.json. Throws for a member that has the wrong type or is out of range.
  func samplingDefaults() throws -> SamplingDefaults {
    let generation = try generationConfiguration()
    do throws(GenerationError) {
      return try SamplingDefaults(generationConfiguration: generation)
    } catch {
      throw CommandError("\(generationConfigurationPath): \(error.description)")
    }
  }

  /// Why answers are refused or may not end; empty where nothing is known against them.
  func chatNotices(_ tokenizer: Tokenizer) throws -> [String] {
    if let mismatch = mismatch(of: tokenizer, rows: try configuration().vocabularySize) {
      return ["\(mismatch.description); generate, chat and serve refuse the model"]
    }
    let missing = tokenizer.missingChatTokens
    if !missing.isEmpty {
      return [
        "the tokenizer of \(path) has no token \(missing.joined(separator: " and no ")), which its chats need: "
          + "generate, chat and serve refuse chats"
      ]
    }
    let ends = try configuration().endOfSequenceIDs
    guard !ends.isEmpty, !ends.contains(where: tokenizer.isUsed) else { return [] }
    return [
      "the tokenizer of \(path) has no token with the id \(ends.map(String.init).joined(separator: " or ")), which config.json "
        + "names as eos_token_id: answers may not end"
    ]
  }

  /// Loads all weights into memory, with progress on the terminal.
  func model(threadCount: Int, quiet: Bool) throws -> Model {
    let progress = LoadProgress(quiet: quiet)
    defer { progress.end() }
    return try model(ThreadTeam(threadCount: threadCount)) { progress.update($0, of: $1) }
  }

  /// Loads all weights into memory. Notices about them go to stderr even with --quiet, because they affect results.
  func model(
    _ team: ThreadTeam, onProgress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> Model {
    showNotices(try notices())
    // A checkpoint that does not fit into memory would end the process or swap for hours, so it is checked first. A
    // pack is checked while it is decompressed.
    if !isPack {
      let (needed, available) = (try loadedBytes(), Machine.availableBytes)
      guard needed <= available else {
        throw ModelFileError.memory(
          path: path, needed: ByteText.of(needed), available: ByteText.of(available))
      }
    }
    return try load(team: team, onProgress: onProgress)
  }
}

extension Arguments {
  /// MODEL or CHECKPOINT, opened. `-` is a pack on the standard input, which must not be needed for something else.
  func modelSource() throws -> ModelSource {
    let path = positionals[0]
    if path == InputFile.standardInputPath {
      let others = ["--prompt", "--messages"].compactMap(string) + positionals.dropFirst()
      if ["chat", "tokenize"].contains(command) || others.contains(path) {
        throw UsageError(
          command,
          "expected the path of a model, found -: the standard input is read for something else here; save the model and "
            + "give its path")
      }
    }
    return try ModelSource(path: path, adapters: all("--adapter"))
  }

  /// Packs that delta packs may take tensors from, or their folders.
  ///
  /// A path of the option must exist, whether a delta pack is opened or not; one of QUIRE_PARENT, which is for all
  /// commands, only when a delta pack is opened.
  func parentSearch() throws -> ParentSearch {
    let given = all("--parent")
    // Commands that need a file say it in their own words.
    if let missing = ParentSearch(given.filter { $0 != InputFile.standardInputPath }).missingPath {
      throw CommandError(
        "\(spelling("--parent")): expected a readable pack at \(missing), or a folder of packs, found nothing; check the "
          + "path, or leave it out")
    }
    return ParentSearch(given, standing: Environment.parents)
  }
}

/// Prints notices about a model, one per line.
func showNotices(_ notices: [String]) {
  for notice in notices { Terminal.errorLine("note: \(notice)") }
}
