import QuireTensors
import TestSupport
import Testing

/// Predicted codes: the formula of the pack format, number by number, and that differences restore the codes.
@Suite struct CodePredictionTests {
  static let formats: [WeightFormat] = [
    .int8(), .int8(group: 32), .int4(group: 64), .int4(group: 32, isSymmetric: false),
    .int8(group: 128, isSymmetric: false, scaleType: .float16),
  ]

  private static func random(_ format: WeightFormat, rows: Int, columns: Int, seed: UInt64) throws
    -> QuantizedMatrix
  {
    var generator = SeededGenerator(seed: seed)
    let most = format.scheme == .int4 ? 15 : 255
    let groups = columns / (format.group ?? columns)
    let codes = (0..<rows * columns).map { _ in UInt8(Int.random(in: 0...most, using: &generator)) }
    let zeros = (0..<rows * groups).map { _ in UInt8(Int.random(in: 0...most, using: &generator)) }
    let scales = (0..<rows * groups).map { _ in Float(Int.random(in: 0...64, using: &generator)) / 64 }
    return try QuantizedMatrix.encode(
      unsignedCodes: codes, zeros: format.isSymmetric ? nil : zeros, scales: scales, rows: rows,
      columns: columns, format: format)
  }

  private struct Numbers {
    let matrix: QuantizedMatrix
    let scales: [Float]
    let zeros: [UInt8]

    init(_ matrix: QuantizedMatrix) {
      (self.matrix, scales, zeros) = (matrix, matrix.decodedScales(), matrix.decodedZeros())
    }

    var bits: Int { matrix.format.scheme == .int4 ? 4 : 8 }

    func at(_ row: Int, _ column: Int) -> (scale: Float, zero: Int) {
      let index = row * matrix.groupCount + column / matrix.groupSize
      return (scales[index], Int(zeros[index]))
    }
  }

  @Test(arguments: formats, formats)
  func differencesAreThoseOfTheFormula(_ format: WeightFormat, _ parentFormat: WeightFormat) throws {
    let (rows, columns) = (50, 128)
    let matrix = try Self.random(format, rows: rows, columns: columns, seed: 1)
    let parent = try Self.random(parentFormat, rows: rows, columns: columns, seed: 2)
    var generator = SeededGenerator(seed: 3)
    let factors = CodePrediction.Factors(
      columns: HostBuffer((0..<columns).map { _ in Float.random(in: 0.5...2, using: &generator) }),
      rows: HostBuffer((0..<rows).map { _ in Float.random(in: 0.5...2, using: &generator) }))
    for factors in [nil, factors] {
      let prediction = CodePrediction(
        from: .quantized(parent), format: format, scales: matrix.scales, zeros: matrix.zeros,
        factors: factors,
        firstRow: 0)
      let bytes = HostBuffer(Array(matrix.codes))
      prediction.apply(.subtract, to: bytes.bytes)
      let differences = try QuantizedMatrix(
        rows: rows, columns: columns, format: format, codes: UnsafeRawBufferPointer(bytes.bytes),
        scales: matrix.scales, zeros: matrix.zeros, owner: bytes)
      let (found, codes) = (differences.decodedCodes(), matrix.decodedCodes())
      let (ownNumbers, parentNumbers) = (Numbers(matrix), Numbers(parent))
      let parentCodes = parent.decodedCodes()
      for row in 0..<rows {
        for column in 0..<columns {
          let predicted = Self.predicted(
            ownNumbers, parentNumbers, parentCodes[row * columns + column], row, column, factors)
          let bits = format.scheme == .int4 ? 4 : 8
          let offset = 1 << (bits - 1)
          let code = Int(codes[row * columns + column]) + offset
          let difference = (code - predicted + offset + (1 << bits)) % (1 << bits)
          #expect(Int(found[row * columns + column]) + offset == difference, "\(row), \(column)")
        }
      }
      prediction.apply(.add, to: bytes.bytes)
      #expect(bytes.buffer.elementsEqual(matrix.codes))
    }
  }

  /// The predicted unsigned code of one weight.
  private static func predicted(
    _ own: Numbers, _ parent: Numbers, _ parentCode: Int8, _ row: Int, _ column: Int,
    _ factors: CodePrediction.Factors?
  ) -> Int {
    let (scale, zero) = own.at(row, column)
    let (parentScale, parentZero) = parent.at(row, column)
    var value = Float(Int(parentCode) + (1 << (parent.bits - 1)) - parentZero)
    var ratio = parentScale / scale
    if let factors {
      ratio *= factors.rows[row]
      value *= factors.columns[column]
    }
    var x = value * ratio
    let most = (1 << own.bits) - 1
    if !(x > Float(-zero)) { x = Float(-zero) }
    if !(x < Float(most - zero)) { x = Float(most - zero) }
    return Int(x.rounded(.toNearestOrEven)) + zero
  }
}
