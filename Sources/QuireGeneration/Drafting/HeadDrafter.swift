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
  private let pass: DraftHeadPass
  private let target: FeatureRows
  private let vocabularySize: Int
  private let contextLength: Int
  private let keepsPrefixes: Bool
  private let firstSpareBlock: Int32
  private let seed = UInt64.random(in: .min ... .max)
  private let workspace: SamplerWorkspace
  /// Features of pending rows.
  private let pending: HostBuffer<Float>  // (slot, pending row, feature, hidden)
  /// Features of the rows of a pass.
  private let gathered: HostBuffer<Float>  // (row, feature, hidden)
  private var blocks: DraftedBlocks
  private var texts: [UInt64: Held<HeadText>] = [:]
  private var freeSlots: [Int]
  private var batch = ForwardBatch(tokens: [], sequences: [], logitRows: [])
  /// For each row of a pass after drafts its logit row in the pass before.
  private var previousRows: [Int] = []
  /// For each job its logit row in the last pass.
  private var jobRows: [Int] = []
  private var jobs: [DraftModel.Job] = []
  private var passes: [DraftModel.Pass] = []
  private(set) var rowCount = 0
  let followsTarget = true

  init(_ parts: DraftHeadParts, shape: EngineShape) {
    pass = parts.pass
    target = parts.features
    vocabularySize = shape.vocabularySize
    contextLength = parts.pass.head.configuration.model.contextPositions
    keepsPrefixes = shape.keepsPrefixes
    firstSpareBlock = Int32(shape.blockCount)
    workspace = SamplerWorkspace(capacity: parts.pass.head.targetIDs.count)
    pending = HostBuffer(count: shape.maximumSlots * HeadText.pendingCapacity * pass.featureWidth)
    gathered = HostBuffer(count: pass.maximumRows * pass.featureWidth)
    blocks = DraftedBlocks(blockCount: shape.blockCount, blockSize: KeyValueCache.blockSize)
    freeSlots = Array((0..<shape.maximumSlots).reversed())
    batch.tokens.reserveCapacity(pass.maximumRows)
    batch.sequences.reserveCapacity(pass.maximumRows)
    batch.logitRows.reserveCapacity(shape.maximumSlots)
    previousRows.reserveCapacity(shape.maximumSlots)
    jobRows.reserveCapacity(shape.maximumSlots)
    jobs.reserveCapacity(shape.maximumSlots)
    passes.reserveCapacity(DraftPlanner.draftCountMaximum)
  }

  // MARK: Drafting

  func limit(of text: DraftText) -> Int {
    guard let held = texts[text.id], held.value.isReady(tokenCount: text.tokens.count) else { return 0 }
    return min(text.limit, DraftPlanner.draftCountMaximum, contextLength - text.tokens.count)
  }

  func backlog(of text: DraftText, blocks: [Int32]) -> Int {
    texts[text.id]?.value.readyCount(tokenCount: text.tokens.count) ?? 0
  }

  func run(
    _ wanted: [DraftModel.Job], for list: [DraftText], plan: StepPlan, into proposals: inout DraftProposals
  ) -> [DraftModel.Pass] {
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
      let logits =
        depth == 0
        ? pass.run(batch, from: .features(UnsafePointer(gathered.pointer)))
        : pass.run(batch, from: .outputs(previousRows))
      let seconds = start.duration(to: .now).seconds
      takeDrafts(depth: depth, list, logits)
      rowCount += batch.tokens.count
      passes.append(DraftModel.Pass(rowCount: batch.tokens.count, seconds: seconds))
      batch.sequences.removeAll(keepingCapacity: true)
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
  private func chooseJobs(_ wanted: [DraftModel.Job]) {
    jobs.removeAll(keepingCapacity: true)
    jobRows.removeAll(keepingCapacity: true)
    var rows = 0
    for job in wanted where job.count > 0 && rows + job.rowCount <= pass.maximumRows {
      rows += job.rowCount
      jobs.append(job)
      jobRows.append(0)
    }
  }

  private func text(_ job: DraftModel.Job, _ list: [DraftText]) -> Held<HeadText> {
    guard let held = texts[list[job.textIndex].id] else { preconditionFailure("a text without rows") }
    return held
  }

  /// Whether a job gets another draft after `depth` of them.
  private func continues(_ job: DraftModel.Job, depth: Int, _ list: [DraftText]) -> Bool {
    job.count > depth && text(job, list).value.drafts.count == depth
  }

  /// Fills the batch of a pass; false when no text needs one.
  private func fillBatch(depth: Int, _ list: [DraftText]) -> Bool {
    emptyBatch()
    previousRows.removeAll(keepingCapacity: true)
    for (index, job) in jobs.enumerated() where continues(job, depth: depth, list) {
      let held = text(job, list)
      if depth == 0 {
        gather(held.value, job.rowCount, of: list[job.textIndex].tokens)
      } else {
        previousRows.append(jobRows[index])
        batch.tokens.append(held.value.drafts[depth - 1])
        // The first draft takes the place of the text's last token, whose row is not known yet.
        batch.sequences.append(
          ForwardBatch.Slice(
            rowCount: 1, firstPosition: list[job.textIndex].tokens.count - 2 + depth,
            blocks: held.value.blocks))
      }
      jobRows[index] = batch.logitRows.count
      batch.logitRows.append(batch.tokens.count - 1)
    }
    return !batch.tokens.isEmpty
  }

  private func takeDrafts(depth: Int, _ list: [DraftText], _ logits: UnsafeBufferPointer<Float>) {
    guard let base = logits.baseAddress else { return }
    let width = pass.head.targetIDs.count
    for (index, job) in jobs.enumerated() where continues(job, depth: depth, list) {
      let held = text(job, list)
      if depth == 0 {
        held.value.noteStored(job.rowCount, of: list[job.textIndex].tokens, drafted: &blocks)
      }
      let token = pass.head.targetIDs[likeliest(base + jobRows[index] * width)]
      // Ids without a token end the drafts.
      if token < vocabularySize { held.value.add(draft: token) }
    }
  }

  /// The lowest of the draft tokens with the largest logit.
  private func likeliest(_ row: UnsafePointer<Float>) -> Int {
    let count = pass.head.targetIDs.count
    return workspace.firstIndex(of: workspace.survey(row, count: count).maximumKey, in: row, count: count)
  }

  // MARK: Rows of the target

  func take(_ plan: StepPlan, requests: [UInt64: ActiveRequest]) {
    for id in plan.preempted { release(id) }
    if plan.work.contains(where: { needsRoom($0) }) { storePending(plan, requests) }
    var row = 0
    for work in plan.work {
      defer { row += work.rowCount }
      guard let request = requests[work.id], let held = begin(work, request) else { continue }
      held.value.setBlocks(work.blocks)
      held.value.keepRows(before: work.firstPosition)
      if held.value.isIncomplete { continue }
      let known = min(work.rowCount, max(0, request.tokens.count - 1 - work.firstPosition))
      if known > 0 {
        storePending(held, request.tokens)
        store(held, rows: row..<row + known, request.tokens)
      }
      keep(held, rows: row + known..<row + work.rowCount)
    }
    flush()
  }

  /// Whether a work's new rows might not fit beside those that are pending.
  private func needsRoom(_ work: StepWork) -> Bool {
    guard let held = texts[work.id], held.value.pendingCount > 0 else { return false }
    return held.value.pendingCount + work.rowCount > HeadText.pendingCountMaximum
  }

  /// The text of a work; nil where no slot is left.
  private func begin(_ work: StepWork, _ request: ActiveRequest) -> Held<HeadText>? {
    if let held = texts[work.id] { return held }
    guard let slot = freeSlots.popLast() else { return nil }
    let held = Held(
      HeadText(
        slot: slot, spareBlock: firstSpareBlock + Int32(slot), maximumTokens: request.tokenLimit + 1,
        seed: seed))
    held.value.begin(
      with: request.tokens, at: work.firstPosition, drafted: blocks, blocks: work.blocks)
    texts[work.id] = held
    return held
  }

  private func release(_ id: UInt64) {
    guard let held = texts.removeValue(forKey: id) else { return }
    freeSlots.append(held.value.slot)
  }

  func forgetTexts() {
    for held in texts.values { freeSlots.append(held.value.slot) }
    texts.removeAll(keepingCapacity: true)
  }

  func end(_ id: UInt64, tokens: [Int32]) {
    // For later requests that begin with this text.
    if keepsPrefixes, let held = texts[id], !held.value.isIncomplete {
      storePending(held, tokens)
      flush()
    }
    release(id)
  }

  private func place(_ text: HeadText, _ row: Int) -> UnsafeMutablePointer<Float> {
    pending.pointer + (text.slot * HeadText.pendingCapacity + row) * pass.featureWidth
  }

  /// Keeps the features of rows of the target's batch.
  private func keep(_ held: Held<HeadText>, rows: Range<Int>) {
    guard held.value.pendingCount + rows.count <= HeadText.pendingCapacity else {
      return held.value.loseRows()
    }
    for row in rows {
      place(held.value, held.value.pendingCount).update(from: target.row(row), count: pass.featureWidth)
      held.value.notePending(1)
    }
  }

  // MARK: Storing keys and values

  /// Stores the pending rows of all works, so that the weights are read once for all of them.
  private func storePending(_ plan: StepPlan, _ requests: [UInt64: ActiveRequest]) {
    for work in plan.work {
      guard let request = requests[work.id], let held = texts[work.id], !held.value.isIncomplete else {
        continue
      }
      held.value.keepRows(before: work.firstPosition)
      storePending(held, request.tokens)
    }
    flush()
  }

  private func storePending(_ held: Held<HeadText>, _ tokens: [Int32]) {
    let count = held.value.readyCount(tokenCount: tokens.count)
    guard count > 0, !held.value.isIncomplete else { return }
    if batch.tokens.count + count > pass.maximumRows { flush() }
    gather(held.value, count, of: tokens)
    held.value.noteStored(count, of: tokens, drafted: &blocks)
  }

  /// Adds the first pending rows of a text to the batch.
  private func gather(_ text: HeadText, _ count: Int, of tokens: [Int32]) {
    gathered.pointer.advanced(by: batch.tokens.count * pass.featureWidth)
      .update(from: place(text, 0), count: count * pass.featureWidth)
    let first = text.storedCount
    batch.tokens += tokens[first + 1..<first + 1 + count]
    batch.sequences.append(
      ForwardBatch.Slice(rowCount: count, firstPosition: first, blocks: text.blocks))
  }

  /// Adds rows of the target's batch, which follow those of the text that are stored.
  private func store(_ held: Held<HeadText>, rows: Range<Int>, _ tokens: [Int32]) {
    var rows = rows
    while !rows.isEmpty {
      if batch.tokens.count == pass.maximumRows { flush() }
      let count = min(rows.count, pass.maximumRows - batch.tokens.count)
      gathered.pointer.advanced(by: batch.tokens.count * pass.featureWidth)
        .update(from: target.row(rows.lowerBound), count: count * pass.featureWidth)
      let first = held.value.storedCount
      batch.tokens += tokens[first + 1..<first + 1 + count]
      batch.sequences.append(
        ForwardBatch.Slice(rowCount: count, firstPosition: first, blocks: held.value.blocks))
      held.value.noteStored(count, of: tokens, drafted: &blocks)
      rows = rows.lowerBound + count..<rows.upperBound
    }
  }

  /// Computes the keys and values of the batch.
  private func flush() {
    if !batch.tokens.isEmpty {
      pass.run(batch, from: .features(UnsafePointer(gathered.pointer)))
      rowCount += batch.tokens.count
    }
    emptyBatch()
  }

  private func emptyBatch() {
    batch.tokens.removeAll(keepingCapacity: true)
    batch.sequences.removeAll(keepingCapacity: true)
    batch.logitRows.removeAll(keepingCapacity: true)
  }
}
