import Dispatch
import Foundation
import QuireGeneration
import QuireModel
import Synchronization
import TestSupport
import Testing

/// Requests that come, wait, fail, leave; engines that drain and stop.
@Suite struct EngineLifeTests {
  /// Holds the engine before each step until a test lets it go on.
  final class Turnstile: Sendable {
    private let arrived = DispatchSemaphore(value: 0)
    private let permits = DispatchSemaphore(value: 0)
    private let isOpen = Mutex(false)

    /// For the engine.
    func pass() {
      if isOpen.withLock({ $0 }) { return }
      arrived.signal()
      permits.wait()
    }

    /// Waits until the engine stands before a step.
    func waitForEngine() -> Bool { arrived.wait(timeout: .now() + 30) == .success }
    func letOneStep() { permits.signal() }

    func open() {
      isOpen.withLock { $0 = true }
      for _ in 0..<1000 { permits.signal() }
    }
  }

  private func endless(_ seed: Int32 = 5) -> GenerationRequest {
    GenerationRequest(promptTokens: [seed], maximumTokens: 100_000, ignoresEndOfSequence: true)
  }

  private func hashed(
    _ options: EngineOptions = EngineOptions(contextLength: 1024, cacheBlockCount: 64),
    turnstile: Turnstile? = nil
  ) throws -> ScriptedEngine {
    try ScriptedEngine(
      options, onBatch: { turnstile?.pass() }, script: ScriptedForward.hashed(rowWidth: 320))
  }

  @Test func aCancelledRequestFreesItsSlotBeforeTheNextStep() throws {
    let turnstile = Turnstile()
    let scripted = try hashed(
      EngineOptions(maximumSlots: 1, contextLength: 1024, cacheBlockCount: 64), turnstile: turnstile)
    let first = EventLog()
    let second = EventLog()
    let id = try scripted.engine.submit(endless(), onEvent: first.take)
    var next = endless(6)
    next.maximumTokens = 2
    _ = try scripted.engine.submit(next, onEvent: second.take)
    #expect(turnstile.waitForEngine())
    turnstile.letOneStep()
    #expect(turnstile.waitForEngine())  // before the second step of the first request
    #expect(scripted.engine.metrics.usedBlockCount == 1)
    scripted.engine.cancel(id)
    turnstile.letOneStep()
    #expect(turnstile.waitForEngine())  // before the third step
    #expect(first.result()?.reason == .cancelled)
    #expect(first.finishCount == 1)
    turnstile.open()
    #expect(second.result()?.reason == .length)
    let batches = scripted.forward.batches
    #expect(batches[2].tokens == [6], "the third step works for the second request")
    #expect(scripted.engine.drain(secondsMax: 30))
    #expect(scripted.engine.metrics.usedBlockCount == 0)
    #expect(scripted.engine.metrics.runningCount == 0)
  }

  @Test func aWaitingRequestCanBeCancelled() throws {
    let turnstile = Turnstile()
    let scripted = try hashed(
      EngineOptions(maximumSlots: 1, contextLength: 1024, cacheBlockCount: 64), turnstile: turnstile)
    let first = EventLog()
    let second = EventLog()
    let firstID = try scripted.engine.submit(endless(), onEvent: first.take)
    let secondID = try scripted.engine.submit(endless(6), onEvent: second.take)
    #expect(turnstile.waitForEngine())
    scripted.engine.cancel(secondID)
    scripted.engine.cancel(secondID)
    scripted.engine.cancel(RequestID(value: 999))
    scripted.engine.cancel(firstID)
    turnstile.open()
    let result = second.result()
    #expect(result?.reason == .cancelled)
    #expect(result?.completionTokens == 0)
    #expect(first.result()?.reason == .cancelled)
    #expect(scripted.engine.drain(secondsMax: 30))
    #expect(second.finishCount == 1)
  }

