/// The limits of one step.
package struct StepBudget: Sendable, Hashable {
  /// Tokens computed, in prompts and answers.
  package let tokenCount: Int
  /// Tokens of prompts among them, including recomputed answers. A small number keeps the step short for decoding
  /// requests.
  package let promptTokenCount: Int
  /// Rows that need logits: one per sequence whose known tokens are all computed, one per draft token, and the scored
  /// rows of prompts.
  package let logitRowCount: Int

  /// - Parameter promptTokenCount: At least 1; `nil` for `tokenCount`.
  package init(tokenCount: Int, promptTokenCount: Int? = nil, logitRowCount: Int) {
    self.tokenCount = tokenCount
    self.promptTokenCount = promptTokenCount ?? tokenCount
    self.logitRowCount = logitRowCount
  }
}

/// The part of a step that belongs to one request.
package struct StepWork: Sendable, Hashable {
  package let id: UInt64
  /// Position of the first token to compute; everything before it is in the cache.
  package let firstPosition: Int
  /// Tokens to compute, at least 1; drafts are the last of them.
  package internal(set) var rowCount: Int
  /// Block ids that cover at least positions 0 ..< firstPosition + rowCount.
  package internal(set) var blocks: [Int32]
  /// Rows of this work (0 ..< rowCount) whose logits score the prompt's next token.
  package let scoredRows: Range<Int>
  /// Whether every known token of the request is computed after this work. The logits of the last known token then
  /// give the next token, and those of each draft the token after it.
  package let completes: Bool
  /// Number of rows at the end that compute drafts: guessed next tokens. See `Scheduler.draft`.
  package internal(set) var draftCount = 0

  /// Rows whose logits choose tokens: the last known token's, then the drafts'. Empty unless the work completes.
  package var choosingRows: Range<Int> {
    completes ? rowCount - draftCount - 1..<rowCount : rowCount..<rowCount
  }

  /// Rows that need logits: those that score, then those that choose.
  package var logitRowCount: Int { scoredRows.count + choosingRows.count }
}

/// One step of the engine: filled by `Scheduler.plan`, reused from step to step.
package struct StepPlan: Sendable, Hashable {
  /// Decoding requests in the order of the line, then prompts.
  package internal(set) var work: [StepWork] = []
  /// Requests that lost their slot and blocks in this step; they are computed again later.
  package internal(set) var preempted: [UInt64] = []
  /// Requests that got a slot in this step.
  package internal(set) var admitted: [UInt64] = []
  /// For each admitted request, how many of its tokens were in shared blocks.
  package internal(set) var reusedTokenCounts: [Int] = []
  package internal(set) var tokenCount = 0
  package internal(set) var logitRowCount = 0

  package init() {}

  package var isEmpty: Bool { work.isEmpty }

  mutating func removeAll() {
    work.removeAll(keepingCapacity: true)
    preempted.removeAll(keepingCapacity: true)
    admitted.removeAll(keepingCapacity: true)
    reusedTokenCounts.removeAll(keepingCapacity: true)
    tokenCount = 0
    logitRowCount = 0
  }

  mutating func append(_ item: StepWork) {
    work.append(item)
    tokenCount += item.rowCount
    logitRowCount += item.logitRowCount
  }

  /// Releases the block lists after the step was computed.
  package mutating func forgetBlocks() {
    for index in work.indices { work[index].blocks = [] }
  }

  mutating func extend(_ index: Int, draftCount: Int, blocks: [Int32]) {
    work[index].draftCount = draftCount
    work[index].rowCount += draftCount
    work[index].blocks = blocks
    tokenCount += draftCount
    logitRowCount += draftCount
  }
}
