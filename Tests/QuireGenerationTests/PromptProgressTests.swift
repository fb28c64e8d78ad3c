import Foundation
import QuireGeneration
import QuireText
import TestSupport
import Testing

/// Progress of prompts, the time limit of an answer, and probabilities after sampling.
@Suite struct PromptProgressTests {
  private func progress(of log: EventLog) -> [PromptProgress] {
    log.all.compactMap { if case .progress(let progress) = $0 { progress } else { nil } }
  }

  @Test func everyChunkIsReportedOnce() throws {
    let scripted = try ScriptedEngine(
      EngineOptions(maximumSlots: 1, tokenBudget: 16, contextLength: 256, cacheBlockCount: 64),
      script: ScriptedForward.hashed(rowWidth: 320))
    for reports in [true, false] {
      var request = GenerationRequest(
        promptTokens: (0..<50).map { Int32($0) }, maximumTokens: 3, ignoresEndOfSequence: true)
      request.reportsProgress = reports
      let log = EventLog()
      _ = try scripted.engine.submit(request, onEvent: log.take)
      #expect(try #require(log.result()).completionTokens == 3)
      let found = progress(of: log)
      guard reports else {
        #expect(found.isEmpty)
        continue
      }
      let counts = found.map(\.computedTokens)
      #expect(counts.first == 0 && counts.last == 50 && counts == counts.sorted() && counts.count >= 4)
      #expect(found.allSatisfy { $0.promptTokens == 50 && $0.cachedTokens == 0 })
      #expect(found.map(\.seconds) == found.map(\.seconds).sorted())
      // All of them come before the first token.
      let first = try #require(log.all.firstIndex { if case .delta = $0 { true } else { false } })
      #expect(first == found.count)
    }
  }

  @Test func anAnswerEndsLateOnlyAfterALine() throws {
    let lines = try ScriptedEngine.answering("ab\ncd")
    let limited = try lines.answer { $0.decodeSecondsMaximum = 1e-12 }
    #expect(limited.content == "ab\n" && limited.result.reason == .timedOut)
    let one = try ScriptedEngine.answering("abcd")
    let whole = try one.answer { $0.decodeSecondsMaximum = 1e-12 }
    #expect(whole.content == "abcd" && whole.result.reason == .stop)
    #expect(throws: GenerationError.self) { _ = try one.answer { $0.decodeSecondsMaximum = 0 } }
  }

  @Test func sampledProbabilitiesAreThoseOfTheDraw() throws {
    let scripted = try ScriptedEngine(script: ScriptedForward.hashed(rowWidth: 320))
    let parameters = SamplingParameters(temperature: 0.7, topP: 0.9, topK: 12, seed: 5)
    let output = try scripted.answer {
      $0.sampling = parameters
      $0.maximumTokens = 1
      $0.logprobCount = 20
      $0.logprobSource = .sampler
    }
    let token = try #require(output.tokens.first)
    let expected = try Sampler(
      parameters, prompt: [1], maximumTokens: 1, seed: 0, vocabularySize: tinyTokenizer.vocabularySize
    ).distribution(ScriptedForward.hashed(rowWidth: 320)([1]), SamplerWorkspace(capacity: 320))
    #expect(Set(token.top.map(\.id)) == Set(expected.map(\.id)))
    for alternative in token.top {
      let probability = try #require(expected.first { $0.id == alternative.id }?.probability)
      #expect(abs(exp(Double(alternative.logprob)) - probability) < 1e-5)
    }
    #expect(token.top.map(\.logprob) == token.top.map(\.logprob).sorted(by: >))
    #expect(token.logprob == token.top.first { $0.id == token.id }?.logprob)
  }

  @Test func anExcludedTokenIsNeverChosen() throws {
    let answer = tinyTokenizer.encode("ab")
    let scripted = try ScriptedEngine.answering("ab")
    let output = try scripted.answer { $0.sampling.logitBias = [answer[0]: -.infinity] }
    #expect(output.tokens.first?.id != answer[0])
    for bias in [Float.infinity, .nan, -101] {
      #expect(throws: GenerationError.self) {
        _ = try scripted.answer { $0.sampling.logitBias = [answer[0]: bias] }
      }
    }
  }
}
