import Foundation
import QuireGeneration
import QuireModel
import TestSupport
import QuireText
import Testing

/// Seeded random traffic from several threads, with cancellations, tight pools and every kind of request.
@Suite struct EngineStressTests {
  /// A request and whether its sender loses patience.
  struct Visitor {
    let request: GenerationRequest
    let cancels: Bool
    let log = EventLog()
  }

  static func visitors(_ count: Int, generator: inout SeededGenerator) -> [Visitor] {
    let shared = generator.tokens(90, vocabularySize: 256)
    return (0..<count).map { index in
      var request = GenerationRequest(
        promptTokens: generator.tokens(Int(generator.next() % 90) + 1, vocabularySize: 256))
      // Every second prompt shares its first tokens with others.
      let sharedCount = min(Int(generator.next() % 90), request.promptTokens.count)
      if index % 2 == 0 { request.promptTokens.replaceSubrange(..<sharedCount, with: shared[..<sharedCount]) }
      request.maximumTokens = Int(generator.next() % 120) + 1
      if generator.next() % 2 == 0 {
        request.sampling = SamplingParameters(
          temperature: 1, topK: 20, frequencyPenalty: 0.2, seed: generator.next())
      }
      if generator.next() % 3 == 0 { request.logprobCount = 1 }
      if generator.next() % 4 == 0 { request.wantsPromptLogprobs = true }
      if generator.next() % 3 == 0 { request.stopStrings = ["ee", "\u{0}"] }
      request.chatFormat = generator.next() % 2 == 0 ? .qwen3 : nil
      return Visitor(request: request, cancels: generator.next() % 4 == 0)
    }
  }

  private static let kinds: [(UInt64, LookupMode, Bool)] = [
    (1, .off, false), (2, .eager, false), (3, .adaptive, false), (4, .off, true), (5, .eager, true),
    (6, .adaptive, true),
  ]

  @Test(arguments: kinds)
  func everyRequestEndsOnceAndAsItWouldAlone(seed: UInt64, lookup: LookupMode, keepsPrefixes: Bool) throws {
    var generator = SeededGenerator(seed: seed)
    let script = ScriptedForward.hashed(rowWidth: 320, endShare: 200)
    let crowded = try ScriptedEngine(
      EngineOptions(
        maximumSlots: 6, tokenBudget: 24, logitRowBudget: 8, contextLength: 224, cacheBlockCount: 9,
        lookup: lookup, keepsPrefixes: keepsPrefixes),
      script: script)
    let visitors = Self.visitors(120, generator: &generator)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      var pauses = SeededGenerator(seed: seed &* 31 &+ UInt64(thread))
      for index in stride(from: thread, to: visitors.count, by: 4) {
        let visitor = visitors[index]
        guard let id = try? crowded.engine.submit(visitor.request, onEvent: visitor.log.take) else {
          Issue.record("request \(index) was refused")
          return
        }
        if pauses.next() % 3 == 0 { Thread.sleep(forTimeInterval: Double(pauses.next() % 2000) * 1e-6) }
        if visitor.cancels { crowded.engine.cancel(id) }
      }
    }
    #expect(crowded.engine.drain(secondsMax: 60))
    let metrics = crowded.engine.metrics
    #expect(metrics.usedBlockCount == 0)
    #expect(metrics.runningCount == 0 && metrics.waitingCount == 0)
    #expect(metrics.preemptionCount > 0)
    #expect((metrics.prefixHitCount > 0) == keepsPrefixes)
    #expect((metrics.evictedBlockCount > 0) == keepsPrefixes)

    let calm = try ScriptedEngine(
      EngineOptions(maximumSlots: 1, contextLength: 224, cacheBlockCount: 64), script: script)
    for visitor in visitors {
      #expect(visitor.log.finishCount == 1)
      guard case .finished(let result) = visitor.log.all.last else {
        Issue.record("the last event is not the end")
        continue
      }
      let alone = try calm.engine.generate([visitor.request])[0]
      if result.reason == .cancelled {
        #expect(visitor.cancels)
        #expect(alone.tokenIDs.starts(with: visitor.log.tokenIDs))
        continue
      }
      var output = alone
      output.result = result
      #expect(output == visitor.output(ending: result))
      #expect(alone.result.reason == result.reason)
      #expect(alone.result.match == result.match)
      #expect(alone.result.completionTokens == result.completionTokens)
      #expect(alone.result.reasoningTokens == result.reasoningTokens)
    }
  }
}

extension EngineStressTests.Visitor {
  /// The events put together.
  func output(ending result: GenerationResult) -> GenerationOutput {
    var output = GenerationOutput(result: result)
    for event in log.all {
      switch event {
      case .progress: break
      case .prompt(let tokens): output.prompt = tokens
      case .delta(let parts, let token):
        output.answer += parts
        output.tokens.append(token)
      case .finished: break
      }
    }
    return output
  }
}
