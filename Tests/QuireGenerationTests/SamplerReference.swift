import Foundation
import QuireGeneration
import TestSupport

/// Sampling written out plainly, in doubles and with a full sort, to hold the fast one against.
struct SamplerReference {
  var parameters: SamplingParameters

  /// Ids ascending with their probabilities.
  func distribution(_ logits: [Float]) -> [(id: Int32, probability: Double)] {
    let scaled = logits.map { Double($0) / Double(parameters.temperature) }
    let order = logits.indices.sorted { logits[$0] > logits[$1] }
    var kept = order
    if parameters.topK > 0 && parameters.topK < kept.count {
      let last = logits[order[parameters.topK - 1]]
      kept = order.filter { logits[$0] >= last }
    }
    let maximum = scaled[order[0]]
    func weight(_ id: Int) -> Double { exp(scaled[id] - maximum) }
    if parameters.topP < 1 {
      let target = Double(parameters.topP) * kept.reduce(0) { $0 + weight($1) }
      var mass = 0.0
      var count = 0
      while count < kept.count && (mass < target || count == 0) {
        mass += weight(kept[count])
        count += 1
      }
      let last = logits[kept[count - 1]]
      kept = kept.filter { logits[$0] >= last }
    }
    if parameters.minP > 0 { kept = kept.filter { weight($0) >= Double(parameters.minP) } }
    let total = kept.reduce(0) { $0 + weight($1) }
    return kept.sorted().map { (id: Int32($0), probability: weight($0) / total) }
  }
}

/// Σ (observed − expected)² / expected, for counts of draws from a known distribution.
func chiSquare(_ counts: [Int32: Int], against distribution: [(id: Int32, probability: Double)]) -> Double {
  let total = Double(counts.values.reduce(0, +))
  return distribution.reduce(0) { sum, entry in
    let expected = total * entry.probability
    let difference = Double(counts[entry.id, default: 0]) - expected
    return sum + difference * difference / expected
  }
}

/// The value that a chi-square statistic exceeds once in 10,000 (Wilson and Hilferty's approximation, 1931).
func chiSquareBound(degrees: Int) -> Double {
  let spread = 2 / (9 * Double(degrees))
  let root = 1 - spread + 3.719 * spread.squareRoot()
  return Double(degrees) * root * root * root
}

/// Random logits of a given spread.
func randomLogits(_ count: Int, scale: Float = 3, seed: UInt64) -> [Float] {
  var generator = SeededGenerator(seed: seed)
  return generator.gaussians(count, scale: scale)
}

extension Sampler {
  init(_ parameters: SamplingParameters, prompt: [Int32] = [], seed: UInt64 = 0, vocabularySize: Int) {
    self.init(
      parameters, prompt: prompt, maximumTokens: 100, seed: seed, vocabularySize: vocabularySize)
  }

  mutating func next(_ logits: [Float], _ workspace: SamplerWorkspace) throws -> Int32 {
    try logits.withUnsafeBufferPointer { try next(logits: $0, workspace: workspace) }
  }

  func distribution(
    _ logits: [Float], _ workspace: SamplerWorkspace
  ) throws -> [(id: Int32, probability: Double)] {
    try logits.withUnsafeBufferPointer { try distribution(logits: $0, workspace: workspace) }
  }
}
