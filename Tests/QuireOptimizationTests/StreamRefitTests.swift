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
      StreamRefit(damping: damping).solve(
        from: matrix("stream.\(name).plain"), moments(matrix("stream.cross"), keeping: kept), share: share,
        team: team))
    #expect(largestDifference(found.buffer, Self.golden.floats("stream.\(name).refitted")) < 1e-3)
  }

  /// The unpruned model's outputs are those of all columns. From the kept ones the whole correction comes as close to them
  /// as the best fit.
  @Test func theWholeCorrectionIsTheBestFit() throws {
    let weights = matrix("stream.weights")
    let all = Array(0..<weights.columns)
    let kept = all.filter { !(16..<32).contains($0) }
    let cross = MatrixView(
      HostBuffer<Float>(count: weights.rows * weights.columns), rows: weights.rows, columns: weights.columns)
    let gram = moments(weights, keeping: all).gram.view
    DenseAlgebra.multiply(weights, gram, into: cross)
    func error(_ columns: MatrixView<Float>) -> Double {
      let change = MatrixView(
        HostBuffer<Float>(count: weights.rows * weights.columns), rows: weights.rows, columns: weights.columns
      )
      for row in 0..<weights.rows {
        for column in all { change.row(row)[column] = -weights.row(row)[column] }
        for (index, column) in kept.enumerated() { change.row(row)[column] += columns.row(row)[index] }
      }
      let product = MatrixView(
        HostBuffer<Float>(count: weights.rows * weights.columns), rows: weights.rows, columns: weights.columns
      )
      DenseAlgebra.multiply(change, gram, into: product)
      return (0..<weights.rows).reduce(0) { sum, row in
        sum + all.reduce(0.0) { $0 + Double(product.row(row)[$1]) * Double(change.row(row)[$1]) }
      }
    }
    let cut = weights.keeping(columns: kept)
    let found = try #require(
      StreamRefit(damping: 1e-6).solve(from: cut, moments(cross, keeping: kept), share: 1, team: team))
    let best = error(matrix("stream.cut.plain"))
    #expect(error(MatrixView(found, rows: weights.rows, columns: kept.count)) < 1.001 * best)
    #expect(error(cut) > 1.1 * best)
  }

  /// What an earlier layer has lost, but the inputs still tell, comes back by the share that is asked for: a refit of the
  /// matrix for its own sake cannot know of it.
  @Test(arguments: [1, 0.2])
  func whatAnEarlierLayerLostComesBack(share: Double) throws {
    let (rows, width, outputs) = (2_000, 24, 10)
    var generator = SeededGenerator(seed: 3)
    let inputs = MatrixView(HostBuffer(generator.gaussians(rows * width)), rows: rows, columns: width)
    let weights = MatrixView(HostBuffer(generator.gaussians(outputs * width)), rows: outputs, columns: width)
    let lost = generator.gaussians(outputs * width)
    let whole = MatrixView(
      HostBuffer((0..<(outputs * width)).map { weights.base[$0] + lost[$0] }), rows: outputs, columns: width)
    let gram = HostBuffer<Float>(count: width * width)
    let cross = MatrixView(HostBuffer<Float>(count: outputs * width), rows: outputs, columns: width)
    DenseAlgebra.multiply(
      inputs, inputs, transposing: .left, alpha: 1 / Float(rows),
      into: MatrixView(gram, rows: width, columns: width))
    DenseAlgebra.multiply(whole, MatrixView(gram, rows: width, columns: width), into: cross)
    let moments = StreamMoments(gram: GramMatrix(order: width, values: gram), cross: cross)
    let found = try #require(
      StreamRefit(damping: 1e-7).solve(from: weights, moments, share: share, team: team))
    let expected = (0..<lost.count).map { weights.base[$0] + Float(share) * lost[$0] }
    #expect(largestDifference(found.buffer, expected) < 1e-3)
  }

  @Test func brokenStatisticsAreRefused() {
    let weights = matrix("stream.weights")
    let gram = HostBuffer(Self.golden.floats("stream.gram"))
    gram[0] = .nan
    let moments = StreamMoments(
      gram: GramMatrix(order: weights.columns, values: gram), cross: matrix("stream.cross"))
    #expect(
      StreamRefit.mlp.solve(from: weights, moments, share: 1, team: team) == nil)
  }
}