  @Test func aCallbackMayCancelItsOwnRequest() throws {
    let scripted = try hashed()
    let log = EventLog()
    let identifier = Mutex<RequestID?>(nil)
    let submitted = DispatchSemaphore(value: 0)
    let engine = scripted.engine
    let id = try engine.submit(endless()) { event in
      if case .delta = event, log.tokenIDs.count == 3 {
        submitted.wait()
        submitted.signal()
        if let id = identifier.withLock({ $0 }) { engine.cancel(id) }
      }
      log.take(event)
    }
    identifier.withLock { $0 = id }
    submitted.signal()
    #expect(log.result()?.completionTokens == 4)
  }

  @Test func aFullLineRefusesAtOnce() throws {
    let turnstile = Turnstile()
    let scripted = try hashed(
      EngineOptions(maximumSlots: 1, maximumWaiting: 1, contextLength: 1024, cacheBlockCount: 64),
      turnstile: turnstile)
    let logs = (0..<2).map { _ in EventLog() }
    let ids = try logs.map { try scripted.engine.submit(endless(), onEvent: $0.take) }
    #expect(throws: GenerationError.queueFull(limit: 2)) {
      try scripted.engine.submit(endless()) { _ in }
    }
    #expect(scripted.engine.metrics.refusedCount == 1)
    #expect(turnstile.waitForEngine())
    #expect(scripted.engine.metrics.runningCount == 1)
    #expect(scripted.engine.metrics.waitingCount == 1)
    scripted.engine.cancel(ids[0])
    turnstile.letOneStep()
    #expect(logs[0].result()?.reason == .cancelled)
    let third = EventLog()
    let thirdID = try scripted.engine.submit(endless(), onEvent: third.take)
    for id in [ids[1], thirdID] { scripted.engine.cancel(id) }
    turnstile.open()
    #expect(logs[1].result()?.reason == .cancelled)
    #expect(third.result()?.reason == .cancelled)
  }

  @Test func drainingFinishesWhatIsThereAndRefusesTheRest() throws {
    let turnstile = Turnstile()
    let scripted = try hashed(turnstile: turnstile)
    let log = EventLog()
    var request = endless()
    request.maximumTokens = 20
    _ = try scripted.engine.submit(request, onEvent: log.take)
    #expect(turnstile.waitForEngine())
    #expect(!scripted.engine.drain(secondsMax: 0.01))
    #expect(!scripted.engine.isAccepting)
    #expect(throws: GenerationError.draining) { try scripted.engine.submit(endless()) { _ in } }
    turnstile.open()
    #expect(scripted.engine.drain(secondsMax: 30))
    #expect(log.result()?.completionTokens == 20)
    #expect(throws: GenerationError.draining) { try scripted.engine.generate([endless()]) }
  }

  @Test func stoppingCancelsEverything() throws {
    let turnstile = Turnstile()
    let scripted = try hashed(
      EngineOptions(maximumSlots: 1, contextLength: 1024, cacheBlockCount: 64), turnstile: turnstile)
    let logs = (0..<3).map { _ in EventLog() }
    for log in logs { _ = try scripted.engine.submit(endless(), onEvent: log.take) }
    #expect(turnstile.waitForEngine())
    let stopped = DispatchSemaphore(value: 0)
    let engine = scripted.engine
    DispatchQueue.global().async {
      engine.stop()
      stopped.signal()
    }
    while engine.isAccepting { Thread.sleep(forTimeInterval: 0.001) }
    turnstile.open()
    #expect(stopped.wait(timeout: .now() + 30) == .success)
    for log in logs {
      #expect(log.finishCount == 1)
      #expect(log.result()?.reason == .cancelled)
    }
    #expect(throws: GenerationError.stopped) { try scripted.engine.submit(endless()) { _ in } }
    scripted.engine.stop()
    #expect(scripted.engine.drain(secondsMax: 1))
  }

  @Test func releasingTheEngineEndsItsRequests() throws {
    let turnstile = Turnstile()
    let log = EventLog()
    do {
      let scripted = try hashed(turnstile: turnstile)
      _ = try scripted.engine.submit(endless(), onEvent: log.take)
      #expect(turnstile.waitForEngine())
    }
    turnstile.open()
    #expect(log.result()?.reason == .cancelled)
  }

  @Test func logitsThatAreNotNumbersEndOneRequestOnly() throws {
    let hashed = ScriptedForward.hashed(rowWidth: 320)
    let scripted = try ScriptedEngine(script: { tokens in
      var logits = hashed(tokens)
      if tokens[0] == 9 && tokens.count > 5 { logits[17] = .nan }
      if tokens[0] == 8 && tokens.count == 2 { logits[17] = .infinity }
      return logits
    })
    var requests = (5...9).map { endless(Int32($0)) }
    for index in requests.indices { requests[index].maximumTokens = 12 }
    requests[3] = GenerationRequest(
      promptTokens: [8, 1, 2, 3], maximumTokens: 3, ignoresEndOfSequence: true, wantsPromptLogprobs: true)
    let outputs = try scripted.engine.generate(requests)
    for output in outputs[..<3] { #expect(output.result.completionTokens == 12) }
    #expect(
      outputs[3].result.reason == .failed(GenerationError.unusableLogits(tokenIndex: 2).description))
    #expect(
      outputs[4].result.reason == .failed(GenerationError.unusableLogits(tokenIndex: 5).description))
    #expect(outputs[4].result.completionTokens == 5)
    let metrics = scripted.engine.metrics
    #expect(metrics.failedCount == 2)
    #expect(metrics.lengthCount == 3)
    #expect(metrics.usedBlockCount == 0)
  }

  @Test func invalidRequestsAreRefusedBeforeAnythingRuns() throws {
    let scripted = try hashed(EngineOptions(contextLength: 64, cacheBlockCount: 2))
    let overflow = PromptOverflow(
      promptTokenCount: 64, contextLength: 64, contextLimit: scripted.engine.shape.contextLimit)
    #expect(throws: GenerationError.promptTooLong(overflow)) {
      try scripted.engine.generate([
        endless(), GenerationRequest(promptTokens: [Int32](repeating: 1, count: 64)),
      ])
    }
    #expect(scripted.forward.batches.isEmpty)
  }

  @Test func generateTakesMoreRequestsThanFit() throws {
    let scripted = try hashed(
      EngineOptions(maximumSlots: 2, maximumWaiting: 1, contextLength: 1024, cacheBlockCount: 64))
    let requests = (0..<20).map {
      GenerationRequest(promptTokens: [Int32($0)], maximumTokens: 3, ignoresEndOfSequence: true)
    }
    let outputs = try scripted.engine.generate(requests)
    #expect(outputs.map(\.result.completionTokens) == [Int](repeating: 3, count: 20))
    let again = try scripted.engine.generate(requests.reversed())
    #expect(again.reversed().map(\.tokenIDs) == outputs.map(\.tokenIDs))
  }

  @Test func metricsCountWhatHappened() throws {
    let scripted = try hashed()
    let requests = (0..<4).map {
      GenerationRequest(
        promptTokens: [Int32($0), 1, 2], maximumTokens: 5, ignoresEndOfSequence: true)
    }
    let outputs = try scripted.engine.generate(requests)
    let metrics = scripted.engine.metrics
    #expect(metrics.promptTokenCount == 12)
    #expect(metrics.generatedTokenCount == 20)
    #expect(metrics.computedTokenCount == 12 + 4 * 4)
    #expect(metrics.lengthCount == 4)
    #expect(metrics.queueSeconds.count == 4)
    #expect(metrics.firstTokenSeconds.count == 4)
    #expect(metrics.betweenTokensSeconds.count == 16)
    #expect(metrics.requestSeconds.count == 4)
    #expect(metrics.stepTokens.count == metrics.stepCount)
    #expect(metrics.stepTokens.sum == 28)
    #expect(metrics.blockCount == 64)
    #expect(metrics.waitingCount == 0)
    _ = try scripted.engine.generate([
      GenerationRequest(promptTokens: [1, 2, 3], maximumTokens: 0, wantsPromptLogprobs: true)
    ])
    #expect(scripted.engine.metrics.promptTokenCount == 15)
    for output in outputs {
      let timings = output.result.timings
      #expect(timings.queueSeconds >= 0 && timings.prefillSeconds > 0 && timings.decodeSeconds > 0)
    }
  }
}
