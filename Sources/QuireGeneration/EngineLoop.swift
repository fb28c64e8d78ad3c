import QuireGrammar
import QuireModel
import QuireScheduling
import QuireText

/// Limits that apply to every request of an engine.
struct EngineLimits: Sendable {
  let vocabularySize: Int
  let contextLength: Int
  let endOfSequenceIDs: Set<Int32>
  /// The ids that have a token; nil when all have one.
  let usedTokens: TokenMask?
}

/// The loop of the engine's thread: collect requests, plan a step, run the model, sample, deliver; until closed.
///
/// A request with unusable logits fails with a message. The other requests of the step continue, because the rows of
/// a batch are independent.
final class EngineLoop {
  private let mailbox: Mailbox
  private let forward: any StepForward
  private let metrics: MetricsCounter
  private let shape: EngineShape
  private let limits: EngineLimits
  private let recorder: TokenRecorder
  private let rowWidth: Int
  private let onStep: (@Sendable (Scheduler) -> Void)?

  private var scheduler: Scheduler
  private var plan = StepPlan()
  private var drafting: StepDrafting
  private var pacing: PromptPacing
  private var batch = ForwardBatch(tokens: [], sequences: [], logitRows: [])
  private var requests: [UInt64: ActiveRequest] = [:]
  /// The earliest deadline of all requests; `nil` if none has a deadline.
  private var nextDeadline: ContinuousClock.Instant?

  init(_ parts: EngineParts, mailbox: Mailbox, metrics: MetricsCounter) {
    let shape = parts.shape
    self.mailbox = mailbox
    self.metrics = metrics
    self.shape = shape
    forward = parts.forward
    rowWidth = parts.rowWidth
    limits = EngineLimits(
      vocabularySize: shape.vocabularySize, contextLength: shape.contextLength,
      endOfSequenceIDs: parts.endOfSequenceIDs, usedTokens: TokenMask(usedBy: parts.tokenizer))
    recorder = TokenRecorder(
      tokenizer: parts.tokenizer, vocabularySize: shape.vocabularySize, rowWidth: parts.rowWidth)
    drafting = StepDrafting(
      mode: shape.lookup, modelMode: shape.modelDrafts, maximumSlots: shape.maximumSlots,
      model: parts.drafter(), modelShare: parts.drafterShare, source: parts.makeDraftSource())
    pacing = PromptPacing(maximumSlots: shape.maximumSlots)
    onStep = parts.onStep
    scheduler = Scheduler(
      blockCount: shape.blockCount, blockSize: KeyValueCache.blockSize, maximumSlots: shape.maximumSlots,
      keepsPrefixes: shape.keepsPrefixes)
    batch.tokens.reserveCapacity(shape.tokenBudget)
    batch.sequences.reserveCapacity(shape.maximumSlots)
    batch.logitRows.reserveCapacity(shape.logitRowBudget)
  }

  /// Returns when the mailbox is closed and every request has received its last event.
  func run() {
    while true {
      let mail = mailbox.collect(waits: scheduler.isEmpty)
      for submission in mail.submissions { accept(submission) }
      for id in mail.cancellations where requests[id.value] != nil { finish(id.value, .cancelled) }
      if mail.isClosed { break }
      endOverdue()
      if !scheduler.isEmpty { step() }
    }
    for id in requests.keys.sorted() { finish(id, .cancelled) }
    mailbox.end()
  }

  // MARK: Requests in and out

  private func accept(_ submission: Mailbox.Submission) {
    let request = ActiveRequest(submission, recorder: recorder, limits: limits)
    requests[request.id.value] = request
    if let deadline = request.deadline { nextDeadline = min(nextDeadline ?? deadline, deadline) }
    scheduler.submit(
      id: request.id.value, group: request.request.group, tokenCount: request.tokens.count,
      maximumTokenCount: request.tokenLimit, scoredCount: request.scoredCount,
      sharesPrefix: request.sharesPrefix)
  }

