import QuireTensors
import TestSupport
import Testing

/// Weights (code − zero) · scale against integer arithmetic written down here.
@Suite struct ZeroPointTests {
  static let formats: [WeightFormat] = [
    .int4(group: 32, isSymmetric: false), .int4(group: 64, isSymmetric: false),
    .int4(isSymmetric: false), .int4(isSymmetric: false, scaleType: .float16),
    .int8(isSymmetric: false), .int8(group: 32, isSymmetric: false),
    .int8(group: 128, isSymmetric: false, scaleType: .float16), .int8(scaleType: .float16),
    .int4(group: 64, scaleType: .float16),
  ]

  @Test(arguments: formats) func rowsAreExact(format: WeightFormat) throws {
    for (rows, columns) in [(1, 128), (32, 128), (45, 256)] {
      let grid = RandomGrid(rows: rows, columns: columns, format: format, seed: UInt64(rows))
      let matrix = try grid.matrix
      #expect(matrix.byteCount == format.byteCount(rows: rows, columns: columns))
      for set in InstructionSet.supported {
        let values = WeightMatrix.quantized(matrix).dequantized(kernels: Kernels(set))
        for row in 0..<rows {
          for column in 0..<columns {
            let (integer, scale) = grid.weight(row, column)
            #expect(values[row * columns + column] == Float(integer) * scale, "\(set) \(row) \(column)")
          }
        }
      }
      for row in 0..<rows {
        for group in 0..<grid.groupCount {
          #expect(matrix.zeroCode(row: row, group: group) == grid.zeros[row * grid.groupCount + group])
          #expect(matrix.scale(row: row, group: group) == grid.scales[row * grid.groupCount + group])
        }
      }
    }
  }

  /// Integer activations with 127 among each group's, and scales that are powers of two: every sum is exact in float.
  @Test(arguments: formats) func productsAreExact(format: WeightFormat) throws {
    let (rows, columns) = (45, 384)
    let grid = RandomGrid(rows: rows, columns: columns, format: format, seed: 11, powersOfTwo: true)
    let matrix = WeightMatrix.quantized(try grid.matrix)
    for tokens in [1, 2, 3, 4, 5, 6, 7, 10, 11, 17] {
      var random = SeededGenerator(seed: UInt64(tokens))
      let x = HostBuffer<Float>(
        (0..<tokens * columns).map { $0 % 32 == 5 ? 127 : Float(Int.random(in: -127...127, using: &random)) })
      for set in InstructionSet.supported {
        let y = product(matrix, x, rows: tokens, set: set, threads: 2)
        for token in 0..<tokens {
          for row in 0..<rows {
            var sum = 0.0
            for column in 0..<columns {
              let (integer, scale) = grid.weight(row, column)
              sum += Double(integer) * Double(scale) * Double(x[token * columns + column])
            }
            #expect(y[token * rows + row] == Float(sum), "\(set) token \(token) row \(row)")
          }
        }
      }
    }
  }

  /// The largest sums: all codes and zero points at an end of their range, all activations equal.
  @Test(arguments: formats.filter { !$0.isSymmetric }) func extremes(format: WeightFormat) throws {
    let (rows, columns, largest) = (32, 256, format.largestUnsignedCode)
    let groups = columns / (format.group ?? columns)
    let scales = HostBuffer<Float>([Float](repeating: 0.5, count: rows * groups))
    for (code, zero) in [(largest, UInt8(0)), (0, largest), (largest, largest), (0, 0)] {
      let codes = HostBuffer([UInt8](repeating: code, count: rows * columns))
      let zeros = HostBuffer([UInt8](repeating: zero, count: rows * groups))
      let matrix = try QuantizedMatrix.encode(
        unsignedCodes: codes.pointer, zeros: zeros.pointer, scales: scales.pointer, rows: rows,
        columns: columns,
        format: format)
      for value in [Float(127), -127] {
        let x = HostBuffer([Float](repeating: value, count: 7 * columns))
        let expected = value * Float(columns) * Float(Int(code) - Int(zero)) / 2
        for set in InstructionSet.supported {
          let y = product(.quantized(matrix), x, rows: 7, set: set)
          #expect(y.buffer.allSatisfy { $0 == expected }, "\(set) \(code) \(zero) \(value): \(y[0])")
        }
      }
    }
  }

