import QuireGeneration
import TestSupport
import Testing

/// Requests with a time limit.
@Suite struct EngineDeadlineTests {
  private func request(_ seconds: Double?) -> GenerationRequest {
    var request = GenerationRequest(promptTokens: [5], maximumTokens: 100_000, ignoresEndOfSequence: true)
    request.secondsMaximum = seconds
    return request
  }

  @Test func anAnswerKeepsItsTokens() throws {
    let turnstile = EngineLifeTests.Turnstile()
    let scripted = try ScriptedEngine(
      EngineOptions(maximumSlots: 1, contextLength: 1024, cacheBlockCount: 64),
      onBatch: { turnstile.pass() }, script: ScriptedForward.hashed(rowWidth: 320))
    let log = EventLog()
    let waiting = EventLog()
    _ = try scripted.engine.submit(request(0.05), onEvent: log.take)
    _ = try scripted.engine.submit(request(0.01), onEvent: waiting.take)
    #expect(turnstile.waitForEngine())
    let begin = ContinuousClock.now
    while begin.duration(to: .now) < .milliseconds(60) {}
    turnstile.letOneStep()
    let result = try #require(log.result())
    #expect(result.reason == .timedOut && result.completionTokens == 1)
    #expect(try #require(waiting.result()).reason == .timedOut && waiting.tokenIDs.isEmpty)
    let metrics = scripted.engine.metrics
    #expect(metrics.timedOutCount == 2 && metrics.usedBlockCount == 0)
    turnstile.open()
  }

  @Test(arguments: [0, -1, 2e9, .infinity, .nan]) func unusableLimitsAreRefused(seconds: Double) throws {
    let scripted = try ScriptedEngine(script: ScriptedForward.hashed(rowWidth: 320))
    #expect {
      _ = try scripted.engine.submit(request(seconds)) { _ in }
    } throws: { error in
      guard case .invalidRequest(let field, _) = error as? GenerationError else { return false }
      return field == "secondsMaximum"
    }
  }
}
