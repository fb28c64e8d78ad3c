import QuireTensors
import TestSupport

extension SeededGenerator {
  /// `count` values, uniform in ±`scale`.
  mutating func floats(_ count: Int, scale: Float = 1) -> HostBuffer<Float> {
    HostBuffer((0..<count).map { _ in Float.random(in: -scale...scale, using: &self) })
  }
}

/// Whether two buffers hold the same bits.
func sameBits(_ a: HostBuffer<Float>, _ b: HostBuffer<Float>) -> Bool {
  a.count == b.count && (0..<a.count).allSatisfy { a[$0].bitPattern == b[$0].bitPattern }
}

/// A random matrix in `format`, with the floats it stands for.
func randomMatrix(rows: Int, columns: Int, format: WeightFormat, seed: UInt64) throws -> WeightMatrix {
  var random = SeededGenerator(seed: seed)
  guard format.scheme != .bf16 else {
    let values = random.floats(rows * columns)
    return .dense(DenseMatrix(rows: rows, columns: columns, roundingToBfloat16: values.pointer))
  }
  let groups = columns / (format.group ?? columns)
  if !format.isSymmetric || format.scaleType == .float16 {
    return .quantized(try RandomGrid(rows: rows, columns: columns, format: format, seed: seed).matrix)
  }
  let codes = HostBuffer<Int8>(
    (0..<rows * columns).map { _ in Int8(Int.random(in: format.codeRange, using: &random)) })
  let scales = HostBuffer<Float>(
    (0..<rows * groups).map { _ in representableScale(.random(in: 0.001...0.1, using: &random)) })
  return .quantized(
    try QuantizedMatrix.encode(
      codes: codes.pointer, scales: scales.pointer, rows: rows, columns: columns, format: format))
}

/// One product through the kernels.
func product(
  _ matrix: WeightMatrix, _ x: HostBuffer<Float>, rows: Int, set: InstructionSet, threads: Int = 1,
  addingTo residual: HostBuffer<Float>? = nil
) -> HostBuffer<Float> {
  product(matrix, x, rows: rows, kernels: Kernels(set), threads: threads, addingTo: residual)
}

func product(
  _ matrix: WeightMatrix, _ x: HostBuffer<Float>, rows: Int, kernels: Kernels, threads: Int = 1,
  addingTo residual: HostBuffer<Float>? = nil
) -> HostBuffer<Float> {
  let compute = Compute(threadCount: threads, kernels: kernels)
  let input = MatrixInput(maximumRows: max(1, rows), maximumColumns: matrix.columns)
  let y = HostBuffer<Float>(count: rows * matrix.rows)
  if let residual { for i in 0..<y.count { y[i] = residual[i] } }
  input.set(rows: x.pointer, count: rows, columns: matrix.columns)
  compute.multiply(input, MatrixProduct(matrix, into: y.pointer, accumulates: residual != nil))
  return y
}

/// Unsigned codes, zero points and scales as other quantizers store them.
struct RandomGrid {
  let rows: Int
  let columns: Int
  let format: WeightFormat
  let codes: HostBuffer<UInt8>  // (row, column)
  let zeros: HostBuffer<UInt8>  // (row, group)
  let scales: HostBuffer<Float>  // (row, group)

  var groupCount: Int { columns / (format.group ?? columns) }

  /// - Parameter powersOfTwo: scales whose products with small integers are exact.
  init(rows: Int, columns: Int, format: WeightFormat, seed: UInt64, powersOfTwo: Bool = false) {
    var random = SeededGenerator(seed: seed)
    let groups = columns / (format.group ?? columns)
    let range = 0...format.largestUnsignedCode
    (self.rows, self.columns, self.format) = (rows, columns, format)
    codes = HostBuffer((0..<rows * columns).map { _ in UInt8.random(in: range, using: &random) })
    zeros = HostBuffer(
      (0..<rows * groups).map { _ in
        format.isSymmetric ? format.symmetricZero : UInt8.random(in: range, using: &random)
      })
    scales = HostBuffer(
      (0..<rows * groups).map { _ in
        if powersOfTwo {
          return Float(sign: .plus, exponent: .random(in: -4 ... -2, using: &random), significand: 1)
        }
        let scale = Float.random(in: 0.001...0.1, using: &random)
        return format.scaleType.value(format.scaleType.bits(scale))
      })
  }

  var matrix: QuantizedMatrix {
    get throws {
      try QuantizedMatrix.encode(
        unsignedCodes: codes.pointer, zeros: format.isSymmetric ? nil : UnsafePointer(zeros.pointer),
        scales: scales.pointer, rows: rows, columns: columns, format: format)
    }
  }

  /// (code − zero) and the scale of one weight.
  func weight(_ row: Int, _ column: Int) -> (integer: Int, scale: Float) {
    let group = row * groupCount + column / (columns / groupCount)
    return (Int(codes[row * columns + column]) - Int(zeros[group]), scales[group])
  }
}
