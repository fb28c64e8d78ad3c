import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireModel
import QuireCheckpoints

/// Chooses a format for every matrix so that the sum of predicted divergences is least within a limit.
///
/// Each divergence was measured with the rest of the model unchanged. The choice among all combinations is a knapsack
/// problem, solved by dynamic programming over the extra bytes: those above the smallest choices. The solution is exact
/// except that sizes are rounded to 1/16,384 of all extra bytes. A greedy choice by divergence saved per byte would
/// spend the limit on small matrices and leave nothing for lm_head.
package struct BudgetSolver {
  /// One matrix and the formats to choose from.
  package struct Item {
    package let options: [BudgetDecision.Choice]  // smallest first

    package init(options: [BudgetDecision.Choice]) {
      precondition(!options.isEmpty, "a matrix needs at least one option")
      self.options = options
    }
  }

  package let items: [Item]

  /// Number of units that the extra bytes are divided into.
  private static let resolution = 16_384

  package init(items: [Item]) { self.items = items }

  private var smallestBytes: Int { items.reduce(0) { $0 + $1.options[0].byteCount } }
  private var largestBytes: Int {
    items.reduce(0) { $0 + ($1.options.map(\.byteCount).max() ?? 0) }
  }

  /// The best choices whose bytes add up to at most `byteLimit`; nil when even the smallest do not fit.
  package func solve(byteLimit: Int) -> BudgetDecision? {
    let extra = min(byteLimit, largestBytes) - smallestBytes
    guard extra >= 0 else { return nil }
    let table = Table(items, extra: extra, resolution: Self.resolution)
    return table.decision(items, steps: table.width)
  }

  /// The smallest choices whose divergences add up to at most `limit`; nil when even the best choices exceed it.
  package func solve(divergenceLimit limit: Double) -> BudgetDecision? {
    let table = Table(items, extra: largestBytes - smallestBytes, resolution: Self.resolution)
    guard let steps = (0...table.width).first(where: { table.least[$0] <= limit }) else { return nil }
    return table.decision(items, steps: steps)
  }

  /// The least divergence for every amount of extra bytes, item by item.
  private struct Table {
    let width: Int
    let least: [Double]  // (extra bytes in units)
    private let picks: [[UInt16]]  // (item, extra bytes in units): the option taken

    init(_ items: [Item], extra: Int, resolution: Int) {
      let unit = max(1, (extra + resolution - 1) / resolution)
      let width = extra / unit
      var least = [Double](repeating: 0, count: width + 1)
      picks = items.map { item in
        // Bytes are rounded up, so that the limit is never exceeded.
        let steps = item.options.map { ($0.byteCount - item.options[0].byteCount + unit - 1) / unit }
        var next = [Double](repeating: .infinity, count: width + 1)
        var taken = [UInt16](repeating: 0, count: width + 1)
        for (index, option) in item.options.enumerated() where steps[index] <= width {
          for used in steps[index]...width
          where least[used - steps[index]] + option.divergence < next[used] {
            next[used] = least[used - steps[index]] + option.divergence
            taken[used] = UInt16(index)
          }
        }
        least = next
        return taken
      }
      self.width = width
      self.least = least
      self.unit = unit
    }
    private let unit: Int

    /// The choices that give `least[steps]`.
    func decision(_ items: [Item], steps: Int) -> BudgetDecision {
      var used = steps
      var choices: [BudgetDecision.Choice] = []
      for (item, picks) in zip(items, picks).reversed() {
        let option = item.options[Int(picks[used])]
        choices.append(option)
        used -= (option.byteCount - item.options[0].byteCount + unit - 1) / unit
      }
      return BudgetDecision(choices: choices.reversed())
    }
  }
}
