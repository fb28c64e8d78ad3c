import COpenBLAS
import Foundation

/// Dense linear algebra for conversion, by OpenBLAS on one thread.
///
/// One thread, because parallelism comes from `ThreadTeam` and one thread gives the same bits on every run. Never
/// used while serving: OpenBLAS does not guarantee the same sums at another batch size. All matrices are row-major;
/// shapes are written (rows, columns) after each parameter.
package enum DenseAlgebra {
  /// Runs once, before the first call into the library.
  static let singleThreaded: Void = {
    BLASKernels.preferAVX2()
    openblas_set_num_threads(1)
    checkWorkspace()
  }()

  /// OpenBLAS takes 128 MiB of address space for each calling thread, and retries forever when it gets none.
  private static func checkWorkspace() {
    let byteCount = (128 << 20) * max(2, ProcessLimits.processorCount)
    let address = mmap(nil, byteCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let address, address != MAP_FAILED else { ResourceFailure.endForMemory(byteCount: byteCount) }
    munmap(address, byteCount)
  }

  /// The factors of `multiply` that are transposed.
  package enum Transposition: Sendable {
    case neither, left, right

    var leftBLAS: CBLAS_TRANSPOSE { self == .left ? CblasTrans : CblasNoTrans }
    var rightBLAS: CBLAS_TRANSPOSE { self == .right ? CblasTrans : CblasNoTrans }
  }

  /// `result ← alpha · left · right + beta · result`.
  ///
  /// - Parameters:
  ///   - left: (m, k) after its transposition
  ///   - right: (k, n) after its transposition
  ///   - result: (m, n); ignored as input when beta is 0
  package static func multiply(
    _ left: MatrixView<Float>, _ right: MatrixView<Float>, transposing: Transposition = .neither,
    alpha: Float = 1, beta: Float = 0, into result: MatrixView<Float>
  ) {
    let sum = sumLength(left, right, transposing, result)
    guard result.rows > 0, result.columns > 0 else { return }
    _ = singleThreaded
    cblas_sgemm(
      CblasRowMajor, transposing.leftBLAS, transposing.rightBLAS, blasint(result.rows),
      blasint(result.columns), blasint(sum), alpha, left.base, blasint(max(1, left.stride)), right.base,
      blasint(max(1, right.stride)), beta, result.base, blasint(result.stride))
  }

  /// `result ← alpha · left · right + beta · result` in float64; see the float32 form.
  package static func multiply(
    _ left: MatrixView<Double>, _ right: MatrixView<Double>, transposing: Transposition = .neither,
    alpha: Double = 1, beta: Double = 0, into result: MatrixView<Double>
  ) {
    let sum = sumLength(left, right, transposing, result)
    guard result.rows > 0, result.columns > 0 else { return }
    _ = singleThreaded
    cblas_dgemm(
      CblasRowMajor, transposing.leftBLAS, transposing.rightBLAS, blasint(result.rows),
      blasint(result.columns), blasint(sum), alpha, left.base, blasint(max(1, left.stride)), right.base,
      blasint(max(1, right.stride)), beta, result.base, blasint(result.stride))
  }

  /// `result ← result − rowsᵀ·rows`, the whole symmetric matrix.
  ///
  /// - Parameters:
  ///   - rows: (p, k)
  ///   - result: symmetric (k, k)
  package static func subtractGram(of rows: MatrixView<Double>, from result: MatrixView<Double>) {
    precondition(result.rows == rows.columns && result.columns == rows.columns, "result must be (k, k)")
    guard rows.rows > 0, rows.columns > 0 else { return }
    _ = singleThreaded
    cblas_dsyrk(
      CblasRowMajor, CblasUpper, CblasTrans, blasint(rows.columns), blasint(rows.rows), -1, rows.base,
      blasint(rows.stride), 1, result.base, blasint(result.stride))
    mirrorUpper(result)
  }

  /// The sum of products of two rows of `count` numbers, in float64.
  package static func dot(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int
  ) -> Double {
    _ = singleThreaded
    return cblas_dsdot(blasint(count), left, 1, right, 1)
  }

  /// Copies the upper triangle onto the lower one, so that both hold the symmetric matrix.
  package static func mirrorUpper(_ matrix: MatrixView<Float>) { mirror(matrix) }

  /// As the float32 form.
  package static func mirrorUpper(_ matrix: MatrixView<Double>) { mirror(matrix) }

  // Generic only within the module: across its boundary the code would not be specialized.
  private static func mirror<Scalar>(_ matrix: MatrixView<Scalar>) {
    precondition(matrix.rows == matrix.columns, "only a square matrix has two triangles")
    let edge = 64  // both tiles of a pair stay in L1
    for rowTile in stride(from: 0, to: matrix.rows, by: edge) {
      let rowEnd = min(rowTile + edge, matrix.rows)
      for columnTile in stride(from: 0, through: rowTile, by: edge) {
        for row in rowTile..<rowEnd {
          let target = matrix.row(row)
          for column in columnTile..<min(columnTile + edge, row) {
            target[column] = matrix.base[column * matrix.stride + row]
          }
        }
      }
    }
  }

  private static func sumLength<Scalar>(
    _ left: MatrixView<Scalar>, _ right: MatrixView<Scalar>, _ transposing: Transposition,
    _ result: MatrixView<Scalar>
  ) -> Int {
    let (leftRows, leftSum) = transposing == .left ? (left.columns, left.rows) : (left.rows, left.columns)
    let (rightSum, rightColumns) =
      transposing == .right ? (right.columns, right.rows) : (right.rows, right.columns)
    precondition(
      leftRows == result.rows && rightColumns == result.columns && leftSum == rightSum,
      "the shapes do not multiply")
    return leftSum
  }
}
