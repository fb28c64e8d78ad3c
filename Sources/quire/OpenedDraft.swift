import QuireEvaluation
import QuireFiles
import QuireGeneration
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText

/// What `--draft` names, a model or a draft head, opened and checked against the model that it drafts for; its weights are
/// not read yet.
struct OpenedDraft {
  enum Kind {
    case model(ModelSource, ModelConfiguration)
    case head(DraftHeadFolder)
  }

  let kind: Kind
  private let spelling: String

  /// nil without the option. Reads small files only.
  init?(_ arguments: Arguments) throws {
    guard let path = arguments.string("--draft") else { return nil }
    spelling = arguments.spelling("--draft")
    guard path != InputFile.standardInputPath else {
      throw UsageError(
        arguments.command, "\(spelling): expected the path of a model, found -; give a file or folder")
    }
    kind = try Self.naming(spelling) { () throws(ModelFileError) in
      if let head = try DraftHeadFolder(path: path) { return .head(head) }
      let source = try ModelSource(path: path)
      return .model(source, try source.configuration())
    }
  }

  /// Tells what is wrong with the draft apart from what is wrong with its target.
  private static func naming<Value>(
    _ spelling: String, _ body: () throws(ModelFileError) -> Value
  ) throws -> Value {
    do throws(ModelFileError) { return try body() } catch {
      throw CommandError("\(spelling): \(error.description)")
    }
  }

  var name: String {
    switch kind {
    case .model(let source, _): source.name
    case .head(let head): head.name
    }
  }

  var sizes: DraftSizes {
    switch kind {
    case .model(_, let configuration): .model(configuration)
    case .head(let head): .head(head.configuration)
    }
  }

  /// The sizes of its keys and values.
  var configuration: ModelConfiguration { sizes.configuration }

  /// Refuses a draft model whose token ids stand for other tokens, and a head of another model.
  func check(_ tokenizer: Tokenizer, of target: ModelSource) throws {
    switch kind {
    case .model(let source, _): try check(source, tokenizer, of: target)
    case .head: try check(target.configuration())
    }
  }

  /// Refuses a head of another model.
  func check(_ target: ModelConfiguration) throws {
    guard case .head(let head) = kind else { return }
    try Self.naming(spelling) { () throws(ModelFileError) in try head.check(target: target) }
  }

  private func check(_ source: ModelSource, _ tokenizer: Tokenizer, of target: ModelSource) throws {
    let own = try source.tokenizer()
    guard own.vocabularySize <= configuration.vocabularySize else {
      throw ModelFileError.tokenizer(
        path: source.path, tokens: own.vocabularySize, rows: configuration.vocabularySize)
    }
    guard let difference = tokenizer.firstDifference(from: own) else { return }
    throw CommandError(
      "\(spelling): expected the tokens of \(target.path), found \(Self.text(difference.other)) instead of "
        + "\(Self.text(difference.token)) as token \(difference.id) of \(source.path); give a model with the same "
        + "tokenizer, such as a smaller one of the same family")
  }

  private static func text(_ token: [UInt8]) -> String {
    token.isEmpty ? "nothing" : "'\(String(decoding: token.prefix(40), as: UTF8.self).visibleLine)'"
  }

  /// Bytes of the weights as `load` holds them.
  func loadedBytes() throws -> Int {
    switch kind {
    case .model(let source, _): try source.loadedBytes()
    case .head(let head): head.loadedBytes
    }
  }

  /// Refuses what does not fit into memory beside the target's weights, before any are read: the draft's weights, its
  /// keys and values of one full context, and its buffers. A single model is checked by its own opening.
  func checkMemory(with target: ModelSource, _ options: EngineOptions) throws {
    let context = try options.contextLength ?? target.configuration().contextPositions
    let memory = DraftMemory(
      sizes, options: options, blockCount: KeyValueCache.blockCount(positions: context))
    let (weights, others) = (try loadedBytes() + target.loadedBytes(), memory.totalBytes)
    let available = Machine.availableBytes
    guard weights + others > available else { return }
    throw CommandError(
      "\(spelling): expected \(ByteText.of(weights + others)) of free memory (\(ByteText.of(weights)) for the weights of "
        + "\(target.path) and of \(path), \(ByteText.of(others)) for keys, values and buffers of the draft), found "
        + "\(ByteText.of(available)); give a smaller draft or a shorter --context, leave the draft out, or free memory"
    )
  }

  private var path: String {
    switch kind {
    case .model(let source, _): source.path
    case .head(let head): head.path
    }
  }

  /// All weights.
  func load(for target: ModelConfiguration, threadCount: Int, quiet: Bool) throws -> EngineDraft {
    switch kind {
    case .model(let source, _): .model(try source.model(threadCount: threadCount, quiet: quiet))
    case .head(let head): .head(try head.load(target: target, team: ThreadTeam(threadCount: threadCount)))
    }
  }
}
