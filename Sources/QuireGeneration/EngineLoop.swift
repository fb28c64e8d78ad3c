import QuireModel
import QuireScheduling
import QuireText

/// What every request of an engine has in common.
struct EngineLimits: Sendable {
  let vocabularySize: Int
  let contextLength: Int
  let endOfSequenceIDs: Set<Int32>
}

/// The work of the engine's thread: collect mail, plan a step, run the model, sample, deliver; until closed.
///
/// A request whose logits cannot be used ends with a sentence; the others of the step go on, for rows of a batch
/// do not touch each other.
final class EngineLoop {
  private let mailbox: Mailbox
  private let forward: any StepForward
  private let metrics: MetricsCounter
  private let shape: EngineShape
  private let limits: EngineLimits
  private let recorder: TokenRecorder
  private let rowWidth: Int

  private var scheduler: Scheduler
  private var plan = StepPlan()
  private var batch = ForwardBatch(tokens: [], sequences: [], logitRows: [])
  private var requests: [UInt64: ActiveRequest] = [:]

  init(_ parts: EngineParts, mailbox: Mailbox, metrics: MetricsCounter) {
    let shape = parts.shape
    self.mailbox = mailbox
    self.metrics = metrics
    self.shape = shape
    forward = parts.forward
    rowWidth = parts.rowWidth
    limits = EngineLimits(
      vocabularySize: shape.vocabularySize, contextLength: shape.contextLength,
      endOfSequenceIDs: parts.endOfSequenceIDs)
    recorder = TokenRecorder(
      tokenizer: parts.tokenizer, vocabularySize: shape.vocabularySize, rowWidth: parts.rowWidth)
    scheduler = Scheduler(
      blockCount: shape.blockCount, blockSize: KeyValueCache.blockSize, maximumSlots: shape.maximumSlots)
  }

  /// Returns when the mailbox is closed and every request has had its last event.
  func run() {
    while true {
      let mail = mailbox.collect(waits: scheduler.isEmpty)
      for submission in mail.submissions { accept(submission) }
      for id in mail.cancellations where requests[id.value] != nil { finish(id.value, .cancelled) }
      if mail.isClosed { break }
      if !scheduler.isEmpty { step() }
    }
    for id in requests.keys.sorted() { finish(id, .cancelled) }
    mailbox.end()
  }

  // MARK: Requests in and out

  private func accept(_ submission: Mailbox.Submission) {
    let request = ActiveRequest(submission, recorder: recorder, limits: limits)
    requests[request.id.value] = request
    scheduler.submit(
      id: request.id.value, tokenCount: request.tokens.count, maximumTokenCount: request.tokenLimit,
      scoredCount: request.scoredCount)
  }

  private func finish(_ id: UInt64, _ reason: FinishReason, _ match: StopMatch? = nil) {
    guard let request = requests.removeValue(forKey: id) else {
      preconditionFailure("request \(id) ended twice")
    }
    let now = ContinuousClock.now
    scheduler.remove(id: id)
    metrics.noteEnd(reason, seconds: request.stamps.submittedAt.duration(to: now).seconds)
    noteGauges()
    mailbox.leave { request.finish(reason, match, now: now) }
  }

  private func noteGauges() {
    metrics.noteGauges(running: scheduler.runningCount, usedBlocks: scheduler.pool.usedCount)
  }

  // MARK: A step

  private func step() {
    scheduler.plan(
      StepBudget(tokenCount: shape.tokenBudget, logitRowCount: shape.logitRowBudget), into: &plan)
    let now = ContinuousClock.now
    for id in plan.admitted { begin(id, at: now) }
    noteGauges()
    fillBatch()
    let logits = forward.logits(of: batch)
    precondition(logits.count == plan.logitRowCount * rowWidth, "logits of another number of rows")
    metrics.noteStep(tokens: plan.tokenCount, preemptions: plan.preempted.count)
    deliver(logits)
  }

  private func begin(_ id: UInt64, at now: ContinuousClock.Instant) {
    guard let request = requests[id], request.stamps.startedAt == nil else { return }
    request.begin(at: now)
    metrics.noteStart(queueSeconds: request.stamps.submittedAt.duration(to: now).seconds)
  }

  private func fillBatch() {
    batch.tokens.removeAll(keepingCapacity: true)
    batch.sequences.removeAll(keepingCapacity: true)
    batch.logitRows.removeAll(keepingCapacity: true)
    for work in plan.work {
      guard let request = requests[work.id] else { preconditionFailure("planned what has ended") }
      let firstRow = batch.tokens.count
      batch.tokens += request.tokens[work.firstPosition..<work.firstPosition + work.rowCount]
      batch.sequences.append(
        ForwardBatch.Slice(
          rowCount: work.rowCount, firstPosition: work.firstPosition, blocks: work.blocks))
      for row in work.scoredRows { batch.logitRows.append(firstRow + row) }
      if work.completes { batch.logitRows.append(firstRow + work.rowCount - 1) }
    }
  }

  /// Hands each request its rows of logits, in the order in which they were asked for.
  private func deliver(_ logits: UnsafeBufferPointer<Float>) {
    var row = 0
    for work in plan.work {
      let rows = logits[row * rowWidth..<(row + work.logitRowCount) * rowWidth]
      deliver(UnsafeBufferPointer(rebasing: rows), to: work)
      row += work.logitRowCount
    }
  }

  private func deliver(_ rows: UnsafeBufferPointer<Float>, to work: StepWork) {
    guard let request = requests[work.id] else { preconditionFailure("computed what has ended") }
    do throws(GenerationError) {
      for (index, row) in work.scoredRows.enumerated() {
        try request.score(
          position: work.firstPosition + row, logits: self.row(index, of: rows), recorder: recorder)
      }
      guard work.completes else { return }
      if request.answerCount == 0 { metrics.notePrompt(tokens: request.request.promptTokens.count) }
      request.finishPrompt(recorder: recorder)
      if request.tokens.count == request.tokenLimit { return finish(work.id, .length) }
      let progress = try request.advance(
        logits: self.row(work.scoredRows.count, of: rows), now: ContinuousClock.now, recorder: recorder)
      metrics.noteToken(request.stamps, isFirst: request.answerCount == 1)
      switch progress {
      case .goesOn: scheduler.append(id: work.id)
      case .ends(let reason, let match): finish(work.id, reason, match)
      }
    } catch {
      finish(work.id, .failed(error.description))
    }
  }

  private func row(_ index: Int, of rows: UnsafeBufferPointer<Float>) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(rebasing: rows[index * rowWidth..<(index + 1) * rowWidth])
  }
}
