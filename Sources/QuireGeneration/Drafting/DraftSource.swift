/// Proposes likely next tokens for the texts of a step, for all its requests at once.
///
/// A proposal cannot change an answer: the model computes proposed tokens in the same step and keeps only those that it
/// would have chosen. `PromptLookupSource` copies from the text itself. `DraftModel` is no such source: its drafts cost time,
/// so it is asked only for those that the planner wants.
///
/// Called on the engine's thread. Must not allocate except in `begin`.
package protocol DraftSource: AnyObject {
  /// Prepares for a request that will have at most `maximumTokens` tokens.
  func begin(_ id: UInt64, maximumTokens: Int)

  /// Adds likely next tokens of each text to `proposals`; none for a text without a prediction.
  func propose(for texts: [DraftText], into proposals: inout DraftProposals)

  /// The request has ended.
  func end(_ id: UInt64)
}

/// A text to propose drafts for.
package struct DraftText: Sendable {
  package let id: UInt64
  /// The work of the step that computes the text's last token.
  package let workIndex: Int
  /// Prompt and answer so far: at least one token more than in the previous call.
  package let tokens: [Int32]
  /// Maximum number of drafts for the request; at least 1.
  package let limit: Int
  /// Tokens of the answer so far.
  package let answerCount: Int

  package init(id: UInt64, workIndex: Int, tokens: [Int32], limit: Int, answerCount: Int) {
    self.id = id
    self.workIndex = workIndex
    self.tokens = tokens
    self.limit = limit
    self.answerCount = answerCount
  }
}

/// The proposals of a source for each text.
package struct DraftProposals: Sendable {
  package struct Proposal: Sendable, Equatable {
    /// Index of the text in the step's list.
    package let textIndex: Int
    /// Its range in `tokens`.
    package let range: Range<Int>
    /// The source's confidence, 0 ..< `DraftRecord.confidenceCount`, or `DraftRecord.modelConfidence`. The acceptance rate
    /// of each level is learned.
    package let confidence: Int
  }

  /// The tokens of all proposals, one after the other.
  package private(set) var tokens: [Int32] = []
  package private(set) var list: [Proposal] = []

  /// - Parameter textCountMaximum: texts that get proposals in a step without an allocation
  package init(textCountMaximum: Int) {
    // Of a source and of the draft model.
    list.reserveCapacity(2 * textCountMaximum)
    tokens.reserveCapacity(2 * textCountMaximum * DraftPlanner.draftCountMaximum)
  }

  /// Adds the tokens that `body` appends as a proposal; none if it appends nothing.
  package mutating func add(textIndex: Int, confidence: Int, _ body: (inout [Int32]) -> Void) {
    let start = tokens.count
    body(&tokens)
    guard tokens.count > start else { return }
    list.append(Proposal(textIndex: textIndex, range: start..<tokens.count, confidence: confidence))
  }

  mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    list.removeAll(keepingCapacity: true)
  }
}
