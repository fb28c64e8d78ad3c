import QuireTensors
import TestSupport
import Testing

/// Everything against loops in float64 that say the same thing the slow way.
@Suite struct DenseAlgebraTests {
  private func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> HostBuffer<Double> {
    var generator = SeededGenerator(seed: seed)
    return HostBuffer(generator.gaussians(rows * columns).map(Double.init))
  }

  /// `AᵀA + I/2`, positive definite.
  private func definite(_ order: Int, seed: UInt64) -> HostBuffer<Double> {
    let factor = matrix(order + 3, order, seed: seed)
    let result = HostBuffer<Double>(count: order * order)
    for row in 0..<order {
      for column in 0..<order {
        var sum = row == column ? 0.5 : 0
        for index in 0..<(order + 3) { sum += factor[index * order + row] * factor[index * order + column] }
        result[row * order + column] = sum
      }
    }
    return result
  }

  @Test(arguments: [(1, 1), (7, 3), (64, 65), (130, 66)])
  func gramAddsUp(rows: Int, columns: Int) {
    var generator = SeededGenerator(seed: 5)
    let values = HostBuffer(generator.gaussians(rows * columns))
    let gram = HostBuffer<Float>(count: columns * columns)
    let view = MatrixView(gram, rows: columns, columns: columns)
    let all = MatrixView(values, rows: rows, columns: columns)
    let half = rows / 2
    let first = all.block(rows: 0..<half, columns: 0..<columns)
    DenseAlgebra.multiply(first, first, transposing: .left, beta: 1, into: view)
    let second = all.block(rows: half..<rows, columns: 0..<columns)
    DenseAlgebra.multiply(second, second, transposing: .left, beta: 1, into: view)
    DenseAlgebra.mirrorUpper(view)
    for row in 0..<columns {
      for column in 0..<columns {
        var sum = 0.0
        for index in 0..<rows { sum += Double(all[index, row]) * Double(all[index, column]) }
        #expect(abs(Double(view[row, column]) - sum) <= 1e-5 * Double(rows))
      }
    }
  }

  @Test(arguments: [DenseAlgebra.Transposition.neither, .left, .right])
  func productsInBothPrecisions(transposing: DenseAlgebra.Transposition) {
    let (m, k, n) = (5, 17, 9)
    let left = matrix(m, k, seed: 1)
    let right = matrix(k, n, seed: 2)
    let result = HostBuffer<Double>(repeatElement(1, count: m * n))
    let leftView =
      transposing == .left
      ? MatrixView(transposed(left, m, k), rows: k, columns: m) : MatrixView(left, rows: m, columns: k)
    let rightView =
      transposing == .right
      ? MatrixView(transposed(right, k, n), rows: n, columns: k) : MatrixView(right, rows: k, columns: n)
    DenseAlgebra.multiply(
      leftView, rightView, transposing: transposing, alpha: 2, beta: 3,
      into: MatrixView(result, rows: m, columns: n))
    let single = HostBuffer<Float>(count: m * n)
    DenseAlgebra.multiply(
      narrowed(leftView), narrowed(rightView), transposing: transposing,
      into: MatrixView(single, rows: m, columns: n))
    for row in 0..<m {
      for column in 0..<n {
        let sum = (0..<k).reduce(0.0) { $0 + left[row * k + $1] * right[$1 * n + column] }
        #expect(abs(result[row * n + column] - (2 * sum + 3)) < 1e-12)
        #expect(abs(Double(single[row * n + column]) - sum) < 1e-5)
      }
    }
  }

