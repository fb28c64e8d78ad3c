import QuireCalibration
import QuireModel
import QuireTensors

/// Searches for the scale that rounds a group of weights with the least squared error.
///
/// A scale that clips the largest weights has finer steps for all others; the optimum depends on the group. Every
/// ratio is tried, so there are no local minima. With importances the error is weighted: `Σ hⱼ(wⱼ − ŵⱼ)²`, the
/// output's error if inputs were uncorrelated, hⱼ the mean square of input j. In an asymmetric grid both ends of the
/// range are divided by the ratio, and the zero point follows.
struct ScaleSearch {
  let grid: CodeGrid
  let kernels: Kernels

  /// The scale of `CodeGrid.scale` is divided by each of these.
  ///
  /// At 0.94 int4's largest weight is mapped to code 7, which saves its error of half a step; at 1.6 it is clipped
  /// to five eighths. On average 1.03 is best for Gaussian groups of 32 weights and 1.13 for 128; heavier tails
  /// need more.
  static let ratios: [Float] = (0..<23).map { 0.94 + 0.03 * Float($0) }

  /// The best scale of a group, rounded to a value that exports represent exactly; the larger one on a tie.
  ///
  /// A grid that reaches farther on its negative side is tried with scales of both signs: int4's largest weight may
  /// take code −8, and that of a table level −127.
  ///
  /// - Parameters:
  ///   - weights: the group (count), finite
  ///   - importances: h (count), not negative
  func scale(
    of weights: UnsafePointer<Float>, importances: UnsafePointer<Float>, count: Int
  ) -> GroupScale {
    var best = grid.groupScale(of: weights, count: count)
    guard best.scale != 0 else { return best }
    let sign: Float = best.scale < 0 ? -1 : 1
    let largest = CodeGrid.largestMagnitude(weights, count: count)
    let range = grid.format.isSymmetric ? (lowest: 0, highest: 0) : CodeGrid.range(weights, count: count)
    var (least, last) = (Float.infinity, GroupScale())
    func consider(_ group: GroupScale) {
      let error = error(of: weights, importances: importances, count: count, group)
      if error < least { (least, best) = (error, group) }
    }
    for ratio in Self.ratios {
      let group =
        grid.format.isSymmetric
        ? GroupScale(scale: sign * grid.scale(largest: largest / ratio))
        : grid.groupScale(lowest: range.lowest / ratio, highest: range.highest / ratio)
      guard group != last else { continue }
      last = group
      consider(group)
      if grid.isLopsided { consider(GroupScale(scale: -group.scale)) }
    }
    return best
  }

  private func error(
    of weights: UnsafePointer<Float>, importances: UnsafePointer<Float>, count: Int, _ group: GroupScale
  ) -> Float {
    if let table = grid.table {
      return table.roundingError(of: weights, importances: importances, count: count, scale: group.scale)
    }
    // The kernel rounds to multiples of the scale: codes minus the zero point.
    let multiples = grid.codes.lowerBound - group.zero...grid.codes.upperBound - group.zero
    return kernels.roundingError(
      of: weights, importances: importances, count: count, scale: group.scale, codes: multiples)
  }
}

/// Chooses the scales of a row, for all methods.
struct RowScales: Sendable {
  let grid: CodeGrid
  /// The weight of each input (column) in the search; nil puts the largest weight of a group on the largest code.
  package let importances: [Float]?

  /// Fills `scales` (group). Returns false, with unusable scales, when a weight is not finite or beyond the grid.
  func choose(
    for row: UnsafePointer<Float>, columns: Int, kernels: Kernels,
    into scales: UnsafeMutablePointer<GroupScale>
  ) -> Bool {
    let groupSize = grid.format.group ?? columns
    for group in 0..<(columns / groupSize) {
      let start = group * groupSize
      let largest = CodeGrid.largestMagnitude(row + start, count: groupSize)
      guard largest <= grid.largestWeight else { return false }
      scales[group] = grid.groupScale(of: row + start, count: groupSize)
      importances?.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        scales[group] = ScaleSearch(grid: grid, kernels: kernels).scale(
          of: row + start, importances: base + start, count: groupSize)
      }
    }
    return true
  }
}
