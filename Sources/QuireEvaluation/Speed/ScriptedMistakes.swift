import QuireGeneration

/// Which of the scripted drafts are right: drawn for each sequence and position.
///
/// Of every 64 positions of a sequence, the same number is right. With independent draws, an answer of 128 tokens would
/// have 0.70 ± 0.04 of its drafts right, and that changes its speed by a tenth.
package struct ScriptedMistakes {
  /// Positions of which a fixed number is right.
  private static let stratum = 64

  /// The probability that a draft is right, given that those before it are.
  let acceptance: Double
  private let stream = RandomStream(seed: 2)

  package init(acceptance: Double) { self.acceptance = acceptance }

  package func isRight(_ position: Int, sequence: Int32) -> Bool {
    guard acceptance < 1 else { return true }
    let own = draw(position, sequence)
    let first = position - position % Self.stratum
    let rank = (first..<first + Self.stratum).count { draw($0, sequence) < own }
    return rank < rightCount(before: first + Self.stratum) - rightCount(before: first)
  }

  private func draw(_ position: Int, _ sequence: Int32) -> Double {
    stream.uniform(at: UInt64(sequence) << 32 | UInt64(position))
  }

  private func rightCount(before position: Int) -> Int { Int((acceptance * Double(position)).rounded()) }
}