  /// Ends the requests whose deadlines have passed.
  private func endOverdue() {
    guard let nextDeadline else { return }
    let now = ContinuousClock.now
    guard now >= nextDeadline else { return }
    let overdue = requests.values.filter { $0.deadline.map { $0 <= now } ?? false }
    for request in overdue.sorted(by: { $0.id.value < $1.id.value }) { finish(request.id.value, .timedOut) }
    self.nextDeadline = requests.values.compactMap(\.deadline).min()
  }

  private func finish(_ id: UInt64, _ reason: FinishReason, _ match: StopMatch? = nil) {
    guard let request = requests.removeValue(forKey: id) else {
      preconditionFailure("request \(id) ended twice")
    }
    let now = ContinuousClock.now
    if case .failed = reason {} else { scheduler.listPrefix(id: id, tokens: request.tokens) }
    scheduler.remove(id: id)
    drafting.end(id, tokens: request.tokens)
    metrics.noteEnd(reason, seconds: request.stamps.submittedAt.duration(to: now).seconds)
    noteGauges()
    mailbox.leave { request.finish(reason, match, now: now) }
  }

  private func noteGauges() {
    metrics.noteGauges(running: scheduler.runningCount, pool: scheduler.pool)
  }

  // MARK: A step

  private func step() {
    let position = scheduler.nextPromptPosition { requests[$0]?.tokens ?? [] }
    let short =
      pacing.allowsException
      ? scheduler.nextShortPromptCount(limit: PromptPacing.shortCount) { requests[$0]?.tokens ?? [] } : nil
    let futureCount = scheduler.futureDecodingCount
    let paced = pacing.promptTokenCount(
      answerCount: scheduler.decodingCount, futureCount: futureCount, position: position ?? 0)
    let budget = StepBudget(
      tokenCount: shape.tokenBudget, promptTokenCount: min(shape.tokenBudget, max(paced, short ?? 0)),
      logitRowCount: shape.logitRowBudget)
    scheduler.plan(budget, into: &plan) { requests[$0]?.tokens ?? [] }
    drafting.extend(&plan, scheduler: &scheduler, budget: budget, requests: requests)
    let now = ContinuousClock.now
    for (id, reusedCount) in zip(plan.admitted, plan.reusedTokenCounts) {
      begin(id, reusedTokenCount: reusedCount, at: now)
    }
    noteGauges()
    fillBatch()
    let start = ContinuousClock.now
    let logits = forward.logits(of: batch)
    note(stepSeconds: start.duration(to: .now).seconds, futureCount: futureCount, position: position ?? 0)
    precondition(logits.count == plan.logitRowCount * rowWidth, "logits of another number of rows")
    drafting.take(plan, requests: requests)
    metrics.noteStep(tokens: plan.tokenCount, preemptions: plan.preempted.count, drafting)
    // The scheduler's block lists are no longer shared, so it can change them without copying.
    batch.sequences.removeAll(keepingCapacity: true)
    plan.forgetBlocks()
    deliver(logits)
    onStep?(scheduler)
  }

  /// Records the duration of the step for drafting and pacing.
  private func note(stepSeconds: Double, futureCount: Int, position: Int) {
    guard forward.computedAllRows else { return }
    drafting.note(rowCount: plan.tokenCount, seconds: stepSeconds)
    var (answerCount, promptCount) = (0, 0)
    for work in plan.work {
      let knownCount = work.rowCount - work.draftCount
      if knownCount == 1 { answerCount += 1 } else { promptCount += knownCount }
    }
    pacing.observe(
      answerCount: answerCount, futureCount: futureCount, promptCount: promptCount, position: position,
      // Rows of drafts are no rows of prompts: charged to these, they would make prompts look too slow to be computed.
      seconds: stepSeconds * drafting.plainShare(rowCount: plan.tokenCount))
  }

  private func begin(_ id: UInt64, reusedTokenCount: Int, at now: ContinuousClock.Instant) {
    guard let request = requests[id], request.stamps.startedAt == nil else { return }
    request.begin(at: now, reusedTokenCount: reusedTokenCount)
    request.reportProgress(computedCount: reusedTokenCount)
    metrics.noteStart(queueSeconds: request.stamps.submittedAt.duration(to: now).seconds)
    if shape.keepsPrefixes && request.sharesPrefix {
      metrics.notePrefix(tokens: request.request.promptTokens.count, reused: reusedTokenCount)
    }
  }

