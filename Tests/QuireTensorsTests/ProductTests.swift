import QuireTensors
import TestSupport
import Testing

@Suite struct ProductTests {
  static let formats: [WeightFormat] = [
    .bf16, .int8(), .int8(group: 32), .int8(group: 128), .int4(group: 32), .int4(group: 64),
    .int4(group: 128),
    .int8(isSymmetric: false), .int8(group: 64, isSymmetric: false), .int4(group: 32, isSymmetric: false),
    .int4(group: 64, isSymmetric: false, scaleType: .float16), .int4(isSymmetric: false),
    .int8(scaleType: .float16), .int4(group: 64, scaleType: .float16),
    .nl4(group: 32), .nl4(group: 64), .nl4(), .nl3(group: 32), .nl3(), .nl3(group: 128),
    .nl4(group: 32, scaleType: .float16), .nl4(scaleType: .float16),
  ]
  static let rowCounts = Array(1...18) + [22, 37]
  static let shapes = [(32, 128), (1, 128), (31, 256), (33, 384), (96, 640), (160, 1152)]

  @Test("every instruction set gives the portable bits", arguments: formats)
  func sameBitsEverywhere(format: WeightFormat) throws {
    for (rows, columns) in Self.shapes {
      let matrix = try randomMatrix(
        rows: rows, columns: columns, format: format, seed: UInt64(rows * columns))
      for tokens in Self.rowCounts {
        var random = SeededGenerator(seed: UInt64(tokens))
        let x = random.floats(tokens * columns, scale: 3)
        let truth = product(matrix, x, rows: tokens, set: .portable)
        for kernels in Kernels.runnable where kernels.instructionSet != .portable {
          let y = product(matrix, x, rows: tokens, kernels: kernels)
          #expect(sameBits(truth, y), "\(kernels) \(rows)x\(columns), \(tokens) tokens")
        }
      }
    }
  }

  @Test("widths that no group divides work channel-wise and in bf16", arguments: [4, 12, 20, 36, 100, 132])
  func oddWidths(columns: Int) throws {
    for format in [WeightFormat.bf16, .int8()] {
      let matrix = try randomMatrix(rows: 45, columns: columns, format: format, seed: 3)
      var random = SeededGenerator(seed: 9)
      let x = random.floats(9 * columns)
      let truth = product(matrix, x, rows: 9, set: .portable)
      for set in InstructionSet.supported {
        #expect(sameBits(truth, product(matrix, x, rows: 9, set: set)), "\(set) \(format)")
      }
    }
  }

  /// So wide that a block of channels that share a pass over the rows is a few channels only.
  @Test("a channel's bits do not depend on the channels beside it") func wideRows() {
    let (rows, columns, tokens) = (45, 24_576, 9)
    var random = SeededGenerator(seed: 7)
    let weights = random.floats(rows * columns)
    let x = random.floats(tokens * columns)
    for set in InstructionSet.supported {
      let all = WeightMatrix.dense(
        DenseMatrix(rows: rows, columns: columns, roundingToBfloat16: weights.pointer))
      let whole = product(all, x, rows: tokens, set: set)
      for row in 0..<rows {
        let one = WeightMatrix.dense(
          DenseMatrix(rows: 1, columns: columns, roundingToBfloat16: weights.pointer + row * columns))
        let alone = product(one, x, rows: tokens, set: set)
        let same = (0..<tokens).allSatisfy { alone[$0].bitPattern == whole[$0 * rows + row].bitPattern }
        #expect(same, "\(set) channel \(row)")
      }
    }
  }

  @Test("a row's bits depend neither on the batch nor on the threads", arguments: formats)
  func batchInvariance(format: WeightFormat) throws {
    let (rows, columns) = (160, 1152)
    let matrix = try randomMatrix(rows: rows, columns: columns, format: format, seed: 5)
    var random = SeededGenerator(seed: 6)
    let x = random.floats(33 * columns)
    for kernels in Kernels.runnable {
      let whole = product(matrix, x, rows: 33, kernels: kernels, threads: 2)
      for token in [0, 5, 6, 17, 32] {
        let row = HostBuffer<Float>((0..<columns).map { x[token * columns + $0] })
        let alone = product(matrix, row, rows: 1, kernels: kernels)
        let same = (0..<rows).allSatisfy { alone[$0].bitPattern == whole[token * rows + $0].bitPattern }
        #expect(same, "\(kernels) \(format) token \(token)")
      }
    }
  }

