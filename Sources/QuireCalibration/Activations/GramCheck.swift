import QuireModel
import QuireCheckpoints
package import QuireTensors

/// Sums some entries of a Gram matrix in float64, to check the whole, which is summed in float32.
///
/// The sample is every pair of inputs out of one in every 256, so that it has an entry in each tile that a product
/// is computed in. It costs 0.3% of the products' CPU time at 256 inputs and 0.04% at 4,096.
package struct GramCheck {
  private let inputs: [Int]  // (sample), ascending
  private let sums: HostBuffer<Double>  // (sample, sample), upper triangle
  private let values: HostBuffer<Double>  // (sample), of the row at hand

  private static let stride = 256
  /// Larger deviations are reported. Summing a text in float32 leaves 10⁻⁶; GPTQ adds 10⁻² to the diagonal.
  package static let limit = 1e-4

  package init(order: Int) {
    inputs = Swift.stride(from: 0, to: order, by: Self.stride).enumerated().map { tile, start in
      // At a different offset in every tile.
      start + (97 * tile + 31) % min(Self.stride, order - start)
    }
    sums = HostBuffer(count: inputs.count * inputs.count)
    values = HostBuffer(count: inputs.count)
  }

  /// Adds activations (row, k).
  package func add(_ rows: MatrixView<Float>) {
    let (sums, values, count) = (sums.pointer, values.pointer, inputs.count)
    inputs.withUnsafeBufferPointer { inputs in
      for row in 0..<rows.rows {
        let activations = rows.row(row)
        for sample in 0..<count { values[sample] = Double(activations[inputs[sample]]) }
        for first in 0..<count {
          let (value, line) = (values[first], sums + first * count)
          for second in first..<count { line[second] += value * values[second] }
        }
      }
    }
  }

  /// The largest difference of an entry of the mean H (k, k) over `rowCount` rows, as a share of the geometric mean
  /// of the two diagonal entries in its row and column. NaN or infinity where H or the activations hold one.
  package func deviation(of mean: HostBuffer<Float>, rowCount: Int) -> Double {
    let order = Int(Double(mean.count).squareRoot().rounded())
    func sum(_ first: Int, _ second: Int) -> Double {
      sums.pointer[first * inputs.count + second] / Double(max(1, rowCount))
    }
    var largest = 0.0
    for first in inputs.indices {
      for second in first..<inputs.count {
        let difference = abs(
          Double(mean.pointer[inputs[first] * order + inputs[second]]) - sum(first, second))
        let scale = (sum(first, first) * sum(second, second)).squareRoot()
        // An input that is always zero has only zeros in its row and column.
        let share = difference == 0 ? 0 : difference / scale
        guard share.isFinite else { return share }
        largest = max(largest, share)
      }
    }
    return largest
  }
}
