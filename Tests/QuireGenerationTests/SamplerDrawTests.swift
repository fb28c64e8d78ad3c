import Foundation
import QuireGeneration
import TestSupport
import Testing

/// What is drawn, as statistics with fixed seeds: a failure is a change of code, never chance.
@Suite struct SamplerDrawTests {
  static let drawCount = 20_000

  @Test(arguments: [
    SamplingParameters(temperature: 0.7), SamplingParameters(temperature: 1, topK: 5),
    SamplingParameters(temperature: 1.3, topP: 0.8), SamplingParameters(temperature: 1, minP: 0.05),
    SamplingParameters(temperature: 0.6, topP: 0.95, topK: 20),
  ])
  func drawsFollowTheExactDistribution(parameters: SamplingParameters) throws {
    let logits = randomLogits(40, scale: 1.2, seed: 5)
    let workspace = SamplerWorkspace(capacity: 40)
    let exact = SamplerReference(parameters: parameters).distribution(logits)
    for seed in [1, 2, 3] as [UInt64] {
      var sampler = Sampler(parameters, seed: seed, vocabularySize: 40)
      var counts: [Int32: Int] = [:]
      for _ in 0..<Self.drawCount { counts[try sampler.next(logits, workspace), default: 0] += 1 }
      #expect(Set(counts.keys).isSubset(of: exact.map(\.id)))
      #expect(chiSquare(counts, against: exact) < chiSquareBound(degrees: exact.count - 1))
    }
  }

  /// One draw from each of many seeds is as random as many draws from one seed.
  @Test func neighbouringSeedsAreIndependent() throws {
    let logits = randomLogits(10, scale: 0.5, seed: 6)
    let workspace = SamplerWorkspace(capacity: 10)
    let exact = SamplerReference(parameters: SamplingParameters()).distribution(logits)
    for index in 0..<3 {
      var counts: [Int32: Int] = [:]
      for seed in 0..<Self.drawCount {
        var sampler = Sampler(SamplingParameters(), seed: UInt64(seed), vocabularySize: 10)
        for _ in 0..<index { _ = try sampler.next(logits, workspace) }
        counts[try sampler.next(logits, workspace), default: 0] += 1
      }
      #expect(chiSquare(counts, against: exact) < chiSquareBound(degrees: exact.count - 1))
    }
  }

  @Test func rareTokensInALargeVocabularyAreDrawnAsOftenAsTheyShould() throws {
    let count = 30_000
    let workspace = SamplerWorkspace(capacity: count)
    let logits = [Float](repeating: 0, count: count)
    var sampler = Sampler(SamplingParameters(), seed: 8, vocabularySize: count)
    var counts: [Int32: Int] = [:]
    for _ in 0..<20_000 { counts[try sampler.next(logits, workspace) / 1000, default: 0] += 1 }
    let exact = (0..<30).map { (id: Int32($0), probability: 1.0 / 30) }
    #expect(chiSquare(counts, against: exact) < chiSquareBound(degrees: 29))
  }

  @Test func theParameterSeedWinsOverTheGivenOne() throws {
    let logits = randomLogits(100, seed: 1)
    let workspace = SamplerWorkspace(capacity: 100)
    func draws(_ parameterSeed: UInt64?, _ seed: UInt64) throws -> [Int32] {
      var sampler = Sampler(SamplingParameters(seed: parameterSeed), seed: seed, vocabularySize: 100)
      return try (0..<20).map { _ in try sampler.next(logits, workspace) }
    }
    #expect(try draws(4, 1) == draws(4, 2))
    #expect(try draws(4, 1) == draws(nil, 4))
    #expect(try draws(nil, 1) != draws(nil, 2))
  }

  /// Samplers that take turns on one workspace draw what each draws alone.
  @Test func neighboursDoNotMatter() throws {
    let workspace = SamplerWorkspace(capacity: 500)
    let all = SamplerTests.filters.enumerated().map { index, parameters in
      var seeded = parameters
      seeded.frequencyPenalty = index % 2 == 0 ? 0.3 : 0
      return Sampler(seeded, seed: UInt64(index), vocabularySize: 500)
    }
    func logits(_ step: Int, _ index: Int) -> [Float] {
      randomLogits(500, seed: UInt64(step * 100 + index))
    }
    var together = all
    var interleaved = [[Int32]](repeating: [], count: all.count)
    for step in 0..<10 {
      for index in together.indices {
        interleaved[index].append(try together[index].next(logits(step, index), workspace))
      }
    }
    for index in all.indices {
      var alone = all[index]
      let fresh = SamplerWorkspace(capacity: 500)
      let tokens = try (0..<10).map { try alone.next(logits($0, index), fresh) }
      #expect(tokens == interleaved[index])
    }
  }

  // MARK: Bias and penalties

  /// Recovers the adjusted logits, up to a constant, from the distribution.
  private func adjustedLogits(_ sampler: Sampler, _ logits: [Float]) throws -> [Double] {
    let workspace = SamplerWorkspace(capacity: logits.count)
    let probabilities = try sampler.distribution(logits, workspace).map { log($0.probability) }
    return probabilities.map { $0 - probabilities[0] }
  }

  @Test func penaltiesFollowTheirFormulas() throws {
    let logits: [Float] = [0, 2, -2, 1, -1, 0.5]
    let parameters = SamplingParameters(
      presencePenalty: 0.5, frequencyPenalty: 0.25, repetitionPenalty: 1.5, logitBias: [5: 1.5, 1: -0.5])
    var sampler = Sampler(parameters, prompt: [2, 3, 2], vocabularySize: 6)
    // Prompt tokens meet the repetition penalty only: 1 / 1.5 and −2 · 1.5.
    let before = try adjustedLogits(sampler, logits)
    expectClose(before, [0, 1.5, -3, 1 / 1.5, -1, 2])
    // Force the answer to be 1, 1, 4.
    let workspace = SamplerWorkspace(capacity: 6)
    for token in [1, 1, 4] {
      var forced = [Float](repeating: -1000, count: 6)
      forced[token] = 1000
      #expect(try sampler.next(forced, workspace) == Int32(token))
    }
    let after = try adjustedLogits(sampler, logits)
    expectClose(after, [0, 1.5 / 1.5 - 0.5 - 2 * 0.25, -3, 1 / 1.5, -1.5 - 0.5 - 0.25, 2])
  }

  @Test func biasDecidesGreedyChoices() throws {
    let workspace = SamplerWorkspace(capacity: 4)
    var parameters = SamplingParameters.greedy
    parameters.logitBias = [2: 100, 0: -100]
    var sampler = Sampler(parameters, vocabularySize: 4)
    #expect(try sampler.next([9, 1, -5, 3], workspace) == 2)
  }

  private func expectClose(
    _ left: [Double], _ right: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(left.count == right.count, sourceLocation: sourceLocation)
    for (a, b) in zip(left, right) { #expect(abs(a - b) < 1e-5, sourceLocation: sourceLocation) }
  }
}
