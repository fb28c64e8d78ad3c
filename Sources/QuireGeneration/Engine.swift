import Dispatch
import Foundation
package import QuireModel
package import QuireScheduling
import QuireTensors
package import QuireText

/// Runs many requests at once on one model: continuous batching on its own thread.
///
///     let engine = try Engine(model: model, tokenizer: tokenizer)  // draft: a small model makes it faster
///     let id = try engine.submit(request) { event in … }  // called on the engine's thread
///     engine.cancel(id)                                   // its slot is free within a step
///     engine.drain()                                      // nothing new; returns when all have finished
///     engine.stop()
///
/// A request's answer depends only on the request: greedy and seeded answers have the same bytes whether a request
/// runs alone or with others. For blocking use on many prompts see `generate`.
package final class Engine: Sendable {
  package let shape: EngineShape
  /// The limits that requests are checked against.
  package let limits: RequestLimits
  private let mailbox: Mailbox
  private let counter: MetricsCounter

  /// Allocates all memory and starts the thread. Throws `invalidOption`.
  /// - Parameter draft: drafts for `model`, which changes no answer
  package convenience init(
    model: Model, tokenizer: Tokenizer, draft: EngineDraft? = nil, options: EngineOptions = EngineOptions()
  ) throws(GenerationError) {
    let configuration = model.configuration
    let shape = try EngineShape(
      options, configuration: configuration, draft: draft?.configuration,
      vocabularySize: tokenizer.vocabularySize)
    let compute = Compute(
      threadCount: shape.threadCount, instructionSet: options.instructionSet ?? .detected)
    let cache = KeyValueCache(
      configuration, blockCount: shape.blockCount, element: options.keyValueElement)
    cache.populate(
      blockCount: KeyValueCache.blockCount(positions: EngineOptions.populatedPositions) * shape.maximumSlots,
      byteCount: options.populatedCacheBytes)
    let forward = ForwardPass(
      model: model, cache: cache, compute: compute, maximumRows: shape.tokenBudget,
      maximumLogitRows: shape.logitRowBudget, featureLayers: draft?.head?.featureLayers ?? [])
    let ends = options.endOfSequenceIDs.union(tokenizer.endOfSequenceIDs)
    self.init(
      EngineParts(
        forward: forward, rowWidth: configuration.vocabularySize, tokenizer: tokenizer, shape: shape,
        endOfSequenceIDs: ends.union(configuration.endOfSequenceIDs),
        draftModel: draft?.model.map {
          DraftModelParts(
            $0, for: model, shape: shape, element: options.draftElement($0.configuration), compute)
        },
        draftHead: draft?.head.map {
          DraftHeadParts(
            $0, target: forward, shape: shape, element: options.draftElement($0.configuration.model), compute)
        }))
  }

  /// An engine over any source of logits. The length of its rows must agree with `parts`.
  package init(_ parts: EngineParts) {
    let mailbox = Mailbox(maximumRequests: parts.shape.maximumRequests)
    let counter = MetricsCounter(blockCount: parts.shape.blockCount)
    shape = parts.shape
    limits = RequestLimits(
      vocabularySize: parts.shape.vocabularySize, contextLength: parts.shape.contextLength,
      contextLimit: parts.shape.contextLimit)
    self.mailbox = mailbox
    self.counter = counter
    // The thread references the mailbox, not the engine, so that releasing the engine ends the thread.
    NativeThread.start(named: "engine") { EngineLoop(parts, mailbox: mailbox, metrics: counter).run() }
  }

  deinit { mailbox.close() }

  /// Checks the request and queues it. `onEvent` is called on the engine's thread, in order, and must not block: while
  /// it runs, no request advances.
  ///
  /// Throws `invalidRequest`, `promptTooLong`, `queueFull`, `draining` or `stopped`; then `onEvent` is never called.
  package func submit(
    _ request: GenerationRequest, onEvent: @escaping @Sendable (GenerationEvent) -> Void
  ) throws(GenerationError) -> RequestID {
    try limits.validate(request)
    return try mailbox.submit(request, onEvent: onEvent)
  }

  /// Ends a request, running or waiting, before the next step; its last event is `finished` with `.cancelled`.
  /// Does nothing when the request has finished.
  package func cancel(_ id: RequestID) {
    mailbox.cancel(id)
  }

  /// Refuses new requests from now on and waits until the accepted ones have finished. With a time limit, returns false
  /// when it passes first. Must not be called from an event callback, which would deadlock.
  @discardableResult
  package func drain(secondsMax: Double? = nil) -> Bool {
    mailbox.drain(until: secondsMax.map { .now() + $0 } ?? .distantFuture)
  }

  /// Cancels all requests and ends the thread; waits for both. Must not be called from an event callback.
  package func stop() {
    mailbox.close()
    mailbox.waitForEnd()
  }

  /// Whether `submit` accepts requests, apart from the limit on their number.
  package var isAccepting: Bool { mailbox.isAccepting }

  /// The current counters.
  package var metrics: EngineMetrics {
    let counts = mailbox.counts
    var metrics = counter.snapshot
    metrics.waitingCount = max(0, counts.accepted - metrics.runningCount)
    metrics.refusedCount = counts.refused
    return metrics
  }
}

/// The parts of an engine.
package struct EngineParts: Sendable {
  package let forward: any StepForward
  /// Length of a row of logits.
  package let rowWidth: Int
  package let tokenizer: Tokenizer
  package let shape: EngineShape
  package let endOfSequenceIDs: Set<Int32>
  package let draftModel: DraftModelParts?
  /// At most one of the two is there.
  package let draftHead: DraftHeadParts?
  /// Makes the draft source; not called when drafting from the text is off.
  package let makeDraftSource: @Sendable () -> any DraftSource
  /// Called on the engine's thread with the scheduler after each step, for tests of its invariants.
  package let onStep: (@Sendable (Scheduler) -> Void)?

  package init(
    forward: any StepForward, rowWidth: Int, tokenizer: Tokenizer, shape: EngineShape,
    endOfSequenceIDs: Set<Int32>, draftModel: DraftModelParts? = nil, draftHead: DraftHeadParts? = nil,
    makeDraftSource: @escaping @Sendable () -> any DraftSource = { PromptLookupSource() },
    onStep: (@Sendable (Scheduler) -> Void)? = nil
  ) {
    precondition(rowWidth >= shape.vocabularySize)
    precondition(draftModel == nil || draftHead == nil, "one of the two drafts")
    self.forward = forward
    self.rowWidth = rowWidth
    self.tokenizer = tokenizer
    self.shape = shape
    self.endOfSequenceIDs = endOfSequenceIDs
    self.draftModel = draftModel
    self.draftHead = draftHead
    self.makeDraftSource = makeDraftSource
    self.onStep = onStep
  }

  /// What drafts; nil when only texts do. Called once.
  func drafter() -> (any TokenDrafter)? {
    guard shape.modelDrafts != .off else { return nil }
    if let draftHead { return HeadDrafter(draftHead, shape: shape) }
    return draftModel.map { DraftModel($0, shape: shape) }
  }

  /// Its expected time, relative to a step of the model.
  var drafterShare: Double { draftHead?.assumedShare ?? draftModel?.assumedShare ?? 0 }
}
