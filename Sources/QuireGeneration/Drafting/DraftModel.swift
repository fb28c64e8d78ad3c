import QuireModel
import QuireScheduling

/// A small model with the target's tokens that drafts for all requests of a step: one pass for each draft, with a row for
/// each request.
///
/// Its drafts are its likeliest tokens, also when the target samples: the target draws its own token with its own seed
/// and accepts a draft that is equal, so the distribution of answers is the target's, exactly. (Drawing the drafts, as Y.
/// Leviathan et al., Fast Inference from Transformers via Speculative Decoding, 2023, would accept more of them at high
/// temperatures; but answers would then depend on the draft model.)
///
/// Its keys and values are in a cache of its own, in the blocks that the scheduler gave to the request. It computes what
/// it lacks when it is about to draft: the prompt, and tokens that came without it. See `DraftedBlocks`.
///
/// Drafts beyond a request's last block are computed in one more block of each slot, whose contents are not kept.
final class DraftModel: TokenDrafter {
  /// Tokens computed by a pass that only computes known tokens.
  static let catchUpRowCountMaximum = 256
  /// A text with at most this many tokens to compute can be drafted for in the same step.
  static let readyRowCountMaximum = 16

  private let parts: DraftModelParts
  private let vocabularySize: Int
  private let firstSpareBlock: Int32
  private var blocks: DraftedBlocks
  private var texts: [UInt64: Held<DraftedText>] = [:]
  private let seed = UInt64.random(in: .min ... .max)
  private let workspace: SamplerWorkspace
  private var batch = ForwardBatch(tokens: [], sequences: [], logitRows: [])
  /// The jobs of the step that fit into the passes.
  private var jobs: [DraftJob] = []
  /// The passes of the last step.
  private var passes: [DraftPass] = []
  /// Rows computed so far.
  private(set) var rowCount = 0

  init(_ parts: DraftModelParts, shape: EngineShape) {
    self.parts = parts
    vocabularySize = min(shape.vocabularySize, parts.rowWidth)
    firstSpareBlock = Int32(shape.blockCount)
    blocks = DraftedBlocks(blockCount: shape.blockCount, blockSize: KeyValueCache.blockSize)
    workspace = SamplerWorkspace(capacity: vocabularySize)
    batch.tokens.reserveCapacity(parts.maximumRows)
    batch.sequences.reserveCapacity(shape.maximumSlots)
    batch.logitRows.reserveCapacity(shape.maximumSlots)
    jobs.reserveCapacity(shape.maximumSlots)
    passes.reserveCapacity(DraftPlanner.draftCountMaximum)
  }

  /// Drafts that the model's context leaves for a text.
  func limit(of text: DraftText) -> Int {
    min(text.limit, DraftPlanner.draftCountMaximum, parts.contextLength - text.tokens.count)
  }

  /// Known tokens that must be computed before the text can be drafted for, at least 1: its last token's logits are
  /// needed.
  func backlog(of text: DraftText, blocks textBlocks: [Int32]) -> Int {
    let held = texts[text.id] ?? Held(DraftedText(text, seed: seed))
    texts[text.id] = held
    held.value.catchUp(with: text.tokens, blocks: textBlocks, drafted: &blocks)
    return text.tokens.count - held.value.computedCount
  }

  /// It reads nothing of the target.
  func take(_ plan: StepPlan, requests: [UInt64: ActiveRequest]) {}

  let followsTarget = false

  /// Nothing to forget: what is computed costs nothing until the planner asks for more.
  func forgetRows() {}

  func release(_ id: UInt64) { texts[id] = nil }

  func end(_ id: UInt64, tokens: [Int32]) { release(id) }

  /// Proposes drafts, and computes known tokens for later ones. `backlog` was called for these texts in this step.
  /// Returns the passes, whose times must be recorded.
  func run(
    _ wanted: [DraftJob], for list: [DraftText], plan: StepPlan, into proposals: inout DraftProposals
  ) -> [DraftPass] {
    chooseJobs(wanted)
    passes.removeAll(keepingCapacity: true)
    for (slot, job) in jobs.enumerated() {
      text(job, list).value.setBlocks(
        plan.work[list[job.textIndex].workIndex].blocks, spare: firstSpareBlock + Int32(slot))
    }
    var depth = 0
    while fillBatch(depth: depth, list) {
      let start = ContinuousClock.now
      let logits = parts.forward.logits(of: batch)
      let seconds = start.duration(to: .now).seconds
      takeDrafts(depth: depth, list, logits)
      rowCount += batch.tokens.count
      passes.append(DraftPass(rowCount: batch.tokens.count, seconds: seconds))
      batch.sequences.removeAll(keepingCapacity: true)
      depth += 1
    }
    for job in jobs where job.count > 0 {
      proposals.add(textIndex: job.textIndex, confidence: DraftRecord.modelConfidence) {
        $0 += text(job, list).value.drafts
      }
    }
    return passes
  }

  /// Leaves out jobs for which a pass has no rows left.
  private func chooseJobs(_ wanted: [DraftJob]) {
    jobs.removeAll(keepingCapacity: true)
    var rows = 0
    for job in wanted where rows + job.rowCount <= parts.maximumRows {
      rows += job.rowCount
      jobs.append(job)
    }
  }

  private func text(_ job: DraftJob, _ list: [DraftText]) -> Held<DraftedText> {
    guard let held = texts[list[job.textIndex].id] else { preconditionFailure("a text without a backlog") }
    return held
  }

  /// Fills the batch of a pass; false when no text needs one. The first pass computes known tokens, each other one the
  /// drafts of the pass before.
  private func fillBatch(depth: Int, _ list: [DraftText]) -> Bool {
    batch.tokens.removeAll(keepingCapacity: true)
    batch.logitRows.removeAll(keepingCapacity: true)
    for job in jobs where depth == 0 || job.count > depth {
      let held = text(job, list)
      let tokens = list[job.textIndex].tokens
      let first = depth == 0 ? held.value.computedCount : tokens.count + depth - 1
      let count = depth == 0 ? job.rowCount : 1
      if depth == 0 {
        batch.tokens += tokens[first..<first + count]
      } else {
        batch.tokens.append(held.value.drafts[depth - 1])
      }
      batch.sequences.append(
        ForwardBatch.Slice(rowCount: count, firstPosition: first, blocks: held.value.blocks))
      if job.count > depth { batch.logitRows.append(batch.tokens.count - 1) }
    }
    return !batch.tokens.isEmpty
  }

  private func takeDrafts(depth: Int, _ list: [DraftText], _ logits: UnsafeBufferPointer<Float>) {
    precondition(logits.count == batch.logitRows.count * parts.rowWidth, "logits of another number of rows")
    var row = 0
    for job in jobs where depth == 0 || job.count > depth {
      let held = text(job, list)
      if depth == 0 {
        held.value.noteComputed(job.rowCount, of: list[job.textIndex].tokens, drafted: &blocks)
      }
      guard job.count > depth, let base = logits.baseAddress else { continue }
      held.value.add(draft: likeliest(base + row * parts.rowWidth))
      row += 1
    }
  }

  /// The lowest of the ids with the largest logit, as the sampler chooses at temperature 0.
  private func likeliest(_ row: UnsafePointer<Float>) -> Int32 {
    let survey = workspace.survey(row, count: vocabularySize)
    return Int32(workspace.firstIndex(of: survey.maximumKey, in: row, count: vocabularySize))
  }
}
