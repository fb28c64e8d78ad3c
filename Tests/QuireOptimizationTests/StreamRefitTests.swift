import QuireModel
import QuireCalibration
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// The refit that brings hidden states back to the unpruned model's.
@Suite struct StreamRefitTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)
  private let team = ThreadTeam(threadCount: 2)

  private func matrix(_ name: String) -> MatrixView<Float> {
    let shape = Self.golden.shape(name)
    return MatrixView(HostBuffer(Self.golden.floats(name)), rows: shape[0], columns: shape[1])
  }

  private func moments(_ cross: MatrixView<Float>, keeping kept: [Int]) -> StreamMoments {
    let gram = HostBuffer(Self.golden.floats("stream.gram"))
    return StreamMoments(gram: GramMatrix(order: cross.columns, values: gram), cross: cross).keeping(kept)
  }

  /// The golden values come from ridge regression on the rows themselves, by another route than normal equations.
  @Test(arguments: [("whole", [], 0.1, 0.75), ("cut", Array(16..<32), 0.01, 1.0)])
  func equalsRidgeRegressionOnTheRows(name: String, removed: [Int], damping: Double, share: Double) throws {
    let weights = matrix("stream.weights")
    let kept = (0..<weights.columns).filter { !removed.contains($0) }
    let found = try #require(
      StreamRefit(damping: damping, share: share).solve(
        from: matrix("stream.\(name).plain"), moments(matrix("stream.cross"), keeping: kept), team: team))
    #expect(largestDifference(found.buffer, Self.golden.floats("stream.\(name).refitted")) < 1e-3)
  }

  /// The unpruned model's outputs are those of all columns: from the kept ones the whole correction leads to their plain
  /// refit, and from that one nothing is left to correct.
  @Test func equalStreamsLeadToThePlainRefit() throws {
    let (weights, plain) = (matrix("stream.weights"), matrix("stream.cut.plain"))
    let all = Array(0..<weights.columns)
    let kept = all.filter { !(16..<32).contains($0) }
    let cross = MatrixView(
      HostBuffer<Float>(count: weights.rows * weights.columns), rows: weights.rows, columns: weights.columns)
    DenseAlgebra.multiply(weights, moments(weights, keeping: all).gram.view, into: cross)
    let moments = moments(cross, keeping: kept)
    for first in [plain, weights.keeping(columns: kept)] {
      let found = try #require(StreamRefit(damping: 0.01, share: 1).solve(from: first, moments, team: team))
      #expect(largestDifference(found.buffer, Self.golden.floats("stream.cut.plain")) < 2e-2)
    }
  }

  /// What an earlier layer has lost, but the inputs still tell, comes back whole: a refit of the matrix for its own
  /// sake cannot know of it.
  @Test func whatTheInputsStillTellComesBack() throws {
    let (rows, width, outputs) = (300, 24, 10)
    var generator = SeededGenerator(seed: 3)
    let inputs = MatrixView(HostBuffer(generator.gaussians(rows * width)), rows: rows, columns: width)
    let weights = MatrixView(HostBuffer(generator.gaussians(outputs * width)), rows: outputs, columns: width)
    let lost = MatrixView(HostBuffer(generator.gaussians(outputs * width)), rows: outputs, columns: width)
    let whole = HostBuffer((0..<(outputs * width)).map { weights.base[$0] + lost.base[$0] })
    let targets = MatrixView(HostBuffer<Float>(count: rows * outputs), rows: rows, columns: outputs)
    DenseAlgebra.multiply(
      inputs, MatrixView(whole, rows: outputs, columns: width), transposing: .right, into: targets)
    let gram = MatrixView(HostBuffer<Float>(count: width * width), rows: width, columns: width)
    let cross = MatrixView(HostBuffer<Float>(count: outputs * width), rows: outputs, columns: width)
    DenseAlgebra.multiply(inputs, inputs, transposing: .left, alpha: 1 / Float(rows), into: gram)
    DenseAlgebra.multiply(targets, inputs, transposing: .left, alpha: 1 / Float(rows), into: cross)
    let values = HostBuffer((0..<(width * width)).map { gram.base[$0] })
    let found = try #require(
      StreamRefit(damping: 1e-7, share: 1).solve(
        from: weights, StreamMoments(gram: GramMatrix(order: width, values: values), cross: cross), team: team
      ))
    #expect(largestDifference(found.buffer, whole.buffer) < 1e-4)
  }

  @Test func brokenStatisticsAreRefused() {
    let weights = matrix("stream.weights")
    let gram = HostBuffer(Self.golden.floats("stream.gram"))
    gram[0] = .nan
    let moments = StreamMoments(
      gram: GramMatrix(order: weights.columns, values: gram), cross: matrix("stream.cross"))
    #expect(
      StreamRefit.mlp.solve(from: weights, moments, team: team) == nil)
  }
}
