// The same operations on large matrices by a team. OpenBLAS still runs on one thread at a time: the matrix is
// divided at fixed indices, whatever the thread count, so that the result has the same bits on any team.
extension DenseAlgebra {
  /// Columns that are factored before the rest is updated in one product.
  private static let blockColumns = 256
  /// Below this order waking the team is not worth its cost.
  package static let teamOrderMin = 1024

  /// As `factorCholesky`, but entries below the diagonal are overwritten: `A = Uᵀ·U`, block by block
  /// (right-looking).
  package static func factorCholesky(_ matrix: MatrixView<Double>, team: ThreadTeam) -> Bool {
    let order = matrix.rows
    guard order > teamOrderMin else { return factorCholesky(matrix) }
    for start in stride(from: 0, to: order, by: blockColumns) {
      let pivot = start..<min(start + blockColumns, order)
      let diagonal = matrix.block(rows: pivot, columns: pivot)
      guard factorCholesky(diagonal) else { return false }
      let tiles = tiles(of: pivot.upperBound..<order, width: blockColumns)
      team.run { thread, count in
        for tile in stride(from: thread, to: tiles.count, by: count) {
          let right = matrix.block(rows: pivot, columns: tiles[tile])
          solveTriangular(.upperTransposedTimesColumns, factor: diagonal, right: right)
        }
      }
      // A tile is updated by the solutions of all tiles to its right.
      team.run { thread, count in
        for tile in stride(from: thread, to: tiles.count, by: count) {
          let (rows, columns) = (tiles[tile], tiles[tile].lowerBound..<order)
          multiply(
            matrix.block(rows: pivot, columns: rows), matrix.block(rows: pivot, columns: columns),
            transposing: .left, alpha: -1, beta: 1, into: matrix.block(rows: rows, columns: columns))
        }
      }
    }
    return true
  }

  /// Solves `X · U = B` for `right` = B (m, k) in place, with the rows divided among threads.
  package static func solve(
    rowsTimesUpper factor: MatrixView<Double>, right: MatrixView<Double>, team: ThreadTeam
  ) {
    let tiles = tiles(of: 0..<right.rows, width: blockColumns)
    team.run { thread, count in
      for tile in stride(from: thread, to: tiles.count, by: count) {
        solveTriangular(
          .rowsTimesUpper, factor: factor, right: right.block(rows: tiles[tile], columns: 0..<right.columns))
      }
    }
  }

  /// `result ← −upper · right`, where `upper` (m, m) is zero below its diagonal.
  package static func multiply(
    negatedUpper upper: MatrixView<Double>, _ right: MatrixView<Double>, into result: MatrixView<Double>,
    team: ThreadTeam
  ) {
    let all = 0..<right.columns
    let tiles = tiles(of: 0..<upper.rows, width: blockColumns)
    team.run { thread, count in
      for tile in stride(from: thread, to: tiles.count, by: count) {
        let rest = tiles[tile].lowerBound..<upper.rows
        multiply(
          upper.block(rows: tiles[tile], columns: rest), right.block(rows: rest, columns: all), alpha: -1,
          into: result.block(rows: tiles[tile], columns: all))
      }
    }
  }

  private static func tiles(of range: Range<Int>, width: Int) -> [Range<Int>] {
    stride(from: range.lowerBound, to: range.upperBound, by: width).map {
      $0..<min($0 + width, range.upperBound)
    }
  }
}
