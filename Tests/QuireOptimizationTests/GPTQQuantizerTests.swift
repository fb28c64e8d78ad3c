import QuireCalibration
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct GPTQQuantizerTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)
  private let compute = Compute(threadCount: 2)

  private func gram(_ values: [Float], order: Int) -> GramMatrix {
    GramMatrix(order: order, values: HostBuffer(values))
  }

  private func matrix(_ values: [Float], columns: Int) -> WeightMatrix {
    .dense(DenseMatrix(rows: values.count / columns, columns: columns, values: HostBuffer(values)))
  }

  /// `XᵀX/N` of activations that a few directions and some loud channels make up.
  private func correlatedGram(order: Int, seed: UInt64) -> GramMatrix {
    var generator = SeededGenerator(seed: seed)
    let (rows, directions) = (3 * order, order / 4)
    let sources = HostBuffer(generator.gaussians(rows * directions))
    let mixing = HostBuffer(generator.gaussians(directions * order))
    let inputs = HostBuffer(generator.gaussians(rows * order, scale: 0.3))
    let loudness = generator.gaussians(order).map { $0 > 1.5 ? Float(8) : 1 }
    let view = MatrixView(inputs, rows: rows, columns: order)
    DenseAlgebra.multiply(
      MatrixView(sources, rows: rows, columns: directions),
      MatrixView(mixing, rows: directions, columns: order), beta: 1, into: view)
    for index in 0..<inputs.count { inputs.pointer[index] *= loudness[index % order] }
    let sums = HostBuffer<Float>(count: order * order)
    DenseAlgebra.multiply(
      view, view, transposing: .left, alpha: 1 / Float(rows),
      into: MatrixView(sums, rows: order, columns: order))
    return GramMatrix(order: order, values: sums)
  }

  /// `tr((W − Ŵ)·H·(W − Ŵ)ᵀ)`.
  private func outputError(_ weights: WeightMatrix, _ quantized: QuantizedMatrix, _ gram: GramMatrix)
    -> Double
  {
    let difference = weights.dequantized(kernels: compute.kernels)
    let other = WeightMatrix.quantized(quantized).dequantized(kernels: compute.kernels)
    for index in 0..<difference.count { difference.pointer[index] -= other.pointer[index] }
    let product = HostBuffer<Float>(count: difference.count)
    DenseAlgebra.multiply(
      MatrixView(difference, rows: weights.rows, columns: weights.columns), gram.view,
      into: MatrixView(product, rows: weights.rows, columns: weights.columns))
    return (0..<product.count).reduce(0.0) {
      $0 + Double(difference.pointer[$1]) * Double(product.pointer[$1])
    }
  }

  @Test(arguments: [
    WeightFormat.int8(), .int4(group: 32), .int4(group: 64), .nl4(group: 64), .nl3(group: 32),
  ])
  func equalsTheDefinition(format: WeightFormat) throws {
    let columns = Self.golden.shape("gptq.weights")[1]
    let gram = gram(Self.golden.floats("gptq.gram"), order: columns)
    let factor = try #require(InverseFactor(gram))
    #expect(factor.damping == DampedGram.standardShare)
    let result = try GPTQQuantizer(format).quantize(
      matrix(Self.golden.floats("gptq.weights"), columns: columns), gram, factor, named: "w", compute)
    let codes = Self.golden.int32s("gptq.\(format).codes")
    let found = result.matrix.decodedCodes()
    #expect(found.count == codes.count)
    let differing = codes.indices.count { Int32(found[$0]) != codes[$0] }
    #expect(differing == 0)
    #expect(result.matrix.decodedScales() == Self.golden.floats("gptq.\(format).scales"))
    let error = Self.golden.doubles("gptq.\(format).error")[0]
    #expect(abs(result.outputError - error) < 1e-4 * error)
  }

  @Test(arguments: [
    WeightFormat.int8(), .int8(group: 128), .int4(group: 32), .int4(group: 128), .nl4(group: 128),
    .nl3(group: 64),
  ])
  func halvesTheOutputErrorOnCorrelatedInputs(format: WeightFormat) throws {
    let gram = correlatedGram(order: 256, seed: 5)
    var generator = SeededGenerator(seed: 6)
    let weights = matrix(generator.gaussians(96 * 256, scale: 0.05), columns: 256)
    let solved = try GPTQQuantizer(format).quantize(
      weights, gram, try #require(InverseFactor(gram)), named: "w", compute)
    let nearest = try NearestQuantizer(format).quantize(weights, named: "w", compute)
    let error = outputError(weights, solved.matrix, gram)
    #expect(error < 0.5 * outputError(weights, nearest.matrix, gram))
    #expect(solved.relativeError > nearest.relativeError)
  }

  @Test func inputsThatDoNotDependOnEachOtherAreRoundedToNearest() throws {
    let order = 160
    let values = HostBuffer<Float>(count: order * order)
    for index in 0..<order { values.pointer[index * order + index] = Float(1 + index * 37 % 11) }
    let gram = GramMatrix(order: order, values: values)
    var generator = SeededGenerator(seed: 7)
    let weights = matrix(generator.gaussians(40 * order), columns: order)
    let factor = try #require(InverseFactor(gram))
    let solved = try GPTQQuantizer(.int4(group: 32)).quantize(weights, gram, factor, named: "w", compute)
    let nearest = try NearestQuantizer(.int4(group: 32)).quantize(weights, named: "w", compute)
    #expect(solved.matrix.codes.elementsEqual(nearest.matrix.codes))
    #expect(solved.relativeError == nearest.relativeError)
  }

  @Test func loudInputsAreSolvedFirst() throws {
    var values = [Float](repeating: 0, count: 16)
    for (index, loudness) in [1, 9, 1, 4].enumerated() { values[index * 5] = Float(loudness) }
    let factor = try #require(InverseFactor(gram(values, order: 4)))
    #expect(factor.solvingOrder == [1, 3, 0, 2])
  }

  @Test func theFactorBelongsToTheDampedInverse() throws {
    let order = 150  // more than one block of the triangular inverse, and odd halves
    let gram = correlatedGram(order: order, seed: 8)
    let factor = try #require(InverseFactor(gram))
    // Uᵀ·U·(H + λI) in solving order is the identity.
    let product = HostBuffer<Float>(count: order * order)
    let view = MatrixView(product, rows: order, columns: order)
    DenseAlgebra.multiply(factor.view, factor.view, transposing: .left, into: view)
    for row in 0..<order {
      for column in 0..<order {
        var sum = 0.0
        for inner in 0..<order {
          let (from, to) = (factor.solvingOrder[inner], factor.solvingOrder[column])
          let value = Double(gram.view[from, to]) + (from == to ? factor.dampingValue : 0)
          sum += Double(view[row, inner]) * value
        }
        #expect(abs(sum - (row == column ? 1 : 0)) < 1e-3)
      }
    }
  }

  @Test func silentInputsLoseNothing() throws {
    let gram = gram([Float](repeating: 0, count: 64 * 64), order: 64)
    let factor = try #require(InverseFactor(gram))
    var generator = SeededGenerator(seed: 9)
    let weights = matrix(generator.gaussians(32 * 64), columns: 64)
    let solved = try GPTQQuantizer(.int4(group: 32)).quantize(weights, gram, factor, named: "w", compute)
    let nearest = try NearestQuantizer(.int4(group: 32)).quantize(weights, named: "w", compute)
    #expect(solved.matrix.codes.elementsEqual(nearest.matrix.codes))
  }

  /// Wide inputs are factored by the whole team, in pieces that do not depend on it.
  @Test func aWideFactorIsTheSameOnAnyTeam() throws {
    let order = 1_187  // more than one block of the team's, the last one cut
    let gram = correlatedGram(order: order, seed: 9)
    let factors = try [1, 3].map { try #require(InverseFactor(gram, team: ThreadTeam(threadCount: $0))) }
    #expect(factors[0].values.buffer.elementsEqual(factors[1].values.buffer))
    let factor = factors[0]
    // Uᵀ·U·(H + λI)·x is x.
    var generator = SeededGenerator(seed: 10)
    let x = generator.gaussians(order, scale: 1)
    var damped = [Double](repeating: 0, count: order)
    for row in 0..<order {
      let from = factor.solvingOrder[row]
      damped[row] = factor.dampingValue * Double(x[row])
      for column in 0..<order {
        damped[row] += Double(gram.view[from, factor.solvingOrder[column]]) * Double(x[column])
      }
    }
    var turned = [Double](repeating: 0, count: order)
    for row in 0..<order {
      let sum = (row..<order).reduce(0.0) { $0 + Double(factor.view[row, $1]) * damped[$1] }
      for column in row..<order { turned[column] += Double(factor.view[row, column]) * sum }
    }
    #expect(zip(turned, x).allSatisfy { abs($0 - Double($1)) < 1e-2 })
  }

  /// Ones on the diagonal but for one pair, which depends on itself more than it is loud: the smallest eigenvalue
  /// is `−excess`.
  private func indefinite(excess: Float) -> GramMatrix {
    let order = 32
    var values = [Float](repeating: 0, count: order * order)
    for index in 0..<order { values[index * order + index] = 1 }
    values[1] = 1 + excess
    values[order] = 1 + excess
    return gram(values, order: order)
  }

  @Test(arguments: [(Float(0), 0.01), (0.05, 0.1), (0.5, 1)])
  func dampingRisesUntilItIsEnough(excess: Float, damping: Double) throws {
    let factor = try #require(InverseFactor(indefinite(excess: excess)))
    #expect(abs(factor.damping - damping) < 1e-12)
  }

  @Test func aRowOfEqualInputsNeedsNoMoreThanTheStandardDamping() throws {
    let factor = try #require(InverseFactor(gram([Float](repeating: 2, count: 64 * 64), order: 64)))
    #expect(factor.damping == DampedGram.standardShare)
  }

  @Test func hopelessStatisticsGiveNoFactor() {
    #expect(InverseFactor(indefinite(excess: 1.5)) == nil)
    for bad in [Float.nan, .infinity] {
      var onDiagonal = [Float](repeating: 0.5, count: 16)
      onDiagonal[5] = bad
      #expect(InverseFactor(gram(onDiagonal, order: 4)) == nil)
      var beside = [Float](repeating: 0.5, count: 16)
      (beside[1], beside[4]) = (bad, bad)
      #expect(InverseFactor(gram(beside, order: 4)) == nil)
    }
  }

  @Test func threadCountDoesNotMatter() throws {
    let gram = correlatedGram(order: 160, seed: 10)
    let factor = try #require(InverseFactor(gram))
    var generator = SeededGenerator(seed: 11)
    let weights = matrix(generator.gaussians(300 * 160), columns: 160)
    let results = try [1, 2, 3].map {
      try GPTQQuantizer(.int4(group: 32)).quantize(
        weights, gram, factor, named: "w", Compute(threadCount: $0))
    }
    for other in results.dropFirst() {
      #expect(results[0].matrix.codes.elementsEqual(other.matrix.codes))
      #expect(results[0].outputError == other.outputError)
    }
  }

  @Test(arguments: [Float.nan, .infinity])
  func whatIsNotFiniteIsRefused(bad: Float) throws {
    var values = [Float](repeating: 1, count: 128)
    values[70] = bad
    let gram = correlatedGram(order: 64, seed: 12)
    let factor = try #require(InverseFactor(gram))
    let error = #expect(throws: OptimizationError.self) {
      _ = try GPTQQuantizer(.int4(group: 32)).quantize(
        matrix(values, columns: 64), gram, factor, named: "w", compute)
    }
    #expect(error?.description.hasPrefix("expected finite numbers in the tensor w, found a NaN") == true)
  }
}
