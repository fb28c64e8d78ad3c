import QuireEvaluation
import QuireFiles
import QuireGeneration
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText

/// A model ready to answer.
struct OpenedModel {
  let name: String
  let model: Model
  let tokenizer: Tokenizer
  /// Ids that generation_config.json ends answers with.
  let endOfSequenceIDs: Set<Int32>
  /// How tokens are chosen where neither request nor command line say it.
  let samplingDefaults: SamplingDefaults

  /// Reads what is quick to refuse first, then all weights.
  ///
  /// - Parameters:
  ///   - chatFormat: The format to render chats in; nil goes by the model's template.
  ///   - needsChats: Whether a model whose chats cannot be rendered is refused.
  init(_ source: ModelSource, threadCount: Int, chatFormat: ChatFormat?, needsChats: Bool) throws {
    name = source.name
    tokenizer = try source.tokenizer(chatFormat: chatFormat)
    if needsChats { _ = try tokenizer.chatFormat.required() }
    endOfSequenceIDs = try source.endOfSequenceIDs()
    let generation = try source.generationConfiguration()
    do throws(GenerationError) {
      samplingDefaults = try SamplingDefaults(generationConfiguration: generation)
    } catch {
      throw CommandError("\(source.generationConfigurationPath): \(error.description)")
    }
    let rows = try source.configuration().vocabularySize
    guard tokenizer.vocabularySize <= rows else {
      throw ModelFileError.tokenizer(path: source.path, tokens: tokenizer.vocabularySize, rows: rows)
    }
    model = try source.model(ThreadTeam(threadCount: threadCount))
  }
}

extension ModelSource {
  /// All weights in memory. What a user should know about them goes to stderr, even for those who asked for quiet,
  /// because it changes results.
  func model(_ team: ThreadTeam) throws -> Model {
    showNotices(try notices())
    // A pack is checked while it is unpacked; a checkpoint that does not fit would end the process, or swap for hours.
    if !isPack {
      let (needed, available) = (try size().weightBytes, Machine.availableBytes)
      guard needed <= available else {
        throw ModelFileError.memory(
          path: path, needed: ByteText.of(needed), available: ByteText.of(available))
      }
    }
    return try load(team: team)
  }
}

extension Arguments {
  /// MODEL or CHECKPOINT, opened.
  func modelSource() throws -> ModelSource { try ModelSource(path: positionals[0]) }
}

/// What a user should know about a model, a line each.
func showNotices(_ notices: [String]) {
  for notice in notices { Terminal.errorLine("note: \(notice)") }
}
