import QuireModel
import QuireCalibration
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct HeadPruningTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)
  private static let headSize = 8

  private func goldenShape() -> LayerShape {
    let map = Self.golden.int32s("prune.keyValueHeadOfQueryHead").map(Int.init)
    return LayerShape(map: map)
  }

  @Test(arguments: [(HeadUnit.keyValueGroup, 2), (.queryHead, 5), (.queryHeadPerGroup, 1)])
  func equalsJointLeastSquares(unit: HeadUnit, count: Int) throws {
    let shape = goldenShape()
    let width = shape.queryHeadCount * Self.headSize
    let gram = HostBuffer(Self.golden.floats("prune.gram"))
    let weights = HostBuffer(Self.golden.floats("prune.outputProjection"))
    let pruning = HeadPruning(unit: unit, shape: shape, headSize: Self.headSize)
    let (result, pruner) = try #require(
      pruning.run(
        removing: count,
        outputProjection: MatrixView(weights, rows: weights.count / width, columns: width),
        gram: MatrixView(gram, rows: width, columns: width)))

    let name = "prune.\(unit.rawValue)."
    let scores = Self.golden.doubles(name + "scores")
    #expect(result.scores.count == scores.count)
    for (score, expected) in zip(result.scores, scores) {
      #expect(abs(score.relativeError - expected) < 1e-7 * expected)
    }
    let order = Self.golden.int32s(name + "order").map(Int.init)
    #expect(result.removed.map { unit == .keyValueGroup ? $0.keyValueHead : $0.queryHeads[0] } == order)
    let errors = Self.golden.doubles(name + "errors")
    #expect(abs(result.relativeError - errors[0]) < 1e-7 * errors[0])
    #expect(abs(result.relativeErrorUnrepaired - errors[1]) < 1e-7 * errors[1])
    #expect(result.relativeError < result.relativeErrorUnrepaired)

    let kept = pruning.columns(ofQueryHeads: result.keptQueryHeads)
    let repaired = HostBuffer<Float>(count: pruner.rows * kept.count)
    pruner.repairedWeights(
      keeping: kept, into: MatrixView(repaired, rows: pruner.rows, columns: kept.count))
    #expect(largestDifference(repaired.buffer, Self.golden.floats(name + "weights")) < 1e-4)
  }

  @Test func silentHeadsGoFirstAndCostNothing() throws {
    let (shape, headSize, rows) = (LayerShape(uniform: 6, over: 3), 4, 10)
    let width = 6 * headSize
    var generator = SeededGenerator(seed: 9)
    let inputs = HostBuffer(generator.gaussians(200 * width))
    var values = generator.gaussians(rows * width)
    // Query head 3 (second of group 1) reaches no output at all.
    for row in 0..<rows { for column in 12..<16 { values[row * width + column] = 0 } }
    let weights = HostBuffer(values)
    let pruning = HeadPruning(unit: .queryHead, shape: shape, headSize: headSize)
    let (result, pruner) = try #require(
      pruning.run(
        removing: 1, outputProjection: MatrixView(weights, rows: rows, columns: width),
        gram: MatrixView(gram(inputs, width), rows: width, columns: width)))
    #expect(result.removed.map(\.queryHeads) == [[3]])
    #expect(result.relativeError == 0)
    #expect(result.shape == LayerShape(map: [0, 0, 1, 2, 2]))
    let kept = pruning.columns(ofQueryHeads: result.keptQueryHeads)
    let repaired = HostBuffer<Float>(count: rows * kept.count)
    pruner.repairedWeights(keeping: kept, into: MatrixView(repaired, rows: rows, columns: kept.count))
    for row in 0..<rows {
      for (index, column) in kept.enumerated() {
        #expect(repaired[row * kept.count + index] == weights[row * width + column])
      }
    }
  }

  @Test(arguments: 1...6)
  func repairBeatsNoRepairOnFreshData(seed: UInt64) throws {
    let (shape, headSize, rows) = (LayerShape(uniform: 8, over: 4), 8, 24)
    let width = 8 * headSize
    var generator = SeededGenerator(seed: seed)
    // Correlated activations: 24 sources mixed into 64 columns, and a little noise of their own.
    let mixing = generator.gaussians(24 * width)
    func sample(_ count: Int) -> HostBuffer<Float> {
      let sources = HostBuffer(generator.gaussians(count * 24))
      let result = HostBuffer(generator.gaussians(count * width, scale: 0.3))
      DenseAlgebra.multiply(
        MatrixView(sources, rows: count, columns: 24),
        MatrixView(HostBuffer(mixing), rows: 24, columns: width),
        beta: 1, into: MatrixView(result, rows: count, columns: width))
      return result
    }
    let (calibration, fresh) = (sample(600), sample(300))
    let weights = HostBuffer(generator.gaussians(rows * width))
    let weightView = MatrixView(weights, rows: rows, columns: width)
    let pruning = HeadPruning(unit: .keyValueGroup, shape: shape, headSize: headSize)
    let (result, pruner) = try #require(
      pruning.run(
        removing: 1, outputProjection: weightView,
        gram: MatrixView(gram(calibration, width), rows: width, columns: width)))
    let kept = pruning.columns(ofQueryHeads: result.keptQueryHeads)
    let repaired = HostBuffer<Float>(count: rows * kept.count)
    pruner.repairedWeights(keeping: kept, into: MatrixView(repaired, rows: rows, columns: kept.count))
    let plain = HostBuffer((0..<rows).flatMap { row in kept.map { weightView[row, $0] } })
    let repairedError = outputError(fresh, weights, kept, repaired, rows: rows, width: width)
    let plainError = outputError(fresh, weights, kept, plain, rows: rows, width: width)
    #expect(repairedError < 0.5 * plainError)
  }

  @Test func removingEverythingButOneKeepsTheErrorsAdding() throws {
    let (shape, headSize, rows) = (LayerShape(uniform: 6, over: 2), 4, 8)
    let width = 6 * headSize
    var generator = SeededGenerator(seed: 21)
    let weights = HostBuffer(generator.gaussians(rows * width))
    let h = gram(HostBuffer(generator.gaussians(100 * width)), width)
    let pruning = HeadPruning(unit: .queryHead, shape: shape, headSize: headSize)
    let (result, _) = try #require(
      pruning.run(
        removing: 5, outputProjection: MatrixView(weights, rows: rows, columns: width),
        gram: MatrixView(h, rows: width, columns: width)))
    #expect(result.keptQueryHeads.count == 1 && result.keptKeyValueHeads.count == 1)
    #expect(result.shape.keyValueHeadOfQueryHead == [0])
    #expect(result.relativeError > 0.5 && result.relativeError < 1)
  }

  @Test func silentInputsAndBrokenOnes() throws {
    let shape = LayerShape(uniform: 4, over: 2)
    let weights = HostBuffer<Float>(repeatElement(1, count: 3 * 16))
    let view = MatrixView(weights, rows: 3, columns: 16)
    let gram = HostBuffer<Float>(count: 16 * 16)
    let pruning = HeadPruning(unit: .keyValueGroup, shape: shape, headSize: 4)
    let silent = pruning.run(
      removing: 1, outputProjection: view, gram: MatrixView(gram, rows: 16, columns: 16))
    #expect(silent?.result.keptKeyValueHeads == [1])
    gram[5] = .nan
    gram[5 * 16] = .nan
    #expect(
      pruning.run(removing: 1, outputProjection: view, gram: MatrixView(gram, rows: 16, columns: 16)) == nil)
  }

  @Test func limitsAndExpectedShapes() {
    let shape = LayerShape(uniform: 8, over: 4)
    #expect(HeadPruning.largestRemoval(.keyValueGroup, shape: shape) == 3)
    #expect(HeadPruning.largestRemoval(.queryHead, shape: shape) == 7)
    #expect(HeadPruning.largestRemoval(.queryHeadPerGroup, shape: shape) == 1)
    #expect(
      HeadPruning.expectedShape(.keyValueGroup, removing: 1, from: shape) == LayerShape(uniform: 6, over: 3))
    #expect(
      HeadPruning.expectedShape(.queryHeadPerGroup, removing: 1, from: shape)
        == LayerShape(uniform: 4, over: 4))
    #expect(
      HeadPruning.expectedShape(.queryHead, removing: 1, from: shape)
        == LayerShape(map: [0, 1, 1, 2, 2, 3, 3]))
  }

  // MARK: - helpers

  private func gram(_ inputs: HostBuffer<Float>, _ width: Int) -> HostBuffer<Float> {
    let count = inputs.count / width
    let result = HostBuffer<Float>(count: width * width)
    let view = MatrixView(result, rows: width, columns: width)
    let rows = MatrixView(inputs, rows: count, columns: width)
    DenseAlgebra.multiply(rows, rows, transposing: .left, into: view)
    DenseAlgebra.mirrorUpper(view)
    for index in 0..<result.count { result[index] /= Float(count) }
    return result
  }

  /// Sum of squared differences between `W·x` and `V·x_S`.
  private func outputError(
    _ inputs: HostBuffer<Float>, _ full: HostBuffer<Float>, _ kept: [Int], _ part: HostBuffer<Float>,
    rows: Int, width: Int
  ) -> Double {
    var error = 0.0
    for token in 0..<(inputs.count / width) {
      for row in 0..<rows {
        var difference = 0.0
        for column in 0..<width {
          difference += Double(full[row * width + column]) * Double(inputs[token * width + column])
        }
        for (index, column) in kept.enumerated() {
          difference -= Double(part[row * kept.count + index]) * Double(inputs[token * width + column])
        }
        error += difference * difference
      }
    }
    return error
  }
}

extension LayerShape {
  /// A layer whose query heads are spread evenly over the key/value heads.
  init(uniform queryHeads: Int, over keyValueHeads: Int) {
    self.init(queryHeadCount: queryHeads, keyValueHeadCount: keyValueHeads, intermediateSize: 16)
  }

  init(map: [Int]) {
    self.init(keyValueHeadCount: Set(map).count, keyValueHeadOfQueryHead: map, intermediateSize: 16)
  }
}