  @Test func zerosInTheMiddleGiveTheSymmetricBits() throws {
    for (symmetric, format) in [
      (WeightFormat.int4(group: 64), WeightFormat.int4(group: 64, isSymmetric: false)),
      (.int8(), .int8(isSymmetric: false)), (.int8(group: 32), .int8(group: 32, scaleType: .float16)),
    ] {
      let (rows, columns) = (70, 256)
      // Scales that are powers of two are of both types.
      let grid = RandomGrid(rows: rows, columns: columns, format: symmetric, seed: 5, powersOfTwo: true)
      let other = try QuantizedMatrix.encode(
        unsignedCodes: grid.codes.pointer,
        zeros: format.isSymmetric ? nil : UnsafePointer(grid.zeros.pointer),
        scales: grid.scales.pointer, rows: rows, columns: columns, format: format)
      var random = SeededGenerator(seed: 2)
      let x = random.floats(9 * columns)
      for set in InstructionSet.supported {
        let expected = product(.quantized(try grid.matrix), x, rows: 9, set: set)
        #expect(sameBits(product(.quantized(other), x, rows: 9, set: set), expected), "\(set) \(format)")
      }
    }
  }

  @Test func signedAndUnsignedCodesAgree() throws {
    let format = WeightFormat.int4(group: 32, isSymmetric: false)
    let grid = RandomGrid(rows: 33, columns: 64, format: format, seed: 9)
    let codes = HostBuffer(grid.codes.buffer.map { Int8(bitPattern: $0 &- 8) })
    let zeros = HostBuffer(grid.zeros.buffer.map { Int8(bitPattern: $0 &- 8) })
    let signed = try QuantizedMatrix.encode(
      codes: codes.pointer, scales: grid.scales.pointer, zeros: UnsafePointer(zeros.pointer), rows: 33,
      columns: 64, format: format)
    let unsigned = try grid.matrix
    #expect(signed.codes.elementsEqual(unsigned.codes) && signed.zeros.elementsEqual(unsigned.zeros))
    #expect(signed.scales.elementsEqual(unsigned.scales))
  }

  @Test func whatTheGridDoesNotHoldIsRefused() throws {
    func sentence(_ format: WeightFormat, _ change: (RandomGrid) -> Void) -> String? {
      let grid = RandomGrid(rows: 3, columns: 64, format: format, seed: 1)
      change(grid)
      do { _ = try grid.matrix } catch { return "\(error)" }
      return nil
    }
    let format = WeightFormat.int4(group: 32, isSymmetric: false)
    #expect(sentence(format) { _ in } == nil)
    #expect(
      sentence(format) { $0.codes[70] = 16 }
        == "matrix 3x64: expected codes of int4-asymmetric g32 from 0 to 15, found 16 in row 1")
    #expect(
      sentence(format) { $0.zeros[4] = 16 }
        == "matrix 3x64: expected zero points of int4-asymmetric g32 from 0 to 15, found 16 in row 2")
    let rounded = "matrix 3x64: expected scales that bfloat16 holds exactly, found 0.1 in row 0"
    #expect(sentence(format) { $0.scales[1] = 0.1 } == rounded)
    for bad in [Float.nan, .infinity, 70_000] {
      let half = WeightFormat.int4(group: 32, isSymmetric: false, scaleType: .float16)
      #expect(sentence(half) { $0.scales[0] = bad }?.contains("float16 holds exactly, found \(bad)") == true)
    }
    #expect(throws: TensorError.self) {
      try WeightFormat.int8(isSymmetric: false).validate(columns: 36, name: "w")
    }
    let matrix = try RandomGrid(rows: 3, columns: 64, format: format, seed: 1).matrix
    let error = #expect(throws: TensorError.self) {
      try QuantizedMatrix(
        rows: 3, columns: 64, format: format, codes: matrix.codes, scales: matrix.scales,
        zeros: UnsafeRawBufferPointer(rebasing: matrix.zeros.dropLast()), owner: matrix)
    }
    #expect(
      error?.description == "a 3x64 matrix in int4-asymmetric g32 has 32 bytes of zero points, found 31")
  }

  @Test func namesAreReadBack() throws {
    for format in Self.formats + [.bf16, .int8(), .int4()] {
      #expect(WeightFormat(name: format.name, group: format.group) == format)
    }
    #expect(
      WeightFormat(name: "int4-asymmetric-float16", group: 64)
        == .int4(group: 64, isSymmetric: false, scaleType: .float16))
    for name in ["int4-float16-asymmetric", "bf16-asymmetric", "int3", ""] {
      #expect(WeightFormat(name: name, group: 64) == nil)
    }
    let all: [Float] = [0.5, 1.0009765625]
    let types: [WeightFormat.ScaleType?] = [[0.5], all, [0.1]].map { (scales: [Float]) in
      scales.withUnsafeBufferPointer { .holding($0) }
    }
    #expect(types == [.bfloat16, .float16, nil])
  }
}
