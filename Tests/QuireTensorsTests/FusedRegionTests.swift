import QuireTensors
import TestSupport
import Testing

/// Regions that quantize what they produce give the bits of regions that follow each other.
@Suite struct FusedRegionTests {
  /// Gate and up, and what reads their product; the last pairs cannot share an input or have odd widths.
  static let mixes: [(gate: WeightFormat, up: WeightFormat, down: WeightFormat, width: Int)] = [
    (.int4(group: 128), .int4(group: 128), .int4(group: 128), 384),
    (.int8(), .int8(), .int8(), 320), (.int4(group: 64), .int4(group: 64), .int4(group: 32), 224),
    (.bf16, .bf16, .bf16, 48), (.bf16, .int8(group: 32), .bf16, 96),
    (.int4(group: 32), .int4(group: 128), .int8(), 100), (.int8(), .int8(), .int8(), 20),
    (
      .int4(isSymmetric: false), .int4(isSymmetric: false),
      .int4(group: 64, isSymmetric: false, scaleType: .float16),
      320
    ), (.int8(isSymmetric: false), .int4(group: 32), .int8(isSymmetric: false), 96),
    (.int8(), .int8(), .int8(), 1056), (.int4(group: 128), .int4(group: 128), .int4(group: 128), 1280),
  ]

  @Test(arguments: mixes.indices) func gatedProductsEqualSingleOnes(index: Int) throws {
    let (gateFormat, upFormat, downFormat, width) = Self.mixes[index]
    let columns = 256
    let gate = try randomMatrix(rows: width, columns: columns, format: gateFormat, seed: 1)
    let up = try randomMatrix(rows: width, columns: columns, format: upFormat, seed: 2)
    let down = try randomMatrix(rows: 40, columns: width, format: downFormat, seed: 3)
    // From 32 rows on, blocks of columns that no one keeps as floats.
    for rows in [1, 5, 6, 7, 13, 32, 71] {
      var random = SeededGenerator(seed: UInt64(rows))
      let x = random.floats(rows * columns, scale: 0.2)
      let gates = product(gate, x, rows: rows, set: .portable)
      let ups = product(up, x, rows: rows, set: .portable)
      Kernels(.portable).swiGLU(
        gate: gates.pointer, up: ups.pointer, into: gates.pointer, count: gates.count)
      let expected = product(down, gates, rows: rows, set: .portable)
      for (set, threads) in InstructionSet.supported.flatMap({ set in [1, 2, 3].map { (set, $0) } }) {
        let compute = Compute(threadCount: threads, instructionSet: set)
        let input = MatrixInput(maximumRows: rows, maximumColumns: columns)
        let output = MatrixInput(maximumRows: rows, maximumColumns: width)
        let (a, b) = (HostBuffer<Float>(count: rows * width), HostBuffer<Float>(count: rows * width))
        let y = HostBuffer<Float>(count: rows * 40)
        for keepsRows in [false, true] {
          input.set(rows: x.pointer, count: rows, columns: columns)
          compute.multiplyGated(
            input, gate: MatrixProduct(gate, into: a.pointer), up: MatrixProduct(up, into: b.pointer),
            into: output, for: down, keepsRows: keepsRows)
          compute.multiply(output, MatrixProduct(down, into: y.pointer))
          #expect(sameBits(y, expected), "\(set), \(threads) threads, \(rows) rows, keeps \(keepsRows)")
        }
        #expect(sameBits(a, gates), "\(set), \(threads) threads, \(rows) rows")
      }
    }
  }

  @Test(arguments: [
    WeightFormat.bf16, .int8(), .int8(group: 32), .int4(group: 128), .int4(isSymmetric: false),
  ])
  func normsIntoAnInputEqualNormsOfTheirOwn(format: WeightFormat) throws {
    let columns = 256
    let matrix = try randomMatrix(rows: 45, columns: columns, format: format, seed: 4)
    for rows in [1, 6, 7, 20] {
      var random = SeededGenerator(seed: UInt64(rows))
      let hidden = random.floats(rows * columns, scale: 2)
      let weight = random.floats(columns)
      let normed = HostBuffer<Float>(count: rows * columns)
      for row in 0..<rows {
        Kernels(.portable).rmsNorm(
          hidden.pointer + row * columns, weight: weight.pointer, into: normed.pointer + row * columns,
          count: columns, epsilon: 1e-6)
      }
      let expected = product(matrix, normed, rows: rows, set: .portable)
      for (set, threads) in InstructionSet.supported.flatMap({ set in [1, 2].map { (set, $0) } }) {
        let compute = Compute(threadCount: threads, instructionSet: set)
        let input = MatrixInput(maximumRows: rows, maximumColumns: columns)
        let floats = HostBuffer<Float>(count: rows * columns)
        let y = HostBuffer<Float>(count: rows * 45)
        compute.normalize(
          hidden.pointer, count: rows, weight: weight, epsilon: 1e-6, into: floats.pointer, input, for: matrix
        )
        compute.multiply(input, MatrixProduct(matrix, into: y.pointer))
        #expect(sameBits(floats, normed) && sameBits(y, expected), "\(set), \(threads) threads, \(rows) rows")
      }
    }
  }
}
