import QuireGeneration
import TestSupport
import Testing

@Suite struct SamplerTests {
  // MARK: Greedy

  @Test func greedyTakesTheLowestIDAmongEquals() throws {
    let workspace = SamplerWorkspace(capacity: 300)
    var sampler = Sampler(.greedy, vocabularySize: 300)
    var logits = [Float](repeating: -1, count: 300)
    logits[77] = 2
    logits[210] = 2
    #expect(try sampler.next(logits, workspace) == 77)
    logits = [-5, -0.0, 0.0, -0.0] + [Float](repeating: -3, count: 296)
    #expect(try sampler.next(logits, workspace) == 1)
    logits = [Float](repeating: -7.5, count: 300)
    #expect(try sampler.next(logits, workspace) == 0)
  }

  @Test func greedyFindsTheMaximumWhereverItIs() throws {
    let count = 200
    let workspace = SamplerWorkspace(capacity: count)
    for place in 0..<count {
      var logits = randomLogits(count, seed: UInt64(place))
      logits[place] = 100
      var sampler = Sampler(.greedy, vocabularySize: count)
      #expect(try sampler.next(logits, workspace) == Int32(place))
    }
  }

  @Test func paddingOfTheEmbeddingIsNeverChosen() throws {
    let workspace = SamplerWorkspace(capacity: 100)
    var logits = randomLogits(100, seed: 1)
    for id in 90..<100 { logits[id] = 50 }
    var greedy = Sampler(.greedy, vocabularySize: 90)
    #expect(try greedy.next(logits, workspace) < 90)
    let sampler = Sampler(SamplingParameters(), vocabularySize: 90)
    #expect(try sampler.distribution(logits, workspace).map(\.id) == Array(0..<90))
  }

  // MARK: Logits that cannot be used

  @Test(arguments: [Float.nan, -Float.nan, Float.infinity])
  func refusesRowsThatAreNotFinite(value: Float) {
    let workspace = SamplerWorkspace(capacity: 200)
    for place in [0, 63, 64, 199] {
      var logits = randomLogits(200, seed: 3)
      logits[place] = value
      for parameters in [SamplingParameters.greedy, SamplingParameters(topK: 5)] {
        var sampler = Sampler(parameters, vocabularySize: 200)
        #expect(throws: GenerationError.unusableLogits(tokenIndex: 0)) {
          try sampler.next(logits, workspace)
        }
      }
    }
  }

  @Test func minusInfinityIsAnImpossibleTokenAndNothingMore() throws {
    let workspace = SamplerWorkspace(capacity: 3)
    let sampler = Sampler(SamplingParameters(), vocabularySize: 3)
    let distribution = try sampler.distribution([-.infinity, 1, 1], workspace)
    #expect(distribution.map(\.probability) == [0, 0.5, 0.5])
    #expect(throws: GenerationError.unusableLogits(tokenIndex: 0)) {
      try sampler.distribution([-.infinity, -.infinity, -.infinity], workspace)
    }
  }

  @Test func theSentenceSaysWhatIsWrong() {
    #expect(
      GenerationError.unusableLogits(tokenIndex: 4).description
        == "expected finite logits at token 4, found others, because the weights are damaged or numbers overflow; verify "
        + "the file and, if it is sound, try --kv-cache float32 or convert it with another recipe")
  }

  // MARK: Filters, exactly

  static let filters: [SamplingParameters] = [
    SamplingParameters(temperature: 1),
    SamplingParameters(temperature: 0.6, topP: 0.95, topK: 20),
    SamplingParameters(temperature: 0.7, topP: 0.8, topK: 20),
    SamplingParameters(temperature: 1, topK: 1),
    SamplingParameters(temperature: 1, topK: 7),
    SamplingParameters(temperature: 2, topK: 190),
    SamplingParameters(temperature: 1, topK: 5000),
    SamplingParameters(temperature: 1, topP: 0),
    SamplingParameters(temperature: 1, topP: 0.5),
    SamplingParameters(temperature: 3, topP: 0.999),
    SamplingParameters(temperature: 1, minP: 0.1),
    SamplingParameters(temperature: 1, minP: 1),
    SamplingParameters(temperature: 1.5, topP: 0.9, topK: 50, minP: 0.02),
  ]

  @Test(arguments: filters, [1, 2, 63, 64, 65, 1000, 12_345])
  func keepsExactlyTheSetThatSortingKeeps(parameters: SamplingParameters, count: Int) throws {
    let workspace = SamplerWorkspace(capacity: count)
    let sampler = Sampler(parameters, vocabularySize: count)
    let reference = SamplerReference(parameters: parameters)
    for seed in 0..<5 as Range<UInt64> {
      let logits = randomLogits(count, seed: seed)
      try expectEqual(sampler.distribution(logits, workspace), reference.distribution(logits))
    }
  }

  /// Logits rounded so coarsely that most of them are equal to others: ties at every border stay together.
  @Test(arguments: filters)
  func keepsTiesTogether(parameters: SamplingParameters) throws {
    let workspace = SamplerWorkspace(capacity: 500)
    let sampler = Sampler(parameters, vocabularySize: 500)
    for seed in 0..<5 as Range<UInt64> {
      let logits = randomLogits(500, seed: seed).map { ($0 * 2).rounded() / 2 }
      let distribution = try sampler.distribution(logits, workspace)
      let kept = Set(distribution.map(\.id))
      let lowest = kept.map { logits[Int($0)] }.min()!
      #expect(kept == Set(logits.indices.filter { logits[$0] >= lowest }.map(Int32.init)))
      if parameters.topP == 1 || parameters.topP == 0 {  // sums of ties may round to either side of a mass
        expectEqual(distribution, SamplerReference(parameters: parameters).distribution(logits))
      }
    }
  }

  @Test func worksAtTheSizeOfQwen3() throws {
    let count = 151_936
    let workspace = SamplerWorkspace(capacity: count)
    let logits = randomLogits(count, seed: 9)
    for parameters in [
      SamplingParameters(temperature: 0.6, topP: 0.95, topK: 20),
      SamplingParameters(temperature: 1, topP: 0.9), SamplingParameters(temperature: 1, topK: 40_000),
    ] {
      let sampler = Sampler(parameters, vocabularySize: count)
      try expectEqual(
        sampler.distribution(logits, workspace),
        SamplerReference(parameters: parameters).distribution(logits))
    }
  }

  @Test func aTinyTemperatureIsAlmostGreedy() throws {
    let workspace = SamplerWorkspace(capacity: 4)
    for temperature in [Float.leastNonzeroMagnitude, 1e-30, 1e-3] {
      var sampler = Sampler(SamplingParameters(temperature: temperature), vocabularySize: 4)
      #expect(try sampler.next([1, 2, 3, -4], workspace) == 2)
    }
  }

  private func expectEqual(
    _ left: [(id: Int32, probability: Double)], _ right: [(id: Int32, probability: Double)],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(left.map(\.id) == right.map(\.id), sourceLocation: sourceLocation)
    guard left.count == right.count else { return }
    let worst = zip(left, right).map { abs($0.probability - $1.probability) / max($1.probability, 1e-9) }
      .max()!
    #expect(worst < 2e-5, sourceLocation: sourceLocation)
  }
}
