import Foundation
import QuireGeneration

/// The answers used to measure drafting from the text itself. Tokens follow Zipf's law, as words do: pairs of
/// common tokens repeat often, and what followed them once does not predict what follows next.
package enum LookupText: String, Sendable, CaseIterable {
  /// The prompt repeated: a document that is quoted.
  case quoting
  /// The prompt repeated with every sixteenth token replaced: code that is edited.
  case editing
  /// New draws: pairs repeat only by chance.
  case novel

  /// In an edited answer one token in so many is replaced.
  private static let editInterval = 16

  /// The tokens of a prompt, the same for every text, and of the answer.
  func tokens(promptCount: Int, answerCount: Int, vocabularySize: Int) -> (prompt: [Int32], answer: [Int32]) {
    let stream = RandomStream(seed: 1)
    func draw(_ index: Int) -> Int32 {
      // Zipf's law: the logarithm of a token's rank is uniform.
      let rank = exp(stream.uniform(at: UInt64(index)) * log(Double(vocabularySize)))
      return Int32(min(Int(rank), vocabularySize) - 1)
    }
    let prompt = (0..<promptCount).map(draw)
    let answer = (0..<answerCount).map { index in
      switch self {
      case .quoting: prompt[index % promptCount]
      case .editing where index % Self.editInterval == Self.editInterval - 1: draw(promptCount + index)
      case .editing: prompt[index % promptCount]
      case .novel: draw(promptCount + index)
      }
    }
    return (prompt, answer)
  }
}

/// The effect of drafting on one text.
package struct LookupOutcome: Sendable {
  package let text: LookupText
  /// The same engine without drafts, measured in turns with this one.
  package let plainTokensPerSecond: Double
  package let stepCount: Int
  package let draftCount: Int
  /// Drafts that were accepted.
  package let acceptedDraftCount: Int
}
