package import QuireText

/// The token sequences to predict, and the document of each.
package struct TextWindows: Sendable, Equatable {
  /// Each has at least two tokens: one to start from and one to predict.
  package private(set) var windows: [[Int32]] = []
  /// The document of each window; errors are taken between documents.
  package private(set) var documents: [Int] = []
  package private(set) var documentCount = 0
  /// Predicted tokens: all but the first of each window.
  package private(set) var scoredCount = 0

  /// Cuts documents into windows.
  ///
  /// - Parameters:
  ///   - documents: token ids; documents of fewer than two tokens have nothing to predict and are left out.
  ///   - windowTokens: the most tokens of a window; longer documents are cut.
  ///   - scoredLimit: stop after this many predicted tokens; nil takes all.
  package init(documents: [[Int32]], windowTokens: Int, scoredLimit: Int?) {
    precondition(windowTokens > 1, "a window of one token has nothing to predict")
    for document in documents where document.count > 1 {
      guard scoredCount < scoredLimit ?? .max else { break }
      append(document, windowTokens: windowTokens, scoredLimit: scoredLimit)
      documentCount += 1
    }
  }

  private mutating func append(_ document: [Int32], windowTokens: Int, scoredLimit: Int?) {
    for start in stride(from: 0, to: document.count, by: windowTokens) {
      let remaining = scoredLimit.map { $0 - scoredCount } ?? .max
      guard remaining > 0 else { return }
      let end = min(start + min(windowTokens, remaining == .max ? .max : remaining + 1), document.count)
      guard end - start > 1 else { return }
      windows.append(Array(document[start..<end]))
      documents.append(documentCount)
      scoredCount += end - start - 1
    }
  }
}

extension TextWindows {
  /// The windows of a text under a protocol.
  ///
  /// - Parameters:
  ///   - maximumPositions: the most positions the model has; no window is longer.
  ///   - scoredLimit: at most this many predicted tokens, from the text's beginning.
  package init(
    text: [UInt8], protocol: TextProtocol, tokenizer: Tokenizer, maximumPositions: Int, scoredLimit: Int?
  ) throws(EvaluationError) {
    switch `protocol` {
    case .lines:
      guard let end = tokenizer.id(of: Self.endOfText) else {
        throw .model(
          "expected the token \(Self.endOfText), which ends a document, in the model's tokenizer, found none; "
            + "evaluate the text as windows instead")
      }
      let lines = TextLines(text).lines.filter { !$0.isEmpty }
      self.init(
        documents: lines.map { tokenizer.encode(utf8: Array($0), addedTokens: .plainText) + [end] },
        windowTokens: min(TextProtocol.usualWindow, maximumPositions), scoredLimit: scoredLimit)
    case .windows(let tokenCount):
      let tokens = tokenizer.encode(utf8: text, addedTokens: .plainText)
      let length = min(tokenCount, maximumPositions)
      let starts = stride(from: 0, to: tokens.count, by: length)
      self.init(
        documents: starts.map { Array(tokens[$0..<min($0 + length, tokens.count)]) }, windowTokens: length,
        scoredLimit: scoredLimit)
    }
  }

  /// The token that Qwen3 puts between documents.
  static let endOfText = "<|endoftext|>"
}
