import Foundation
import QuireGeneration

/// What an answer is made to say when drafting from the text itself is measured. Tokens are drawn by Zipf's law, as words
/// are: pairs of common tokens come again and again, and what followed them once says nothing about what follows now.
package enum LookupText: String, Sendable, CaseIterable {
  /// The prompt over again: a document that is quoted.
  case quoting
  /// The prompt over again with every sixteenth token replaced: code that is edited.
  case editing
  /// New draws: nothing but pairs that repeat by chance.
  case novel

  /// A token of an edited answer is replaced after so many.
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

/// What drafting did for one text.
package struct LookupOutcome: Sendable {
  package let text: LookupText
  /// The same engine without drafts, in turns with this one.
  package let plainTokensPerSecond: Double
  package let stepCount: Int
  package let draftCount: Int
  /// Drafts that came true.
  package let acceptedDraftCount: Int
}