  private func fillBatch() {
    batch.tokens.removeAll(keepingCapacity: true)
    batch.logitRows.removeAll(keepingCapacity: true)
    for (index, work) in plan.work.enumerated() {
      guard let request = requests[work.id] else { preconditionFailure("planned what has ended") }
      let firstRow = batch.tokens.count
      let knownCount = work.rowCount - work.draftCount
      batch.tokens += request.tokens[work.firstPosition..<work.firstPosition + knownCount]
      if work.draftCount > 0 { batch.tokens += drafting.drafts(workIndex: index) }
      batch.sequences.append(
        ForwardBatch.Slice(
          rowCount: work.rowCount, firstPosition: work.firstPosition, blocks: work.blocks))
      for row in work.scoredRows { batch.logitRows.append(firstRow + row) }
      for row in work.choosingRows { batch.logitRows.append(firstRow + row) }
    }
  }

  /// Gives each request its rows of logits, in the order of the batch.
  private func deliver(_ logits: UnsafeBufferPointer<Float>) {
    var row = 0
    for (index, work) in plan.work.enumerated() {
      let rows = logits[row * rowWidth..<(row + work.logitRowCount) * rowWidth]
      deliver(UnsafeBufferPointer(rebasing: rows), to: work, workIndex: index)
      row += work.logitRowCount
    }
  }

  private func deliver(_ rows: UnsafeBufferPointer<Float>, to work: StepWork, workIndex: Int) {
    guard let request = requests[work.id] else { preconditionFailure("computed what has ended") }
    scheduler.listPrefix(id: work.id, tokens: request.tokens)
    request.reportProgress(computedCount: work.firstPosition + work.rowCount)
    do throws(GenerationError) {
      for (index, row) in work.scoredRows.enumerated() {
        try request.score(
          position: work.firstPosition + row, logits: self.row(index, of: rows), recorder: recorder)
      }
      guard work.completes else { return }
      if request.answerCount == 0 { metrics.notePrompt(tokens: request.request.promptTokens.count) }
      request.finishPrompt(recorder: recorder)
      if request.tokens.count == request.tokenLimit { return finish(work.id, .length) }
      try choose(rows, work, workIndex: workIndex, for: request)
    } catch {
      let isContradiction = if case .unusableConstraint = error { true } else { false }
      finish(work.id, isContradiction ? .contradicted(error.description) : .failed(error.description))
    }
  }

  /// Chooses tokens row by row, in order. The first row follows known tokens, each other row follows a draft. Such a
  /// row is used only if its draft equals the token chosen from the row before it.
  private func choose(
    _ rows: UnsafeBufferPointer<Float>, _ work: StepWork, workIndex: Int, for request: ActiveRequest
  ) throws(GenerationError) {
    let drafts = drafting.drafts(workIndex: workIndex)
    var acceptedCount = 0
    for index in 0...work.draftCount {
      if index > 0 {
        acceptedCount += 1
        metrics.noteAcceptedDraft(isModels: drafting.isModels(workIndex: workIndex))
      }
      let progress = try request.advance(
        logits: row(work.scoredRows.count + index, of: rows), now: ContinuousClock.now, recorder: recorder)
      metrics.noteToken(request.stamps, isFirst: request.answerCount == 1)
      if case .ends(let reason, let match) = progress {
        settle(request, workIndex: workIndex, accepted: acceptedCount)
        return finish(work.id, reason, match)
      }
      let isDraft = index < work.draftCount && drafts[drafts.startIndex + index] == request.tokens.last
      scheduler.append(id: work.id, isDraft: isDraft)
      if !isDraft { break }
    }
    settle(request, workIndex: workIndex, accepted: acceptedCount)
  }

  private func settle(_ request: ActiveRequest, workIndex: Int, accepted: Int) {
    request.noteAcceptedDrafts(accepted)
    drafting.settle(request.id.value, workIndex: workIndex, accepted: accepted)
  }

  private func row(_ index: Int, of rows: UnsafeBufferPointer<Float>) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(rebasing: rows[index * rowWidth..<(index + 1) * rowWidth])
  }
}
