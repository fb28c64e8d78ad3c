import COpenBLAS

// Symmetric positive definite matrices, in float64: the inverse of correlated activations in float32 loses all
// precision long before a damping of 1% has an effect.
extension DenseAlgebra {
  /// Replaces the upper triangle of a symmetric positive definite `matrix` (k, k) by U with `A = Uᵀ·U`.
  ///
  /// The strictly lower triangle is unchanged. Returns false, with an invalid upper triangle, when the matrix is
  /// not positive definite or holds a NaN; the caller decides what follows.
  package static func factorCholesky(_ matrix: MatrixView<Double>) -> Bool {
    precondition(matrix.rows == matrix.columns, "only a square matrix has a Cholesky factor")
    guard matrix.rows > 0 else { return true }
    _ = singleThreaded
    var info = blasint(0)
    let order = blasint(matrix.rows)
    let stride = blasint(matrix.stride)
    dpotrf_("L", [order], matrix.base, [stride], &info)  // their lower, column-major, is our upper
    precondition(info >= 0, "dpotrf_ refuses argument \(-info)")
    // A NaN passes the routine's own test (it is not ≤ 0), but always reaches the diagonal.
    return info == 0 && (0..<matrix.rows).allSatisfy { matrix[$0, $0].isFinite }
  }

  /// Replaces a symmetric positive definite `matrix` (k, k), both triangles, by its inverse.
  ///
  /// Returns false, with an invalid matrix, when it is not positive definite.
  package static func invertSymmetric(_ matrix: MatrixView<Double>) -> Bool {
    guard factorCholesky(matrix) else { return false }
    guard matrix.rows > 0 else { return true }
    var info = blasint(0)
    let order = blasint(matrix.rows)
    let stride = blasint(matrix.stride)
    dpotri_("L", [order], matrix.base, [stride], &info)
    precondition(info >= 0, "dpotri_ refuses argument \(-info)")
    mirrorUpper(matrix)
    return info == 0
  }

  /// The triangular system of the factor that `solveTriangular` solves.
  package enum TriangularSystem: Sendable {
    /// `X · U = B`: unknowns on the left of U, one system per row of B (m, k).
    case rowsTimesUpper
    /// `X · Uᵀ = B`: the same with Uᵀ, B (m, k).
    case rowsTimesUpperTransposed
    /// `Uᵀ · X = B`: unknowns on the right of Uᵀ, one system per column of B (k, m).
    case upperTransposedTimesColumns
  }

  /// Solves one triangular system with the factor U of `factorCholesky`, in place in `right`.
  package static func solveTriangular(
    _ system: TriangularSystem, factor: MatrixView<Double>, right: MatrixView<Double>
  ) {
    let isLeft = system == .upperTransposedTimesColumns
    precondition(factor.rows == (isLeft ? right.rows : right.columns), "the shapes do not fit")
    guard right.rows > 0, right.columns > 0 else { return }
    _ = singleThreaded
    cblas_dtrsm(
      CblasRowMajor, isLeft ? CblasLeft : CblasRight, CblasUpper,
      system == .rowsTimesUpper ? CblasNoTrans : CblasTrans, CblasNonUnit, blasint(right.rows),
      blasint(right.columns), 1, factor.base, blasint(factor.stride), right.base, blasint(right.stride))
  }

  /// Solves `X · A = B` for `right` = B (m, k) in place, with the Cholesky factor of A (k, k).
  package static func solve(rowsTimesFactored factor: MatrixView<Double>, right: MatrixView<Double>) {
    solveTriangular(.rowsTimesUpper, factor: factor, right: right)
    solveTriangular(.rowsTimesUpperTransposed, factor: factor, right: right)
  }
}
