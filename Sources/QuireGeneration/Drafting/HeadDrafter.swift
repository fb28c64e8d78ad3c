import QuireModel
import QuireScheduling
import QuireTensors

/// A draft head that drafts for all requests of a step: one pass for each draft, with a row for each request.
///
/// It drafts from the target's hidden states, so it has to see every row that the target computes. The rows of prompts are
/// stored at once: of a head with one layer that takes keys and values only, about a hundredth of the target's work. The
/// rows of answers are kept as features until the head drafts, or until a request has many; then the weights are read for
/// all requests together. A head whose drafts do not pay costs little more than copying features.
///
/// Keys and values of drafts are computed from the head's own outputs. When drafts come true, they are computed again from
/// the target's features, as in the published method.
///
/// A block that requests share has rows of its own tokens, apart from the last: its next token is that of the request which
/// filled the block. Another request drafts a little worse there; its answer is the same.
final class HeadDrafter: TokenDrafter {
  let rows: HeadRows
  private let vocabularySize: Int
  private let contextLength: Int
  let keepsPrefixes: Bool
  let firstSpareBlock: Int32
  let seed = UInt64.random(in: .min ... .max)
  private let workspace: SamplerWorkspace
  var texts: [UInt64: Held<HeadText>] = [:]
  var freeSlots: [Int]
  /// For each row of a pass after drafts its logit row in the pass before.
  private var previousRows: [Int] = []
  /// For each job its logit row in the last pass.
  private var jobRows: [Int] = []
  private var jobs: [DraftJob] = []
  private var passes: [DraftPass] = []
  let followsTarget = true

  init(_ parts: DraftHeadParts, shape: EngineShape) {
    rows = HeadRows(parts, shape: shape)
    vocabularySize = shape.vocabularySize
    contextLength = parts.pass.head.configuration.model.contextPositions
    keepsPrefixes = shape.keepsPrefixes
    firstSpareBlock = Int32(shape.blockCount)
    workspace = SamplerWorkspace(capacity: parts.pass.head.targetIDs.count)
    freeSlots = Array((0..<shape.maximumSlots).reversed())
    previousRows.reserveCapacity(shape.maximumSlots)
    jobRows.reserveCapacity(shape.maximumSlots)
    jobs.reserveCapacity(shape.maximumSlots)
    passes.reserveCapacity(DraftPlanner.draftCountMaximum)
  }

  var rowCount: Int { rows.rowCount }

  func limit(of text: DraftText) -> Int {
    guard let held = texts[text.id], held.value.isReady(tokenCount: text.tokens.count) else { return 0 }
    return min(text.limit, DraftPlanner.draftCountMaximum, contextLength - text.tokens.count)
  }

  func backlog(of text: DraftText, blocks: [Int32]) -> Int {
    texts[text.id]?.value.readyCount(tokenCount: text.tokens.count) ?? 0
  }

  func run(
    _ wanted: [DraftJob], for list: [DraftText], plan: StepPlan, into proposals: inout DraftProposals
  ) -> [DraftPass] {
    chooseJobs(wanted)
    passes.removeAll(keepingCapacity: true)
    for job in jobs {
      let held = text(job, list)
      held.value.setBlocks(plan.work[list[job.textIndex].workIndex].blocks)
      held.value.removeDrafts()
    }
    var depth = 0
    while fillBatch(depth: depth, list) {
      let start = ContinuousClock.now
      let logits = rows.run(after: depth == 0 ? nil : previousRows)
      let seconds = start.duration(to: .now).seconds
      takeDrafts(depth: depth, list, logits)
      passes.append(DraftPass(rowCount: rows.batch.tokens.count, seconds: seconds))
      rows.empty()
      depth += 1
    }
    for job in jobs {
      proposals.add(textIndex: job.textIndex, confidence: DraftRecord.modelConfidence) {
        $0 += text(job, list).value.drafts
      }
    }
    return passes
  }

  /// Leaves out jobs for which a pass has no rows left, and those that do not draft: rows are stored without being asked for.
  private func chooseJobs(_ wanted: [DraftJob]) {
    jobs.removeAll(keepingCapacity: true)
    jobRows.removeAll(keepingCapacity: true)
    var count = 0
    for job in wanted where job.count > 0 && count + job.rowCount <= rows.pass.maximumRows {
      count += job.rowCount
      jobs.append(job)
      jobRows.append(0)
    }
  }

  private func text(_ job: DraftJob, _ list: [DraftText]) -> Held<HeadText> {
    guard let held = texts[list[job.textIndex].id] else { preconditionFailure("a text without rows") }
    return held
  }

  /// Whether a job gets another draft after `depth` of them.
  private func continues(_ job: DraftJob, depth: Int, _ list: [DraftText]) -> Bool {
    job.count > depth && text(job, list).value.drafts.count == depth
  }

  /// Fills the batch of a pass; false when no text needs one.
  private func fillBatch(depth: Int, _ list: [DraftText]) -> Bool {
    rows.empty()
    previousRows.removeAll(keepingCapacity: true)
    for (index, job) in jobs.enumerated() where continues(job, depth: depth, list) {
      let held = text(job, list)
      if depth == 0 {
        rows.addPending(held.value, job.rowCount, of: list[job.textIndex].tokens)
      } else {
        previousRows.append(jobRows[index])
        rows.batch.tokens.append(held.value.drafts[depth - 1])
        // The first draft takes the place of the text's last token, whose row is not known yet.
        rows.batch.sequences.append(
          ForwardBatch.Slice(
            rowCount: 1, firstPosition: list[job.textIndex].tokens.count - 2 + depth,
            blocks: held.value.blocks))
      }
      jobRows[index] = rows.batch.logitRows.count
      rows.batch.logitRows.append(rows.batch.tokens.count - 1)
    }
    return !rows.batch.tokens.isEmpty
  }

  private func takeDrafts(depth: Int, _ list: [DraftText], _ logits: UnsafeBufferPointer<Float>) {
    guard let base = logits.baseAddress else { return }
    let width = rows.pass.head.targetIDs.count
    for (index, job) in jobs.enumerated() where continues(job, depth: depth, list) {
      let held = text(job, list)
      if depth == 0 { rows.noteStored(held, job.rowCount, of: list[job.textIndex].tokens) }
      let token = rows.pass.head.targetIDs[likeliest(base + jobRows[index] * width)]
      // Ids without a token end the drafts.
      if token < vocabularySize { held.value.add(draft: token) }
    }
  }

  /// The lowest of the draft tokens with the largest logit.
  private func likeliest(_ row: UnsafePointer<Float>) -> Int {
    let count = rows.pass.head.targetIDs.count
    return workspace.firstIndex(of: workspace.survey(row, count: count).maximumKey, in: row, count: count)
  }
}
