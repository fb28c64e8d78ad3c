/// Drafts by prompt lookup. See `PromptLookup`.
package final class PromptLookupSource: DraftSource {
  private var lookups: [UInt64: Held<PromptLookup>] = [:]

  package init() {}

  package func begin(_ id: UInt64, maximumTokens: Int) {
    lookups[id] = Held(PromptLookup(maximumTokens: maximumTokens))
  }

  package func propose(for texts: [DraftText], into proposals: inout DraftProposals) {
    for (index, text) in texts.enumerated() {
      guard let held = lookups[text.id] else { continue }
      held.value.catchUp(with: text.tokens)
      guard held.value.source != nil else { continue }
      let count = min(text.limit, DraftPlanner.draftCountMaximum)
      proposals.add(textIndex: index, confidence: Self.confidence(matchLength: held.value.matchLength)) {
        held.value.propose(count, after: text.tokens, into: &$0)
      }
    }
  }

  package func end(_ id: UInt64) { lookups[id] = nil }

  /// Classes of match length: 2, 3, 4 to 7, 8 or more.
  private static func confidence(matchLength: Int) -> Int {
    matchLength >= 8 ? 3 : max(0, min(matchLength, 4) - 2)
  }
}
