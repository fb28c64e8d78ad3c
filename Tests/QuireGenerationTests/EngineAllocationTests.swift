import CAllocationCount
import Dispatch
import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireTensors
import QuireText
import Synchronization
import TestSupport
import Testing

/// Decode steps allocate nothing, on any thread: not to plan, compute, draft, sample, decode text or deliver. The memory
/// of a request is planned when it comes in. (Swift's own strings take memory from 16 bytes on, so a longer piece of text
/// would; the answers here are letters.)
@Suite(.serialized, .enabled(if: quire_counts_allocations() != 0)) struct EngineAllocationTests {
  /// Counts allocations of the engine's thread and of its team over some steps of a real forward pass, which chooses
  /// among ASCII characters.
  // Unchecked: used by the engine's thread; the count is read when its request has finished.
  private final class CountingForward: StepForward, @unchecked Sendable {
    let pass: ForwardPass
    /// Steps that are counted. Those before make what all use.
    let steps: Range<Int>
    private(set) var stepCount = 0
    private(set) var allocationCount: Int64?
    private var before: Int64 = 0
    /// The first step waits for all requests: one that came during the counted steps would take memory.
    let haveCome = DispatchSemaphore(value: 0)

    init(_ pass: ForwardPass, steps: Range<Int>) {
      self.pass = pass
      self.steps = steps
    }

    func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float> {
      if stepCount == 0 { haveCome.wait() }
      if stepCount == steps.lowerBound {
        before = quire_allocation_count()
        count(true)
      }
      if stepCount == steps.upperBound {
        count(false)
        allocationCount = quire_allocation_count() - before
      }
      stepCount += 1
      let logits = pass.run(batch)
      let width = pass.model.configuration.vocabularySize
      let rows = UnsafeMutableBufferPointer(mutating: logits)
      for index in rows.indices where index % width >= 128 { rows[index] = -.infinity }
      return logits
    }

    private func count(_ counts: Bool) {
      pass.compute.team.run(with: counts) { counts, _, _ in quire_count_allocations(counts ? 1 : 0) }
    }
  }

  /// The allocations of the counted steps, with `count` requests at a time.
  private func allocations(
    _ count: Int, lookup: LookupMode = .off, keepsPrefixes: Bool = false, draft: EngineDraft? = nil,
    modelDrafts: LookupMode = .off, steps: Range<Int> = 40..<140,
    _ change: (inout GenerationRequest) -> Void = { _ in }
  ) throws -> Int64 {
    let model = EngineModelTests.quantizedModel
    let shape = try EngineShape(
      EngineOptions(
        threadCount: 2, maximumSlots: 4, contextLength: 288, lookup: lookup, modelDrafts: modelDrafts,
        keepsPrefixes: keepsPrefixes),
      configuration: model.configuration, draft: draft?.configuration,
      vocabularySize: tinyTokenizer.vocabularySize)
    let cache = KeyValueCache(model.configuration, blockCount: shape.blockCount, element: .float16)
    let pass = ForwardPass(
      model: model, cache: cache, compute: Compute(threadCount: 2), maximumRows: shape.tokenBudget,
      maximumLogitRows: shape.logitRowBudget, featureLayers: draft?.head?.featureLayers ?? [])
    let forward = CountingForward(pass, steps: steps)
    let engine = Engine(
      EngineParts(
        forward: forward, rowWidth: model.configuration.vocabularySize, tokenizer: tinyTokenizer,
        shape: shape, endOfSequenceIDs: [],
        draftModel: draft?.model.map {
          DraftModelParts($0, for: model, shape: shape, element: .float16, pass.compute)
        },
        draftHead: draft?.head.map {
          DraftHeadParts($0, target: pass, shape: shape, element: .float16, pass.compute)
        }))
    let finished = DispatchSemaphore(value: 0)
    let delivered = Atomic<Int>(0)
    for index in 0..<count {
      var request = GenerationRequest(
        promptTokens: (0..<8).map { Int32(65 + $0 + index) }, maximumTokens: 270, ignoresEndOfSequence: true)
      change(&request)
      _ = try engine.submit(request) { event in
        delivered.add(1, ordering: .relaxed)
        if case .finished = event { finished.signal() }
      }
    }
    forward.haveCome.signal()
    for _ in 0..<count { finished.wait() }
    engine.stop()
    #expect(delivered.load(ordering: .relaxed) == count * 271)
    #expect(forward.stepCount > steps.upperBound)
    if modelDrafts == .eager { #expect(engine.metrics.modelDraftedTokenCount > 100) }
    return try #require(forward.allocationCount)
  }

  @Test(arguments: [1, 3]) func greedyStepsAllocateNothing(count: Int) throws {
    #expect(try allocations(count) == 0)
  }

  /// The counted steps fill three blocks of each request, which are then listed for other requests.
  @Test(arguments: [1, 3]) func keepingPrefixesAllocatesNothing(count: Int) throws {
    #expect(try allocations(count, keepsPrefixes: true) == 0)
  }

  @Test func sampledStepsAllocateNothing() throws {
    let count = try allocations(2) {
      $0.sampling = SamplingParameters(
        temperature: 0.8, topP: 0.95, topK: 20, minP: 0.01, presencePenalty: 0.5, repetitionPenalty: 1.1,
        seed: 3)
    }
    #expect(count == 0)
  }

  @Test func stepsWithDraftsAllocateNothing() throws {
    // One character over and over: nine tokens a step.
    #expect(try allocations(2, lookup: .eager, steps: 8..<28) { $0.sampling.logitBias = [70: 100] } == 0)
    #expect(try allocations(2, lookup: .adaptive, steps: 8..<28) == 0)
  }

  /// The target chooses other tokens than the drafter would, so that drafts are refused as well as accepted.
  @Test(arguments: [1, 3], [LookupMode.eager, .adaptive])
  func draftModelsAllocateNothing(count: Int, mode: LookupMode) throws {
    let draft = EngineDraft.model(EngineModelTests.quantizedModel)
    #expect(try allocations(count, draft: draft, modelDrafts: mode, steps: 20..<70) == 0)
  }

  @Test(arguments: [1, 3], [LookupMode.eager, .adaptive])
  func draftHeadsAllocateNothing(count: Int, mode: LookupMode) throws {
    let folder = TemporaryFolder()
    TinyDraftHead().write(to: folder)
    let head = try DraftHead(
      Checkpoint(path: folder.path), target: EngineModelTests.quantizedModel.configuration,
      team: ThreadTeam(threadCount: 1))
    #expect(try allocations(count, draft: .head(head), modelDrafts: mode, steps: 20..<70) == 0)
    // Prefixes are stored when a request ends, and blocks are listed as they fill.
    let kept = try allocations(
      count, keepsPrefixes: true, draft: .head(head), modelDrafts: mode, steps: 20..<70)
    #expect(kept == 0)
  }

  @Test(arguments: [true, false]) func thinkingAndStopStringsAllocateNothing(isThinking: Bool) throws {
    let count = try allocations(1) {
      if isThinking { $0.promptTokens.append(Int32(TinyTokenizer.thinkStart)) }
      $0.chatFormat = .qwen3
      $0.stopStrings = ["never said", "~~~~~~"]
    }
    #expect(count == 0)
  }

  @Test func limitsOfThoughtsAndTokensAllocateNothing() throws {
    let count = try allocations(2) {
      $0.promptTokens.append(Int32(TinyTokenizer.thinkStart))
      $0.chatFormat = .qwen3
      $0.thinking = ThinkingLimit(
        budget: 1000, closing: ThoughtClosing(.qwen3, tokenizer: tinyTokenizer))
      $0.minimumTokens = 270
      $0.stopTokenIDs = [1, 2]
      $0.allowedTokenIDs = Array(0..<128)
      $0.badWords = [[70, 71], [72], [65, 66, 67]]
    }
    #expect(count == 0)
  }

  /// Otherwise the tests above could not fail.
  @Test func anAllocationIsCounted() {
    let before = quire_allocation_count()
    quire_count_allocations(1)
    let buffer = HostBuffer<Float>(count: 100)
    quire_count_allocations(0)
    withExtendedLifetime(buffer) { #expect(quire_allocation_count() - before >= 2) }
  }
}