  /// Activations are rounded to 1/254 of their group's largest value; the error of a sum of `columns` such terms is a
  /// random walk. Five standard deviations of it bound every output here.
  static let activationErrorInSigmas: Float = 5

  @Test("quantized products stay near the float product of the same matrix", arguments: formats)
  func closeToFloats(format: WeightFormat) throws {
    let (rows, columns, tokens) = (64, 512, 7)
    let matrix = try randomMatrix(rows: rows, columns: columns, format: format, seed: 8)
    let floats = matrix.dequantized(kernels: Kernels(.portable))
    var random = SeededGenerator(seed: 2)
    let x = random.floats(tokens * columns)
    let y = product(matrix, x, rows: tokens, set: .detected)
    for token in 0..<tokens {
      for row in 0..<rows {
        var exact = 0.0
        var squares = 0.0
        for k in 0..<columns {
          let w = Double(floats[row * columns + k])
          exact += w * Double(x[token * columns + k])
          squares += w * w
        }
        // Rounding error of one activation: uniform within half a step of 1/127.
        let sigma = Float((squares / 12).squareRoot() / 127)
        let bound = format.scheme == .bf16 ? 1e-3 : Self.activationErrorInSigmas * sigma
        #expect(abs(y[token * rows + row] - Float(exact)) <= bound)
      }
    }
  }

  @Test("a product can add to a residual", arguments: formats)
  func accumulation(format: WeightFormat) throws {
    let matrix = try randomMatrix(rows: 40, columns: 256, format: format, seed: 4)
    var random = SeededGenerator(seed: 1)
    let x = random.floats(8 * 256)
    let residual = random.floats(8 * 40)
    for set in InstructionSet.supported {
      let plain = product(matrix, x, rows: 8, set: set)
      let added = product(matrix, x, rows: 8, set: set, addingTo: residual)
      #expect((0..<added.count).allSatisfy { added[$0] == residual[$0] + plain[$0] })
    }
  }

  @Test("three products of one input equal three single ones, whatever their formats")
  func sharedInput() throws {
    let columns = 256
    let mixes: [[WeightFormat]] = [
      [.int4(group: 128), .int4(group: 128), .int8()], [.int4(group: 32), .int8(), .bf16],
      [.bf16, .int8(group: 64), .int8()],
      [.int4(isSymmetric: false), .int4(), .int8(group: 128, isSymmetric: false, scaleType: .float16)],
      [.nl3(), .nl4(group: 64), .int4(group: 64)],
    ]
    var random = SeededGenerator(seed: 12)
    let x = random.floats(9 * columns)
    for mix in mixes {
      let matrices = try mix.enumerated().map {
        try randomMatrix(rows: 32 * ($0.offset + 1) + 5, columns: columns, format: $0.element, seed: 7)
      }
      let compute = Compute(threadCount: 2)
      let input = MatrixInput(maximumRows: 9, maximumColumns: columns)
      let y = matrices.map { HostBuffer<Float>(count: 9 * $0.rows) }
      input.set(rows: x.pointer, count: 9, columns: columns)
      compute.multiply(
        input, MatrixProduct(matrices[0], into: y[0].pointer), MatrixProduct(matrices[1], into: y[1].pointer),
        MatrixProduct(matrices[2], into: y[2].pointer))
      for (matrix, result) in zip(matrices, y) {
        #expect(sameBits(result, product(matrix, x, rows: 9, set: .detected)), "\(mix)")
      }
    }
  }

  @Test("an infinite or undefined activation is not hidden", arguments: [Float.nan, .infinity, -.infinity])
  func undefinedActivations(bad: Float) throws {
    let matrix = try randomMatrix(rows: 32, columns: 128, format: .int8(), seed: 4)
    var random = SeededGenerator(seed: 3)
    let x = random.floats(128)
    x[77] = bad
    for set in InstructionSet.supported {
      let y = product(matrix, x, rows: 1, set: set)
      #expect((0..<32).allSatisfy { y[$0].isNaN })
    }
  }
}
