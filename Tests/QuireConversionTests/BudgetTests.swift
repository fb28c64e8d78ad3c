import Foundation
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct BudgetTests {
  private func choice(_ index: Int, _ format: WeightFormat, _ bytes: Int, _ divergence: Double)
    -> BudgetDecision.Choice
  {
    BudgetDecision.Choice(
      tensor: .layer(index, .queryProjection), format: format, byteCount: bytes, divergence: divergence)
  }

  /// Seeded items with three options each, larger ones less harmful.
  private func items(_ count: Int, seed: UInt64) -> [BudgetSolver.Item] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { index in
      let bytes = Int.random(in: 50...500, using: &generator)
      let harm = Double.random(in: 0.1...1, using: &generator)
      return BudgetSolver.Item(options: [
        choice(index, .int4(group: 128), bytes, harm),
        choice(index, .int4(group: 32), bytes + Int.random(in: 1...60, using: &generator), 0.7 * harm),
        choice(index, .int8(), 2 * bytes, 0.01 * harm),
      ])
    }
  }

  private func bytes(_ decision: BudgetDecision) -> Int { decision.choices.reduce(0) { $0 + $1.byteCount } }

  /// Every combination, for the test to compare with.
  private func combinations(_ items: [BudgetSolver.Item]) -> [BudgetDecision] {
    items.reduce([[]]) { all, item in all.flatMap { chosen in item.options.map { chosen + [$0] } } }
      .map { BudgetDecision(choices: $0) }
  }

  @Test(arguments: 1...5)
  func equalsTheBestOfAllCombinations(seed: UInt64) throws {
    let items = items(7, seed: seed)
    let all = combinations(items)
    let smallest = try #require(all.map(bytes).min())
    for extra in [0, 40, 200, 500, 5000] {
      let best = all.filter { bytes($0) <= smallest + extra }.map(\.divergence).min()
      let found = try #require(BudgetSolver(items: items).solve(byteLimit: smallest + extra))
      #expect(bytes(found) <= smallest + extra)
      #expect(abs(found.divergence - best!) < 1e-12)
    }
    let limit = 0.4 * all[0].divergence
    let least = all.filter { $0.divergence <= limit }.map(bytes).min()
    let found = try #require(BudgetSolver(items: items).solve(divergenceLimit: limit))
    #expect(found.divergence <= limit && bytes(found) == least)
  }

  @Test func whatCannotBeMetIsRefused() {
    let items = items(4, seed: 9)
    #expect(BudgetSolver(items: items).solve(byteLimit: 100) == nil)
    #expect(BudgetSolver(items: items).solve(divergenceLimit: 0) == nil)
  }

  @Test func greedyCountsFollowTheErrors() {
    func layer(_ steps: [Double], magnitude: Double = 1) -> PruningTable.Layer {
      PruningTable.Layer(steps: steps, magnitude: magnitude)
    }
    let table = PruningTable(
      step: "prune-heads", unit: "query-head",
      layers: [layer([0.1, 0.2, 0.4]), layer([0.01, 0.05, 0.9]), layer([0.1, 0.1, 0.1], magnitude: 0.1)])
    #expect(table.counts(share: 0.25, unitsInLayer: [4, 4, 4]) == [0, 1, 2])
    #expect(table.counts(share: 0.5, unitsInLayer: [4, 4, 4]) == [1, 2, 3])
    #expect(table.counts(errorBudget: 0.041) == [0, 1, 3])
    #expect(table.counts(errorBudget: 0) == [0, 0, 0])
    #expect(table.counts(errorBudget: 100) == [3, 3, 3])
  }

  /// A survey that stopped at half of the channels let a share of 0.7 end there.
  @Test func aSurveyMeasuresAllThatAShareNeeds() {
    for count in 1...24 {
      for percent in 0...90 {
        let share = Double(percent) / 100
        let measured = Removal.share(share).surveyedUnits(of: count, removable: count - 1)
        let goal = PruningTable.goal(share: share, of: 10 * count)
        #expect(measured <= count - 1)
        #expect(10 * measured >= min(goal, 10 * (count - 1)), "\(share) of \(count)")
      }
    }
    #expect(Removal.share(0.3).surveyedUnits(of: 12, removable: 11) == 6)
    #expect(Removal.errorBudget(0.1).surveyedUnits(of: 12, removable: 11) == 11)
    #expect(Removal.uniform(128).surveyedUnits(of: 12, removable: 11) == 6)
  }

  @Test func divergenceEqualsTheTextbook() {
    var generator = SeededGenerator(seed: 3)
    for scale in [Float(1e-4), 1e-2, 1, 4] {
      let expected = generator.gaussians(300, scale: 3)
      let found = zip(expected, generator.gaussians(300, scale: scale)).map { $0 + $1 + 5 }
      func logShares(_ logits: [Float]) -> [Double] {
        let largest = Double(logits.max() ?? 0)
        let total = logits.reduce(0.0) { $0 + exp(Double($1) - largest) }
        return logits.map { Double($0) - largest - log(total) }
      }
      let (p, q) = (logShares(expected), logShares(found))
      let textbook = zip(p, q).reduce(0.0) { $0 + exp($1.0) * ($1.0 - $1.1) }
      let shares = HostBuffer<Float>(count: 300)
      let divergence = Divergence.between(
        expected, found, count: 300, shares: shares.pointer, kernels: Kernels())
      #expect(abs(divergence - textbook) < 1e-5 * textbook + 1e-12)
    }
  }
}
