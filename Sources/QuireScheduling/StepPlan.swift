/// What one step may use at most.
package struct StepBudget: Sendable, Hashable {
  /// Tokens computed, prompts and answers together.
  package let tokenCount: Int
  /// Tokens of prompts among them, recomputed answers included. A small number keeps the step short for those that
  /// decode.
  package let promptTokenCount: Int
  /// Rows whose logits are wanted: one per sequence that catches up, one per draft token, and the scored rows
  /// of prompts.
  package let logitRowCount: Int

  /// - Parameter promptTokenCount: At least 1; all of `tokenCount` when left out.
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
  /// Block ids that cover positions 0 ..< firstPosition + rowCount (and possibly more).
  package internal(set) var blocks: [Int32]
  /// Rows of this work (0 ..< rowCount) whose logits score the prompt's next token.
  package let scoredRows: Range<Int>
  /// After this work every known token of the request is computed: the logits of the last of them give the next
  /// one, and those of each draft token the one after it.
  package let completes: Bool
  /// Rows at the end that compute drafts: tokens that may come next but are not known yet. See
  /// `Scheduler.draft`.
  package internal(set) var draftCount = 0

  /// Rows whose logits choose tokens: the last known token's, then the drafts'. Empty unless it completes.
  package var choosingRows: Range<Int> {
    completes ? rowCount - draftCount - 1..<rowCount : rowCount..<rowCount
  }

  /// Rows whose logits this work needs: those that score, then those that choose.
  package var logitRowCount: Int { scoredRows.count + choosingRows.count }
}

/// One step of the engine: filled by `Scheduler.plan`, reused from step to step.
package struct StepPlan: Sendable, Hashable {
  /// Those that decode in the order of the line, then prompts.
  package internal(set) var work: [StepWork] = []
  /// Requests that lost their slot and their blocks in this step, and will be computed again later.
  package internal(set) var preempted: [UInt64] = []
  /// Requests that got a slot in this step.
  package internal(set) var admitted: [UInt64] = []
  /// Tokens that each of them found computed.
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

  /// Lets go of the block lists, once the step is computed.
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