  @Test(arguments: [1, 2, 31, 64, 97])
  func inverseTimesMatrixIsOne(order: Int) {
    let original = definite(order, seed: UInt64(order))
    let inverse = HostBuffer(original.buffer)
    #expect(DenseAlgebra.invertSymmetric(MatrixView(inverse, rows: order, columns: order)))
    let product = HostBuffer<Double>(count: order * order)
    let view = MatrixView(product, rows: order, columns: order)
    DenseAlgebra.multiply(
      MatrixView(original, rows: order, columns: order), MatrixView(inverse, rows: order, columns: order),
      into: view)
    for row in 0..<order {
      for column in 0..<order { #expect(abs(view[row, column] - (row == column ? 1 : 0)) < 1e-8) }
    }
  }

  @Test func factorAndSystems() {
    let (order, count) = (19, 6)
    let original = definite(order, seed: 3)
    let factor = HostBuffer(original.buffer)
    let factorView = MatrixView(factor, rows: order, columns: order)
    #expect(DenseAlgebra.factorCholesky(factorView))
    func upper(_ row: Int, _ column: Int) -> Double { column >= row ? factorView[row, column] : 0 }
    for row in 0..<order {
      for column in 0..<order {
        let sum = (0..<order).reduce(0.0) { $0 + upper($1, row) * upper($1, column) }
        #expect(abs(sum - original[row * order + column]) < 1e-9)
      }
    }
    let unknowns = matrix(count, order, seed: 4)  // X (count, order)
    let right = HostBuffer<Double>(count: count * order)
    let rightView = MatrixView(right, rows: count, columns: order)
    DenseAlgebra.multiply(
      MatrixView(unknowns, rows: count, columns: order), MatrixView(original, rows: order, columns: order),
      into: rightView)
    DenseAlgebra.solve(rowsTimesFactored: factorView, right: rightView)
    for index in 0..<right.count { #expect(abs(right[index] - unknowns[index]) < 1e-8) }

    let columnUnknowns = matrix(order, count, seed: 5)
    let columnRight = HostBuffer<Double>(count: order * count)
    let columnView = MatrixView(columnRight, rows: order, columns: count)
    for row in 0..<order {
      for column in 0..<count {
        columnView[row, column] = (0..<order).reduce(0.0) {
          $0 + upper($1, row) * columnUnknowns[$1 * count + column]
        }
      }
    }
    DenseAlgebra.solveTriangular(.upperTransposedTimesColumns, factor: factorView, right: columnView)
    for index in 0..<columnRight.count { #expect(abs(columnRight[index] - columnUnknowns[index]) < 1e-8) }
  }

  @Test func subtractsGramFromBothTriangles() {
    let (rows, order) = (4, 70)
    let factor = matrix(rows, order, seed: 6)
    let result = definite(order, seed: 7)
    let before = Array(result.buffer)
    DenseAlgebra.subtractGram(
      of: MatrixView(factor, rows: rows, columns: order),
      from: MatrixView(result, rows: order, columns: order))
    for row in 0..<order {
      for column in 0..<order {
        let sum = (0..<rows).reduce(0.0) { $0 + factor[$1 * order + row] * factor[$1 * order + column] }
        #expect(abs(result[row * order + column] - (before[row * order + column] - sum)) < 1e-10)
      }
    }
  }

  @Test func whatIsNotDefiniteIsRefused() {
    let indefinite = HostBuffer([1.0, 2, 2, 1])
    #expect(!DenseAlgebra.factorCholesky(MatrixView(indefinite, rows: 2, columns: 2)))
    let notANumber = HostBuffer([1.0, 0, 0, .nan])
    #expect(!DenseAlgebra.invertSymmetric(MatrixView(notANumber, rows: 2, columns: 2)))
    let hidden = HostBuffer([1.0, .nan, .nan, 1])
    #expect(!DenseAlgebra.factorCholesky(MatrixView(hidden, rows: 2, columns: 2)))
  }

  private func transposed(_ values: HostBuffer<Double>, _ rows: Int, _ columns: Int) -> HostBuffer<Double> {
    HostBuffer((0..<rows * columns).map { values[($0 % rows) * columns + $0 / rows] })
  }

  private func narrowed(_ view: MatrixView<Double>) -> MatrixView<Float> {
    let result = HostBuffer((0..<view.rows * view.columns).map { Float(view.base[$0]) })
    return MatrixView(result, rows: view.rows, columns: view.columns)
  }
}
