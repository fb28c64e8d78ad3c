import QuireEvaluation
import Testing

struct ScriptedMistakesTests {
  /// The share of drafts that `bench` reports as the acceptance is the share that is right, in answers of 128 tokens
  /// at any context and for each sequence.
  @Test(arguments: [0, 0.4, 0.7, 1]) func shareIsAsScripted(acceptance: Double) {
    let mistakes = ScriptedMistakes(acceptance: acceptance)
    for sequence in Int32(0)..<8 {
      for first in [64, 512, 8192] {
        let right = (first..<first + 128).count { mistakes.isRight($0, sequence: sequence) }
        #expect(abs(Double(right) / 128 - acceptance) < 0.01, "sequence \(sequence), first \(first)")
      }
    }
  }

  /// A draft counts only when those before it are right, so runs matter as much as the share.
  @Test(arguments: [0.4, 0.7]) func threeInARowAreAsLikelyAsIndependentDraws(acceptance: Double) {
    let mistakes = ScriptedMistakes(acceptance: acceptance)
    let right = (0..<65_536).map { mistakes.isRight($0, sequence: 3) }
    let runs = (2..<right.count).count { right[$0] && right[$0 - 1] && right[$0 - 2] }
    let expected = acceptance * acceptance * acceptance
    #expect(abs(Double(runs) / Double(right.count) - expected) < 0.03 * expected + 0.005)
  }

  @Test func sequencesDiffer() {
    let mistakes = ScriptedMistakes(acceptance: 0.7)
    let answers = (0..<4).map { sequence in
      (0..<256).map { mistakes.isRight($0, sequence: Int32(sequence)) }
    }
    #expect(Set(answers).count == 4)
  }
}
