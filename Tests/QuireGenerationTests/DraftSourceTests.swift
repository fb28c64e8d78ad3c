import QuireGeneration
import QuireModel
import Synchronization
import TestSupport
import Testing

/// Engines with sources of drafts other than prompt lookup.
@Suite struct DraftSourceTests {
  /// Proposes what a seed says, right or wrong, and notes what it is asked.
  // Unchecked: used by the engine's thread; `log` is behind a lock.
  private final class GuessingSource: DraftSource, @unchecked Sendable {
    struct Log {
      var begun: Set<UInt64> = []
      var ended: Set<UInt64> = []
      var textCountMaximum = 0
    }

    let log = Mutex(Log())
    private var generator = SeededGenerator(seed: 5)

    func begin(_ id: UInt64, maximumTokens: Int) {
      log.withLock { _ = $0.begun.insert(id) }
    }

    func propose(for texts: [DraftText], into proposals: inout DraftProposals) {
      log.withLock {
        $0.textCountMaximum = max($0.textCountMaximum, texts.count)
        for text in texts {
          #expect($0.begun.contains(text.id) && !$0.ended.contains(text.id))
          #expect(text.limit > 0 && !text.tokens.isEmpty)
        }
      }
      // Every other text; more drafts than a request may have; letters that the answers are made of.
      for index in texts.indices where generator.next() % 2 == 0 {
        let count = Int(generator.next() % 12)
        proposals.add(textIndex: index, confidence: Int(generator.next() % 4)) { drafts in
          for _ in 0..<count { drafts.append(Int32(97 + generator.next() % 3)) }
        }
      }
    }

    func end(_ id: UInt64) {
      log.withLock { _ = $0.ended.insert(id) }
    }
  }

  /// Answers of three letters, so that some guesses come true.
  private static let script: ScriptedForward.Script = { tokens in
    var logits = ScriptedForward.hashed(rowWidth: 320, endShare: 60)(tokens)
    for index in logits.indices where !(97..<100).contains(index) && logits[index] < 40 {
      logits[index] = -50
    }
    return logits
  }

  @Test(arguments: [(16, 512, 128), (5, 9, 9), (3, 64, 14)])
  func guessesChangeNoAnswer(slots: Int, budget: Int, blocks: Int) throws {
    let requests = EngineLookupTests.requests(.greedy)
    let plain = try ScriptedEngine(EngineLookupTests.options(.off), script: Self.script)
    let expected = try plain.engine.generate(requests).map(EngineLookupTests.Answer.init)
    let source = GuessingSource()
    let guessing = try ScriptedEngine(
      EngineLookupTests.options(.eager, slots: slots, budget: budget, blocks: blocks),
      makeDraftSource: { source }, script: Self.script)
    let outputs = try guessing.engine.generate(requests)
    guessing.engine.stop()
    #expect(outputs.map(EngineLookupTests.Answer.init) == expected)
    #expect(guessing.engine.metrics.acceptedDraftCount > 10)
    let log = source.log.withLock { $0 }
    #expect(log.textCountMaximum > 1, "all texts of a step are asked about at once")
    #expect(log.begun == log.ended)
  }

  @Test func nothingIsAskedWhenDraftsAreOff() throws {
    let engine = try ScriptedEngine(
      EngineLookupTests.options(.off),
      makeDraftSource: {
        Issue.record("a source was made")
        return PromptLookupSource()
      }, script: Self.script)
    _ = try engine.engine.generate([GenerationRequest(promptTokens: [97], maximumTokens: 9)])
  }
}
