import QuireModel
import QuireCalibration
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct NeuronPruningTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)

  @Test(arguments: [("singly", 16, 1), ("in-rounds", 24, 4)])
  func equalsJointLeastSquares(name: String, count: Int, roundCount: Int) throws {
    let width = Self.golden.shape("prune.gram")[0]
    let weights = HostBuffer(Self.golden.floats("prune.outputProjection"))
    let (result, pruner) = try #require(
      NeuronPruning(roundCount: roundCount).run(
        removing: count, downProjection: MatrixView(weights, rows: weights.count / width, columns: width),
        gram: MatrixView(HostBuffer(Self.golden.floats("prune.gram")), rows: width, columns: width)))
    let removed = Self.golden.int32s("neurons.\(name).removed").map(Int.init)
    #expect(result.kept == (0..<width).filter { !removed.contains($0) })
    let errors = Self.golden.doubles("neurons.\(name).errors")
    #expect(abs(result.relativeError - errors[0]) < 1e-7 * errors[0])
    #expect(abs(result.relativeErrorUnrepaired - errors[1]) < 1e-7 * errors[1])
    let repaired = HostBuffer<Float>(count: pruner.rows * result.kept.count)
    pruner.repairedWeights(
      keeping: result.kept, into: MatrixView(repaired, rows: pruner.rows, columns: result.kept.count))
    #expect(largestDifference(repaired.buffer, Self.golden.floats("neurons.\(name).weights")) < 1e-4)
  }

  @Test func aSurveyAddsUpToTheCut() throws {
    let width = Self.golden.shape("prune.gram")[0]
    let weights = HostBuffer(Self.golden.floats("prune.outputProjection"))
    let view = MatrixView(weights, rows: weights.count / width, columns: width)
    let gram = MatrixView(HostBuffer(Self.golden.floats("prune.gram")), rows: width, columns: width)
    let pruning = NeuronPruning(roundCount: 4)
    let survey = try #require(
      pruning.survey(group: 8, groupCount: width / 8 - 1, downProjection: view, gram: gram))
    #expect(survey.steps.count == width / 8 - 1 && survey.steps.allSatisfy { $0 >= 0 })
    let (result, _) = try #require(pruning.run(removing: 24, downProjection: view, gram: gram))
    #expect(abs(survey.steps.prefix(3).reduce(0, +) - result.relativeError) < 1e-9)
  }

  @Test func roundsGrowWithTheWidth() {
    #expect(NeuronPruning(width: 768).roundCount == 4)
    #expect(NeuronPruning(width: 64).roundCount == 1)
    #expect(NeuronPruning(width: 12288).roundCount == 32)
  }
}
