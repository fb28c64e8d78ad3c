import CKernels

/// The input of matrix products: float rows, and their quantized form once an integer matrix needs it.
///
///     input.set(rows: hidden, count: 16, columns: 4096)
///     compute.multiply(input, .init(query, into: q), .init(key, into: k), .init(value, into: v))
///
/// A region that writes the rows can also quantize them while they are in the cache: it names the matrix that reads
/// them (`set(rows:count:columns:for:)`) and quantizes what it has written.
///
/// One object serves a whole forward pass; it never allocates after init.
// Unchecked: used by one forward pass at a time; inside a region each thread touches its own tiles.
package final class MatrixInput: @unchecked Sendable {
  package let maximumRows: Int
  package let maximumColumns: Int
  package private(set) var rows: UnsafePointer<Float>  // (row, column)
  package private(set) var rowCount = 0
  package private(set) var columns = 0

  /// The group of the codes that exist, or are announced, for the present rows; 0: none.
  private var quantizedGroup = 0
  private let codes: HostBuffer<Int8>
  private let scales: HostBuffer<Float>
  private let sums: HostBuffer<Int32>
  private let none = HostBuffer<Float>(count: 1)
  /// Whether the float rows exist.
  private var hasRows = true

  package init(maximumRows: Int, maximumColumns: Int) {
    self.maximumRows = maximumRows
    self.maximumColumns = maximumColumns
    let (codeCount, groupCount) = Self.counts(maximumRows, maximumColumns)
    codes = HostBuffer(count: codeCount)
    scales = HostBuffer(count: groupCount)
    sums = HostBuffer(count: groupCount)
    rows = UnsafePointer(none.pointer)
  }

  /// Bytes of the quantized form of so many rows.
  package static func byteCount(maximumRows: Int, maximumColumns: Int) -> Int {
    let counts = counts(maximumRows, maximumColumns)
    return counts.codes + 8 * counts.groups
  }

  /// The codes of whole tiles, and their groups: the smallest is 32 columns, or one odd-sized row.
  private static func counts(_ maximumRows: Int, _ maximumColumns: Int) -> (codes: Int, groups: Int) {
    let rows = Int(quire_padded_rows(Int32(maximumRows)))
    return (rows * maximumColumns, rows * max(1, maximumColumns / 32))
  }

  /// Sets the input to `count` rows of `columns` floats, which must not change until the next `set`.
  package func set(rows: UnsafePointer<Float>, count: Int, columns: Int) {
    precondition(count <= maximumRows && columns <= maximumColumns, "input larger than planned")
    self.rows = rows
    rowCount = count
    self.columns = columns
    quantizedGroup = 0
    hasRows = true
  }

  /// Sets the input to rows whose writer quantizes them for `matrix`, with `quantize(columns:kernels:)` and before
  /// any product.
  package func set(rows: UnsafePointer<Float>, count: Int, columns: Int, for matrix: WeightMatrix) {
    set(rows: rows, count: count, columns: columns)
    quantizedGroup = matrix.activationGroup
  }

  /// Sets the input to rows that exist only quantized: for `matrix`, with `quantize(_:stride:columns:kernels:)`.
  package func set(quantizedCount count: Int, columns: Int, for matrix: WeightMatrix) {
    precondition(matrix.activationGroup > 0, "a dense matrix reads floats")
    set(rows: none.pointer, count: count, columns: columns, for: matrix)
    hasRows = false
  }

  /// Columns that are quantized together; multiples of it can be written independently.
  package var columnsPerGroup: Int { max(1, quantizedGroup) }

  /// Quantizes these columns, whole groups, of all rows. Does nothing unless `set` announced it.
  package func quantize(columns: Range<Int>, kernels: Kernels) {
    quantize(tiles: 0..<tileCount, columns: columns, kernels: kernels)
  }

  /// The same for the rows of some tiles.
  func quantize(tiles: Range<Int>, columns: Range<Int>, kernels: Kernels) {
    quantize(rows, stride: self.columns, tiles: tiles, columns: columns, kernels: kernels)
  }

  /// The same for all rows, read from memory of their writer: column 0 of row r is at `rows + r * stride`.
  func quantize(_ rows: UnsafePointer<Float>, stride: Int, columns: Range<Int>, kernels: Kernels) {
    quantize(rows, stride: stride, tiles: 0..<tileCount, columns: columns, kernels: kernels)
  }

  private func quantize(
    _ rows: UnsafePointer<Float>, stride: Int, tiles: Range<Int>, columns: Range<Int>, kernels: Kernels
  ) {
    guard quantizedGroup > 0 else { return }
    var activations = activations
    kernels.table.pointee.quantize(
      rows, stride, &activations, Int32(tiles.lowerBound), Int32(tiles.upperBound),
      Int32(columns.lowerBound / quantizedGroup), Int32(columns.upperBound / quantizedGroup))
  }

  /// Rows of a quantization tile.
  static let tileRows = Int(QUIRE_TILE)
  var tileCount: Int { (rowCount + Self.tileRows - 1) / Self.tileRows }

  var activations: quire_activations {
    quire_activations(
      codes: codes.pointer, scales: scales.pointer, sums: sums.pointer, rows: Int32(rowCount),
      columns: Int32(columns), group: Int32(quantizedGroup))
  }

  /// Quantizes the rows by `group` unless that is already done.
  func quantize(group: Int, compute: Compute) {
    guard quantizedGroup != group else { return }
    precondition(
      hasRows, "rows that exist only in groups of \(quantizedGroup) are needed in groups of \(group)")
    quantizedGroup = group
    // Waking the team costs more than quantizing one tile.
    if tileCount == 1 { return quantize(columns: 0..<columns, kernels: compute.kernels) }
    let pieces = compute.team.pieces(of: tileCount)
    compute.team.run(with: (self, compute.kernels), pieces: pieces) { work, share, count in
      let (input, kernels) = work
      let tiles = ThreadTeam.range(of: input.tileCount, share: share, count: count)
      input.quantize(tiles: tiles, columns: 0..<input.columns, kernels: kernels)
    }
  }
}

extension WeightMatrix {
  /// The group of the activations for the matrix: its own, or for channel-wise weights the largest of 128, 64, 32
  /// that divides the width; 0 for a dense matrix, which reads floats.
  var activationGroup: Int {
    guard case .quantized(let matrix) = self else { return 0 }
    return matrix.format.group ?? [128, 64, 32].first { matrix.columns % $0 == 0 } ?? matrix.columns
  }
}
