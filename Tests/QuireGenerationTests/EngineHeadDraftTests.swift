import Dispatch
import Foundation
import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireTensors
import QuireText
import Synchronization
import TestSupport
import Testing

/// On real forward passes: with a draft head, every bit of an answer is what it is without.
@Suite(.serialized) struct EngineHeadDraftTests {
  typealias Answer = EngineModelTests.Answer
  typealias Cut = EngineModelTests.Cut

  private static let model = Result {
    try Model(checkpoint: Checkpoint(path: TestPaths.modelFixtures + "/sharded"))
  }

  private static func head() throws -> DraftHead {
    try DraftHead(
      Checkpoint(path: TestPaths.modelFixtures + "/eagle3"), target: try model.get().configuration,
      team: ThreadTeam(threadCount: 1))
  }

  /// Another head of the same sizes has the same drafts whatever the cut of the steps is; all are verified.
  @Test(arguments: [SamplingParameters.greedy, EngineModelTests.sampled], [false, true])
  func answersAreTheSame(sampling: SamplingParameters, keepsPrefixes: Bool) throws {
    let model = try Self.model.get()
    let requests = EngineModelTests.requests(sampling)
    func options(_ cut: Cut, _ mode: LookupMode, lookup: LookupMode = .off) -> EngineOptions {
      EngineOptions(
        threadCount: cut.threads, maximumSlots: cut.slots, tokenBudget: cut.budget, contextLength: 288,
        cacheBlockCount: cut.blocks, keyValueElement: .float16, lookup: lookup, modelDrafts: mode,
        keepsPrefixes: keepsPrefixes)
    }
    let plain = try Engine(
      model: model, tokenizer: .bytes(),
      options: options(Cut(threads: 1, slots: 1, budget: 256, blocks: 32), .off))
    let expected = try plain.generate(requests).map(Answer.init)
    for (cut, mode) in zip(EngineModelTests.cuts, [LookupMode.eager, .adaptive, .eager, .eager, .eager]) {
      let engine = try Engine(
        model: model, tokenizer: .bytes(), draft: .head(Self.head()),
        options: options(cut, mode, lookup: cut.budget == 19 ? .eager : .off))
      #expect(try engine.generate(requests).map(Answer.init) == expected)
      #expect(engine.metrics.usedBlockCount == 0)
      if mode == .eager { #expect(engine.metrics.modelDraftedTokenCount > 100) }
    }
  }

  /// From its first step on, whatever the times are.
  @Test func theFirstRequestIsFollowed() throws {
    let engine = try Engine(
      model: try Self.model.get(), tokenizer: .bytes(), draft: .head(try Self.head()),
      options: EngineOptions(threadCount: 1, maximumSlots: 1, contextLength: 288, cacheBlockCount: 9))
    let request = GenerationRequest(promptTokens: (0..<64).map { Int32($0 + 32) }, maximumTokens: 2)
    _ = try engine.generate([request])
    #expect(engine.metrics.draftModelTokenCount >= 63)
  }

  /// A request that is preempted while the head is off is new to it when it comes again: the head computes its rows, and it
  /// holds no slot that a running request wants.
  @Test func aPreemptedRequestIsForgottenWhileTheHeadIsOff() throws {
    let (engine, head) = try Self.engineWithSlowHead(
      // Ten blocks: of three requests of two, which grow to nine, the third is preempted first, then the second.
      EngineOptions(
        threadCount: 1, maximumSlots: 3, contextLength: 288, cacheBlockCount: 10, keyValueElement: .float16,
        lookup: .off))
    // Holds the engine until all are there, so that the first step has three answers; less than half of them turn the head
    // on again.
    let submitted = DispatchSemaphore(value: 0)
    var overdue = GenerationRequest(promptTokens: [32])
    overdue.secondsMaximum = 1e-9
    _ = try engine.submit(overdue) { if case .finished = $0 { submitted.wait() } }
    let logs = try (0..<3).map { index in
      let log = EventLog()
      let request = GenerationRequest(
        promptTokens: (0..<64).map { Int32($0 + 32 + index) }, sampling: .greedy, maximumTokens: 224,
        ignoresEndOfSequence: true)
      _ = try engine.submit(request) { log.take($0) }
      return log
    }
    submitted.signal()
    for log in logs { #expect(log.result()?.reason == .length) }
    #expect(engine.metrics.preemptionCount >= 2)
    #expect(head.rowCounts.first == 3 * 63)
    #expect(head.rowCounts.dropFirst().reduce(0, +) >= 128)
  }

  private static func engineWithSlowHead(_ options: EngineOptions) throws -> (Engine, SlowHead) {
    let (model, head) = (try model.get(), try head())
    let shape = try EngineShape(
      options, configuration: model.configuration, draft: head.configuration.model,
      vocabularySize: Tokenizer.bytes().vocabularySize)
    let compute = Compute(threadCount: 1)
    let cache = KeyValueCache(
      model.configuration, blockCount: shape.blockCount, element: options.keyValueElement)
    let forward = ForwardPass(
      model: model, cache: cache, compute: compute, maximumRows: shape.tokenBudget,
      maximumLogitRows: shape.logitRowBudget, featureLayers: head.featureLayers)
    let timed = TimedForward(forward)
    let slow = SlowHead(
      DraftHeadParts.pass(head, target: forward, shape: shape, element: options.keyValueElement, compute),
      target: timed)
    let engine = Engine(
      EngineParts(
        forward: timed, rowWidth: model.configuration.vocabularySize, tokenizer: .bytes(), shape: shape,
        endOfSequenceIDs: [], draftHead: DraftHeadParts(slow, target: forward)))
    return (engine, slow)
  }

  @Test func aHeadOfAnotherModelIsRefused() throws {
    #expect(throws: ModelError.self) {
      try DraftHead(
        Checkpoint(path: TestPaths.modelFixtures + "/eagle3"),
        target: EngineModelTests.model.configuration, team: ThreadTeam(threadCount: 1))
    }
  }
}

/// A forward pass that knows how long its last step took.
private final class TimedForward: StepForward {
  private let pass: ForwardPass
  private let duration = Mutex<Duration>(.zero)

  init(_ pass: ForwardPass) { self.pass = pass }

  var lastDuration: Duration { duration.withLock { $0 } }

  func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float> {
    let start = ContinuousClock.now
    let logits = pass.run(batch)
    duration.withLock { $0 = start.duration(to: .now) }
    return logits
  }
}

/// A head whose first pass takes as long as twenty steps of the target, so that it is turned off at once.
private final class SlowHead: HeadForward {
  private let pass: DraftHeadPass
  private let target: TimedForward
  private let counts = Mutex<[Int]>([])

  init(_ pass: DraftHeadPass, target: TimedForward) {
    self.pass = pass
    self.target = target
  }

  var head: DraftHead { pass.head }
  var maximumRows: Int { pass.maximumRows }
  var featureWidth: Int { pass.featureWidth }

  /// Rows of each pass so far.
  var rowCounts: [Int] { counts.withLock { $0 } }

  func logits(of batch: ForwardBatch, from source: DraftHeadPass.Source) -> UnsafeBufferPointer<Float> {
    let isFirst = counts.withLock { counts in
      counts.append(batch.tokens.count)
      return counts.count == 1
    }
    if isFirst { usleep(UInt32(20_000_000 * (target.lastDuration / .seconds(1)))) }
    return pass.run(batch, from: source)
  }
}
