import QuireJSON
import QuireModel
import QuireModelFiles
import QuireText

/// The tokenizer of a model, as `inspect` shows it: what it holds, whether its ids fit the model, and whether it has the
/// tokens of chats. A fault in it hides nothing else of the model.
struct TokenizerInspection {
  /// nil where the model has none, or a broken one.
  private let tokenizer: Tokenizer?
  /// The number of ids that the model has.
  private let rowCount: Int
  /// Why no command can use the tokenizer.
  let fault: String?
  /// What is of no use though the tokenizer can be read.
  let notices: [String]

  init(_ source: ModelSource) throws {
    let rows = try source.configuration().vocabularySize
    rowCount = rows
    guard source.hasTokenizer else {
      (tokenizer, fault, notices) = (nil, nil, [])
      return
    }
    do throws(ModelFileError) {
      tokenizer = try source.tokenizer()
    } catch {
      (tokenizer, fault, notices) = (nil, error.description, [])
      return
    }
    fault = tokenizer.flatMap { source.mismatch(of: $0, rows: rows)?.description }
    notices = fault == nil ? try tokenizer.map { try source.chatNotices($0) } ?? [] : []
  }

  var json: JSONValue {
    guard let tokenizer else { return fault.map { ["fault": .string($0)] } ?? .null }
    let sizes = tokenizer.sizes
    return [
      "kind": "BPE", "tokens": .int(sizes.tokenCount), "addedTokens": .int(sizes.addedTokenCount),
      "merges": .int(sizes.mergeCount), "vocabularySize": .int(tokenizer.vocabularySize),
      "chatFormat": .string(tokenizer.chatFormat.summary),
      "missingChatTokens": .array(tokenizer.missingChatTokens.map { .string($0) }),
      "fault": fault.map { .string($0) } ?? .null,
    ]
  }

  /// A line for each of tokenizer and chats.
  var text: String {
    guard let tokenizer else {
      return fault == nil ? "tokenizer: none" : "tokenizer: cannot be used, see the message below"
    }
    let sizes = tokenizer.sizes
    let fit = tokenizer.vocabularySize <= rowCount ? "which the model has" : "but the model has \(rowCount)"
    return """
      tokenizer: byte-level BPE, \(sizes.tokenCount) tokens, \(sizes.addedTokenCount) of them added, \(sizes.mergeCount) merges; \(tokenizer.vocabularySize) ids, \(fit)
      chat format: \(tokenizer.chatFormat.summary.visibleLine)
      """
  }
}
