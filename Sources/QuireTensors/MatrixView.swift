/// A view of a row-major matrix of floating-point numbers in other memory.
///
/// Used for offline algebra (`DenseAlgebra`); weights that the model runs on are `WeightMatrix`.
///
///     let all = MatrixView(buffer, rows: 64, columns: 256)
///     let head = all.block(rows: 0..<64, columns: 32..<64)     // shares memory with `all`
///
/// A view of a `HostBuffer`, and every block of it, keeps the buffer alive, so that a view of a temporary is safe.
/// A view of a plain pointer does not: the memory must outlive it.
package struct MatrixView<Scalar: BitwiseCopyable> {
  package let base: UnsafeMutablePointer<Scalar>
  package let rows: Int
  package let columns: Int
  /// Elements from one row to the next, at least `columns`.
  package let stride: Int
  private let owner: HostBuffer<Scalar>?

  package init(_ base: UnsafeMutablePointer<Scalar>, rows: Int, columns: Int, stride: Int? = nil) {
    self.init(base, rows: rows, columns: columns, stride: stride, owner: nil)
  }

  private init(
    _ base: UnsafeMutablePointer<Scalar>, rows: Int, columns: Int, stride: Int?, owner: HostBuffer<Scalar>?
  ) {
    let stride = stride ?? columns
    precondition(rows >= 0 && columns >= 0 && stride >= columns, "a row must fit into its stride")
    self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride
    self.owner = owner
  }

  /// The whole of `buffer` as `rows` × `columns`.
  package init(_ buffer: HostBuffer<Scalar>, rows: Int, columns: Int) {
    precondition(buffer.count >= rows * columns, "the buffer is smaller than the matrix")
    self.init(buffer.pointer, rows: rows, columns: columns, stride: nil, owner: buffer)
  }

  package func row(_ row: Int) -> UnsafeMutablePointer<Scalar> {
    base + row * stride
  }

  package subscript(row: Int, column: Int) -> Scalar {
    get { base[row * stride + column] }
    nonmutating set { base[row * stride + column] = newValue }
  }

  /// The part of the matrix in the given rows and columns; same memory.
  package func block(rows: Range<Int>, columns: Range<Int>) -> MatrixView {
    precondition(rows.upperBound <= self.rows && columns.upperBound <= self.columns, "block outside")
    return MatrixView(
      base + rows.lowerBound * stride + columns.lowerBound, rows: rows.count, columns: columns.count,
      stride: stride, owner: owner)
  }
}
