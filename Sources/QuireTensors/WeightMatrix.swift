import CKernels

/// A weight matrix in its stored form; `y = W x` with `rows` outputs and `columns` inputs.
package enum WeightMatrix: Sendable {
  case dense(DenseMatrix)
  case quantized(QuantizedMatrix)

  package var rows: Int {
    switch self {
    case .dense(let matrix): matrix.rows
    case .quantized(let matrix): matrix.rows
    }
  }

  package var columns: Int {
    switch self {
    case .dense(let matrix): matrix.columns
    case .quantized(let matrix): matrix.columns
    }
  }

  /// float32 and float16 matrices of a checkpoint count as bf16: the scheme says "not quantized".
  package var format: WeightFormat {
    switch self {
    case .dense: .bf16
    case .quantized(let matrix): matrix.format
    }
  }

  /// The format, or the type of weights that are not quantized: "int4 g128", "float32".
  package var storedName: String {
    guard case .dense(let dense) = self else { return format.description }
    switch dense.element {
    case .float32: return "float32"
    case .float16: return "float16"
    default: return "bf16"
    }
  }

  package var isFloat32: Bool {
    if case .dense(let matrix) = self { matrix.element == .float32 } else { false }
  }

  package var byteCount: Int {
    switch self {
    case .dense(let matrix): matrix.byteCount
    case .quantized(let matrix): matrix.byteCount
    }
  }

  /// Writes one row as floats: an embedding look-up, or a step of dequantization.
  package func dequantizeRow(_ row: Int, into destination: UnsafeMutablePointer<Float>, kernels: Kernels) {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    switch self {
    case .dense(let matrix):
      let source = matrix.base + row * matrix.columns * matrix.element.byteCount
      kernels.table.pointee.widen(source, matrix.kernelElement, destination, matrix.columns)
    case .quantized(let matrix):
      var weights = matrix.kernelWeights
      kernels.table.pointee.dequantize_row(&weights, Int32(row), destination)
    }
  }

  /// The whole matrix as floats, (row, column).
  package func dequantized(kernels: Kernels) -> HostBuffer<Float> {
    let out = HostBuffer<Float>(count: rows * columns)
    for row in 0..<rows { dequantizeRow(row, into: out.pointer + row * columns, kernels: kernels) }
    return out
  }
}
