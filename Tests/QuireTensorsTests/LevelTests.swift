import QuireTensors
import TestSupport
import Testing

/// nl4 and nl3: weights level · scale against integer arithmetic written down here.
@Suite struct LevelTests {
  static let formats: [WeightFormat] = [
    .nl4(group: 32), .nl4(group: 64), .nl4(), .nl3(group: 32), .nl3(), .nl3(group: 128),
    .nl4(group: 32, scaleType: .float16), .nl4(scaleType: .float16),
  ]

  /// Random codes and scales of either sign.
  private struct Grid {
    let rows: Int
    let columns: Int
    let format: WeightFormat
    var codes: [UInt8]  // (row, column)
    var scales: [Float]  // (row, group)
    var groupCount: Int { columns / (format.group ?? columns) }

    init(_ format: WeightFormat, rows: Int, columns: Int, powersOfTwo: Bool = false) {
      var random = SeededGenerator(seed: UInt64(rows * columns))
      (self.rows, self.columns, self.format) = (rows, columns, format)
      codes = (0..<rows * columns).map { _ in .random(in: 0...format.largestUnsignedCode, using: &random) }
      scales = (0..<rows * columns / (format.group ?? columns)).map { _ in
        let scale =
          powersOfTwo
          ? 0.25 : format.scaleType.value(format.scaleType.bits(.random(in: 0.001...0.1, using: &random)))
        return Bool.random(using: &random) ? scale : -scale
      }
    }

    var matrix: QuantizedMatrix {
      get throws {
        try QuantizedMatrix.encode(
          unsignedCodes: codes, zeros: nil, scales: scales, rows: rows, columns: columns, format: format)
      }
    }

    func level(_ row: Int, _ column: Int) -> Int {
      LevelTests.levels(format)[Int(codes[row * columns + column])]
    }

    func scale(_ row: Int, _ column: Int) -> Float {
      scales[row * groupCount + column / (columns / groupCount)]
    }
  }

  private static let four = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
  private static let three = [-127, -85, -53, -26, -2, 24, 54, 96]
  private static func levels(_ format: WeightFormat) -> [Int] { format.scheme == .nl4 ? four : three }

  @Test(arguments: formats) func tables(format: WeightFormat) {
    #expect(format.levels.map(Int.init) == Self.levels(format))
    // The padding's code stands for the level nearest to 0.
    let least = Self.levels(format).map(abs).min()
    #expect(abs(Self.levels(format)[Int(format.symmetricZero)]) == least)
    #expect(format.codeRange.count == format.levels.count)
    #expect(WeightFormat.int4().levels.isEmpty)
  }

  @Test(arguments: formats) func rowsAreExact(format: WeightFormat) throws {
    for (rows, columns) in [(1, 128), (32, 128), (45, 384)] {
      let grid = Grid(format, rows: rows, columns: columns)
      let matrix = try grid.matrix
      #expect(matrix.byteCount == format.byteCount(rows: rows, columns: columns))
      for kernels in Kernels.runnable {
        let values = WeightMatrix.quantized(matrix).dequantized(kernels: kernels)
        for row in 0..<rows {
          for column in 0..<columns {
            let expected = Float(grid.level(row, column)) * grid.scale(row, column)
            #expect(values[row * columns + column] == expected, "\(kernels) \(row) \(column)")
          }
        }
      }
    }
  }

  @Test(arguments: formats) func codesAreReadBack(format: WeightFormat) throws {
    let (rows, columns) = (45, 384)
    let grid = Grid(format, rows: rows, columns: columns)
    let matrix = try grid.matrix
    #expect(matrix.codes.count == 64 * columns * (format.scheme == .nl4 ? 4 : 3) / 8)
    let target = HostBuffer<UInt8>(count: 32 * columns)
    for panel in 0..<2 {
      matrix.copyCodes(ofPanel: panel, into: target.pointer)
      for row in 0..<32 {
        for column in 0..<columns {
          let index = (panel * 32 + row) * columns + column
          let expected = panel * 32 + row < rows ? grid.codes[index] : format.symmetricZero
          #expect(target[row * columns + column] == expected)
        }
      }
    }
    // Signed codes are the same ones, counted from the middle.
    let signed = grid.codes.map { Int8($0) - Int8(format.symmetricZero) }
    let again = try QuantizedMatrix.encode(
      codes: signed, scales: grid.scales, rows: rows, columns: columns, format: format)
    let isSame = again.codes.elementsEqual(matrix.codes) && again.scales.elementsEqual(matrix.scales)
    #expect(isSame)
    let decoded = matrix.decodedCodes()
    #expect(signed.indices.allSatisfy { decoded[$0] == signed[$0] })
  }

