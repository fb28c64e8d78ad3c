import QuireModel
import QuireTensors

/// Produces the bytes of exported tensors, one after the other, in memory for two bands: one is computed while the other is
/// written.
final class TensorWriter {
  /// Receives the bytes of a tensor in order, each piece with the object that keeps it. A piece stays as it is until the
  /// next call has returned.
  typealias Sink = (UnsafeRawBufferPointer, _ owner: AnyObject) throws(ExportError) -> Void

  private let source: ExportSource
  private var bands: [HostBuffer<UInt8>]  // (2)
  private var next = 0

  init(_ source: ExportSource) {
    self.source = source
    bands = (0..<2).map { _ in HostBuffer(count: MatrixBands.bandBytes) }
  }

  /// Writes all bytes of `output`, a tensor of `planned`.
  func write(_ output: OutputTensor, of planned: ExportedTensor, to sink: Sink) throws(ExportError) {
    let name = planned.name
    switch output.content {
    case .shape:
      let numbers = planned.shape.map { Int64($0).littleEndian }
      let bytes = HostBuffer(numbers)
      try sink(UnsafeRawBufferPointer(bytes.bytes), bytes)
    case .scales:
      let table = try source.scales(of: name)
      let scales = HostBuffer<UInt16>(count: planned.shape[0] * table.groupCount)
      table.write(rows: planned.shape[0], into: scales.pointer)
      try sink(UnsafeRawBufferPointer(scales.bytes), scales)
    case .packedZeros:
      try source.readBands(of: name) { (band, _) throws(ExportError) in
        guard case .quantized(let matrix) = band else { preconditionFailure("\(name) has zero points") }
        let words = HostBuffer(matrix.packedZeros)
        try sink(UnsafeRawBufferPointer(words.bytes), words)
      }
    case .floats(let element) where name.isNorm:
      let values = try source.norm(name)
      let row = WeightMatrix.dense(DenseMatrix(rows: 1, columns: values.count, values: values))
      try encode(
        row, RowEncoder(output.content, format: .floats(element), columns: values.count, kernels: kernels),
        name, sink)
    default:
      let encoder = RowEncoder(
        output.content, format: planned.format, columns: planned.shape[1], kernels: kernels)
      try source.readBands(of: name) { (matrix, _) throws(ExportError) in
        try encode(matrix, encoder, name, sink)
      }
    }
  }

  private var kernels: Kernels { source.compute.kernels }

  private func encode(
    _ matrix: WeightMatrix, _ encoder: RowEncoder, _ name: TensorName, _ sink: Sink
  ) throws(ExportError) {
    let byteCount = matrix.rows * encoder.rowBytes
    if bands[next].count < byteCount { bands[next] = HostBuffer(count: byteCount) }
    let band = bands[next]
    next = 1 - next
    encoder.encode(matrix, into: UnsafeMutableRawPointer(band.pointer), team: source.compute.team)
    guard !encoder.overflowed else { throw .tooLarge(tensor: name.string) }
    try sink(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(band.bytes)[..<byteCount]), band)
  }
}

extension QuantizedMatrix {
  /// The zero points as compressed-tensors packs them: eight rows of int4 or four of int8 in a word, the first in the
  /// lowest bits; (row / rows in a word, group). A band of whole panels has whole words.
  fileprivate var packedZeros: [UInt32] {
    let rowsPerWord = TensorContent.codesPerWord(format)
    let bits = UInt32(32 / rowsPerWord)
    var words = [UInt32](repeating: 0, count: (rows + rowsPerWord - 1) / rowsPerWord * groupCount)
    for row in 0..<rows {
      let shift = UInt32(row % rowsPerWord) * bits
      for group in 0..<groupCount {
        let zero = UInt32(zeroCode(row: row, group: group))
        words[row / rowsPerWord * groupCount + group] |= zero << shift
      }
    }
    return words.map(\.littleEndian)
  }
}
