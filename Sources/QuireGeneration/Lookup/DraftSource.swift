/// Proposes tokens that may come next in the texts of a step, for all of its requests at once.
///
/// A proposal costs no answer: the model computes proposed tokens in the same step and keeps those that it would have
/// chosen. `PromptLookupSource` copies from the text itself; a small model would run one batch for all texts here.
///
/// Called on the engine's thread. After `begin` of a request it allocates nothing.
package protocol DraftSource: AnyObject {
  /// A request that comes to have at most `maximumTokens` tokens will be asked about.
  func begin(_ id: UInt64, maximumTokens: Int)

  /// Looks at the texts of a step and adds to `proposals` what may follow them; nothing for a text that it knows
  /// nothing about.
  func propose(for texts: [DraftText], into proposals: inout DraftProposals)

  /// The request has ended.
  func end(_ id: UInt64)
}

/// A text that drafts are wanted for.
package struct DraftText: Sendable {
  package let id: UInt64
  /// The work of the step that computes the text's last token.
  package let workIndex: Int
  /// Prompt and answer so far: what a source has seen before, and at least one token more.
  package let tokens: [Int32]
  /// Drafts that the request can have at most; at least 1.
  package let limit: Int

  package init(id: UInt64, workIndex: Int, tokens: [Int32], limit: Int) {
    self.id = id
    self.workIndex = workIndex
    self.tokens = tokens
    self.limit = limit
  }
}

/// What a source expects, text by text.
package struct DraftProposals: Sendable {
  package struct Proposal: Sendable, Equatable {
    /// The text, by its index in the step's list.
    package let textIndex: Int
    /// Its part of `tokens`.
    package let range: Range<Int>
    /// How sure the source is, 0 ..< `DraftRecord.confidenceCount`. What each level is worth is learned from what
    /// becomes of drafts.
    package let confidence: Int
  }

  /// The tokens of all proposals, one after the other.
  package private(set) var tokens: [Int32] = []
  package private(set) var list: [Proposal] = []

  /// - Parameter textCountMaximum: texts that get proposals in a step without an allocation
  package init(textCountMaximum: Int) {
    list.reserveCapacity(textCountMaximum)
    tokens.reserveCapacity(textCountMaximum * DraftPlanner.draftCountMaximum)
  }

  /// Proposes what `body` appends, in order; nothing when that is nothing.
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