  /// Integer activations with 127 among each group's, and scales that are powers of two: every sum is exact in float.
  @Test(arguments: formats) func productsAreExact(format: WeightFormat) throws {
    let (rows, columns) = (45, 384)
    let grid = Grid(format, rows: rows, columns: columns, powersOfTwo: true)
    let matrix = WeightMatrix.quantized(try grid.matrix)
    for tokens in [1, 2, 3, 4, 5, 6, 7, 10, 11, 17] {
      var random = SeededGenerator(seed: UInt64(tokens))
      let x = HostBuffer<Float>(
        (0..<tokens * columns).map { $0 % 32 == 5 ? 127 : Float(Int.random(in: -127...127, using: &random)) })
      for kernels in Kernels.runnable {
        let y = product(matrix, x, rows: tokens, kernels: kernels, threads: 2)
        for token in 0..<tokens {
          for row in 0..<rows {
            var sum = 0.0
            for column in 0..<columns {
              let weight = Double(grid.level(row, column)) * Double(grid.scale(row, column))
              sum += weight * Double(x[token * columns + column])
            }
            #expect(y[token * rows + row] == Float(sum), "\(kernels) token \(token) row \(row)")
          }
        }
      }
    }
  }

  /// The largest sums, whose pairs of products would not fit 16 bits as unsigned levels.
  @Test(arguments: formats) func extremes(format: WeightFormat) throws {
    let (rows, columns) = (32, 256)
    for code in [0, format.largestUnsignedCode] {
      var grid = Grid(format, rows: rows, columns: columns, powersOfTwo: true)
      grid.codes = Array(repeating: code, count: rows * columns)
      grid.scales = Array(repeating: 0.25, count: grid.scales.count)
      let matrix = WeightMatrix.quantized(try grid.matrix)
      for sign in [Float(127), -127] {
        let x = HostBuffer<Float>(Array(repeating: sign, count: 7 * columns))
        let expected = Float(columns * grid.level(0, 0)) * sign * 0.25
        for kernels in Kernels.runnable {
          let y = product(matrix, x, rows: 7, kernels: kernels)
          #expect((0..<y.count).allSatisfy { y[$0] == expected }, "\(kernels)")
        }
      }
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    func sentence(_ body: () throws(TensorError) -> Void) -> String? {
      do {
        try body()
        return nil
      } catch { return error.description }
    }
    for scheme in [WeightFormat.Scheme.nl4, .nl3] {
      let name = scheme.rawValue
      let expected = "w: \(name) needs a group; choose 32, 64 or 128"
      #expect(
        sentence { () throws(TensorError) in
          try WeightFormat(scheme: scheme, group: nil).validate(columns: 96, name: "w")
        } == expected)
      #expect(WeightFormat(scheme: scheme, group: 64).description == "\(name) g64")
    }
    var grid = Grid(.nl3(group: 32), rows: 3, columns: 64)
    grid.codes[2 * 64 + 5] = 8
    #expect(throws: TensorError.self) { try grid.matrix }
  }

  @Test func namesAreReadBack() {
    #expect(WeightFormat(name: "nl4", group: 128) == .nl4())
    #expect(WeightFormat(name: "nl4-float16", group: 32) == .nl4(group: 32, scaleType: .float16))
    #expect(WeightFormat(name: "nl3", group: 64) == .nl3())
    for name in ["nl3-float16", "nl4-asymmetric", "nl5", "NL4"] {
      #expect(WeightFormat(name: name, group: 64) == nil)
    }
  }

  @Test func scalesHaveToBeFinite() throws {
    for (type, bits) in [(WeightFormat.ScaleType.bfloat16, UInt16(0x7F80)), (.float16, 0xFE00)] {
      let grid = Grid(.nl4(group: 32, scaleType: type), rows: 3, columns: 64)
      let matrix = try grid.matrix
      try matrix.checkScales()
      let scales = HostBuffer(Array(matrix.scales))
      scales[40] = bits
      let other = try QuantizedMatrix(
        rows: 3, columns: 64, format: matrix.format, codes: matrix.codes,
        scales: UnsafeBufferPointer(scales.buffer),
        owner: matrix)
      #expect(throws: TensorError.self) { try other.checkScales() }
      withExtendedLifetime(scales) {}
    }
  }
}
