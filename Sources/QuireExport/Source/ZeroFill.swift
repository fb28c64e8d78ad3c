import QuireModel
package import QuireTensors

/// Adds rows or columns of zeros to a matrix, and puts its heads in the order of regular groups.
///
/// Codes and scales are kept. Where columns move, a group of columns must come from one group of the stored matrix: a
/// smaller group with repeated scales is chosen where that helps, and floats where nothing does.
package struct ZeroFill: Sendable {
  let rows: BlockMap?
  let columns: BlockMap?

  /// nil when the matrix of shape [rows, columns] stays as it is.
  package init?(rows: BlockMap, of shape: [Int]) {
    if rows.isIdentity(on: shape[0]) { return nil }
    (self.rows, columns) = (rows, nil)
  }

  package init?(columns: BlockMap, of shape: [Int]) {
    if columns.isIdentity(on: shape[1]) { return nil }
    (rows, self.columns) = (nil, columns)
  }

  /// The format after filling; `bf16` for an integer matrix that must become floats.
  package func format(of format: WeightFormat) -> WeightFormat {
    guard let columns, format.scheme != .bf16 else { return format }
    guard let group = format.group else {
      let fits = (try? format.validate(columns: columns.count, name: "")) != nil
      return fits ? format : .bf16
    }
    let kept = WeightFormat.groups.last { group % $0 == 0 && columns.blockSize % $0 == 0 }
    return kept.map(format.grouped) ?? .bf16
  }

  /// The filled matrix. Integers that no group fits become float32, which holds their values exactly.
  func apply(to matrix: WeightMatrix, kernels: Kernels) throws(ExportError) -> WeightMatrix {
    switch matrix {
    case .dense(let dense): return .dense(fill(dense))
    case .quantized(let quantized):
      let format = format(of: quantized.format)
      guard format.scheme != .bf16 else {
        let values = matrix.dequantized(kernels: kernels)
        return .dense(fill(DenseMatrix(rows: matrix.rows, columns: matrix.columns, values: values)))
      }
      return .quantized(try fill(quantized, format))
    }
  }

  private func fill(_ matrix: DenseMatrix) -> DenseMatrix {
    let width = matrix.element.byteCount
    let (rowCount, columnCount) = (rows?.count ?? matrix.rows, columns?.count ?? matrix.columns)
    let filled = HostBuffer<UInt8>(count: rowCount * columnCount * width)
    let base = UnsafeMutableRawPointer(filled.pointer)
    for row in 0..<rowCount {
      guard let source = rows.map({ $0.source(of: row) }) ?? row else { continue }
      let from = matrix.base + source * matrix.columns * width
      copy(base + row * columnCount * width, from, columns: matrix.columns, width: width)
    }
    return DenseMatrix(
      rows: rowCount, columns: columnCount, element: matrix.element, base: UnsafeRawPointer(filled.pointer),
      owner: filled)
  }

  private func fill(_ matrix: QuantizedMatrix, _ format: WeightFormat) throws(ExportError) -> QuantizedMatrix
  {
    let (rowCount, columnCount) = (rows?.count ?? matrix.rows, columns?.count ?? matrix.columns)
    let group = format.group ?? columnCount
    let groups = columnCount / group
    let codes = HostBuffer<UInt8>(count: rowCount * columnCount)
    let zeros = HostBuffer<UInt8>(count: rowCount * groups)
    codes.buffer.update(repeating: format.symmetricZero)
    zeros.buffer.update(repeating: format.symmetricZero)
    let scales = HostBuffer<Float>(count: rowCount * groups)
    let panel = HostBuffer<UInt8>(count: QuantizedMatrix.panelRows * matrix.columns)
    var panelIndex = -1
    for row in 0..<rowCount {
      guard let source = rows.map({ $0.source(of: row) }) ?? row else { continue }
      if source / QuantizedMatrix.panelRows != panelIndex {
        panelIndex = source / QuantizedMatrix.panelRows
        matrix.copyCodes(ofPanel: panelIndex, into: panel.pointer)
      }
      // A whole row has one zero point, which the columns of zeros have as their code.
      if format.group == nil {
        let zero = matrix.zeroCode(row: source, group: 0)
        (codes.pointer + row * columnCount).update(repeating: zero, count: columnCount)
      }
      let from = panel.pointer + source % QuantizedMatrix.panelRows * matrix.columns
      copy(codes.pointer + row * columnCount, UnsafeRawPointer(from), columns: matrix.columns, width: 1)
      for index in 0..<groups {
        guard let column = columns.map({ $0.source(of: index * group) }) ?? index * group else { continue }
        let storedGroup = format.group == nil ? 0 : column / matrix.groupSize
        scales.pointer[row * groups + index] = matrix.scale(row: source, group: storedGroup)
        zeros.pointer[row * groups + index] = matrix.zeroCode(row: source, group: storedGroup)
      }
    }
    defer { withExtendedLifetime((codes, zeros, scales, panel)) {} }
    return try reading { () throws(TensorError) in
      try QuantizedMatrix.encode(
        unsignedCodes: codes.pointer, zeros: format.isSymmetric ? nil : UnsafePointer(zeros.pointer),
        scales: scales.pointer, rows: rowCount, columns: columnCount, format: format)
    }
  }

  /// One row, whose values have `width` bytes.
  private func copy(
    _ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, columns count: Int, width: Int
  ) {
    guard let columns else { return target.copyMemory(from: source, byteCount: count * width) }
    let blockBytes = columns.blockSize * width
    for (block, from) in columns.sources.enumerated() {
      guard let from else { continue }
      (target + block * blockBytes).copyMemory(from: source + from * blockBytes, byteCount: blockBytes)
    }
  }
}
