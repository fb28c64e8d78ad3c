import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireModel
import QuireCheckpoints

/// Chooses a format for every matrix so that the predicted damage is least within a limit.
///
/// Damages are added up: each was measured with the rest of the model as it is. The choice among all combinations is a
/// knapsack problem, solved exactly but for the rounding of bytes to a 16,384th of the room. Going up step by step
/// where most is saved per byte would fill the limit with small matrices and leave nothing for lm_head.
package struct BudgetSolver {
  /// One matrix and what it may become.
  package struct Item {
    package let options: [BudgetDecision.Choice]  // smallest first

    package init(options: [BudgetDecision.Choice]) {
      precondition(!options.isEmpty, "a matrix must become something")
      self.options = options
    }
  }

  package let items: [Item]

  /// Steps into which the room is divided.
  private static let resolution = 16_384

  package init(items: [Item]) { self.items = items }

  private var smallestBytes: Int { items.reduce(0) { $0 + $1.options[0].byteCount } }
  private var largestBytes: Int {
    items.reduce(0) { $0 + ($1.options.map(\.byteCount).max() ?? 0) }
  }

  /// The best choices whose bytes add up to at most `byteLimit`; nil when even the smallest do not fit.
  package func solve(byteLimit: Int) -> BudgetDecision? {
    let room = min(byteLimit, largestBytes) - smallestBytes
    guard room >= 0 else { return nil }
    let table = Table(items, room: room, resolution: Self.resolution)
    return table.decision(items, steps: table.width)
  }

  /// The smallest choices whose divergences add up to at most `limit`; nil when even the best do not get there.
  package func solve(divergenceLimit limit: Double) -> BudgetDecision? {
    let table = Table(items, room: largestBytes - smallestBytes, resolution: Self.resolution)
    guard let steps = (0...table.width).first(where: { table.least[$0] <= limit }) else { return nil }
    return table.decision(items, steps: steps)
  }

  /// The least divergence for every amount of room, item by item.
  private struct Table {
    let width: Int
    let least: [Double]  // (steps of room)
    private let picks: [[UInt8]]  // (item, steps of room): the option taken

    init(_ items: [Item], room: Int, resolution: Int) {
      let unit = max(1, (room + resolution - 1) / resolution)
      let width = room / unit
      var least = [Double](repeating: 0, count: width + 1)
      picks = items.map { item in
        // Bytes are rounded up, so that the room is never exceeded.
        let steps = item.options.map { ($0.byteCount - item.options[0].byteCount + unit - 1) / unit }
        var next = [Double](repeating: .infinity, count: width + 1)
        var taken = [UInt8](repeating: 0, count: width + 1)
        for (index, option) in item.options.enumerated() where steps[index] <= width {
          for place in steps[index]...width
          where least[place - steps[index]] + option.divergence < next[place] {
            next[place] = least[place - steps[index]] + option.divergence
            taken[place] = UInt8(index)
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
      var place = steps
      var choices: [BudgetDecision.Choice] = []
      for (item, picks) in zip(items, picks).reversed() {
        let option = item.options[Int(picks[place])]
        choices.append(option)
        place -= (option.byteCount - item.options[0].byteCount + unit - 1) / unit
      }
      return BudgetDecision(choices: choices.reversed())
    }
  }
}
