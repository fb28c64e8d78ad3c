import QuireEvaluation
import QuireFiles
import QuireGeneration
import QuireModel
import QuireModelFiles
import QuireText

/// The model that `--draft` names, opened and checked against the model that it drafts for; its weights are not read yet.
struct OpenedDraft {
  let source: ModelSource
  let configuration: ModelConfiguration
  private let spelling: String

  /// nil without the option. Reads small files only.
  init?(_ arguments: Arguments) throws {
    guard let path = arguments.string("--draft") else { return nil }
    spelling = arguments.spelling("--draft")
    guard path != InputFile.standardInputPath else {
      throw UsageError(
        arguments.command, "\(spelling): expected the path of a model, found -; give a file or folder")
    }
    source = try ModelSource(path: path)
    configuration = try source.configuration()
  }

  var name: String { source.name }

  /// Refuses a draft model whose token ids stand for other tokens.
  func check(_ tokenizer: Tokenizer, of target: ModelSource) throws {
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

  /// Refuses two models that do not fit into memory together, before either is read. A single one is checked by its own
  /// opening.
  func checkMemory(with target: ModelSource) throws {
    let (draft, model) = (try source.loadedBytes(), try target.loadedBytes())
    let available = Machine.availableBytes
    guard draft + model > available else { return }
    throw CommandError(
      "\(spelling): expected \(ByteText.of(draft + model)) of free memory for the weights of \(target.path) and of "
        + "\(source.path), found \(ByteText.of(available)); give a smaller draft model, leave it out, or free memory"
    )
  }

  /// All weights.
  func load(threadCount: Int, quiet: Bool) throws -> Model {
    try source.model(threadCount: threadCount, quiet: quiet)
  }
}
