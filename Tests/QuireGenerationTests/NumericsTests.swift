import Foundation
import QuireGeneration
import TestSupport
import Testing

@Suite struct LogProbabilitiesTests {
  private func logprobs(
    _ logits: [Float], vocabularySize: Int? = nil, best: Int, ids: [Int32]
  ) throws -> (values: [Float], best: [(id: Int32, logprob: Float)]) {
    let workspace = SamplerWorkspace(capacity: logits.count)
    return try logits.withUnsafeBufferPointer { row in
      let probabilities = try LogProbabilities(
        logits: row, vocabularySize: vocabularySize ?? logits.count, tokenIndex: 0, workspace: workspace)
      return (
        ids.map { probabilities.value(of: $0) }, probabilities.best(best, workspace: workspace)
      )
    }
  }

  @Test(arguments: [1, 5, 64, 100, 151_936])
  func agreesWithLogSoftmaxInDoubles(count: Int) throws {
    let logits = randomLogits(count, scale: 4, seed: 2).map { $0 + 7 }
    let ids = stride(from: 0, to: count, by: max(1, count / 50)).map(Int32.init)
    let values = try logprobs(logits, best: 0, ids: ids).values
    let maximum = Double(logits.max()!)
    let logSum = maximum + log(logits.reduce(0) { $0 + exp(Double($1) - maximum) })
    for (id, value) in zip(ids, values) {
      let exact = Double(logits[Int(id)]) - logSum
      #expect(abs(Double(value) - exact) <= 1e-6 * max(1, abs(exact)))
    }
  }

  @Test func theBestComeInOrderWithTheVerySameNumbers() throws {
    let logits = randomLogits(1000, seed: 4).map { ($0 * 4).rounded() / 4 }
    let order = logits.indices.sorted {
      logits[$0] == logits[$1] ? $0 < $1 : logits[$0] > logits[$1]
    }
    let (values, best) = try logprobs(logits, best: 20, ids: order.prefix(20).map(Int32.init))
    #expect(best.map(\.id) == order.prefix(20).map(Int32.init))
    #expect(best.map(\.logprob) == values)
  }

  @Test func paddingCountsInTheSumButIsNoAlternative() throws {
    let (values, best) = try logprobs([0, 0, 0, 5], vocabularySize: 3, best: 5, ids: [0])
    #expect(best.map(\.id) == [0, 1, 2])
    #expect(abs(Double(values[0]) - -log(3 + exp(5.0))) < 1e-6)
  }

  @Test func refusesLogitsThatAreNotNumbers() {
    #expect(throws: GenerationError.unusableLogits(tokenIndex: 0)) {
      try logprobs([0, .nan, 0], best: 1, ids: [0])
    }
  }
}

@Suite struct RandomStreamTests {
  @Test func isUniformAlongItsIndexAndAlongSeeds() {
    for stride in [1, 2, 64] as [UInt64] {
      var along = [Int32: Int]()
      var across = [Int32: Int]()
      let stream = RandomStream(seed: 77)
      for index in 0..<50_000 as Range<UInt64> {
        along[Int32(stream.uniform(at: index * stride) * 100), default: 0] += 1
        across[Int32(RandomStream(seed: index * stride).uniform(at: 3) * 100), default: 0] += 1
      }
      let exact = (0..<100).map { (id: Int32($0), probability: 0.01) }
      #expect(chiSquare(along, against: exact) < chiSquareBound(degrees: 99))
      #expect(chiSquare(across, against: exact) < chiSquareBound(degrees: 99))
    }
  }

  @Test func neighbouringDrawsAreUncorrelated() {
    let stream = RandomStream(seed: 0)
    let count = 50_000
    var product = 0.0
    for index in 0..<UInt64(count) {
      product += (stream.uniform(at: index) - 0.5) * (stream.uniform(at: index + 1) - 0.5)
    }
    // The product of two independent uniforms has variance 1/144.
    #expect(abs(product / Double(count)) < 4 / 12 / Double(count).squareRoot())
  }

  /// Seeded answers are promised to stay: these numbers must not change between versions.
  @Test func keepsItsNumbers() {
    let stream = RandomStream(seed: 42)
    let bits = (0..<3).map { UInt64(stream.uniform(at: $0) * 0x1p53) }
    #expect(bits == [8_934_986_421_464_095, 8_144_588_995_820_316, 4_662_837_261_537_928])
  }
}
