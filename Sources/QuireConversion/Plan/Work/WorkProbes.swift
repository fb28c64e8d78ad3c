import QuireCalibration
package import QuireModel
import QuireOptimization
package import QuireTensors

/// Measures how fast this machine does each kind of work, by running the routines of the conversion on small problems.
///
///     let probes = WorkProbes(recipe: recipe, configuration: configuration, compute: compute, secondsPerByteRead: nil)
///     plan.rates = probes.rates(of: plan.workItems, known: plan.rates)
package struct WorkProbes {
  let recipe: Recipe
  /// After a rotation.
  let configuration: ModelConfiguration
  let compute: Compute
  /// Seconds for a byte of the checkpoint that is read; nil where that is not known.
  let secondsPerByteRead: Double?
  /// How long all rounds may take. At least three rounds are run, of at least one run of each probe.
  let secondsMax: Double

  package init(
    recipe: Recipe, configuration: ModelConfiguration, compute: Compute, secondsPerByteRead: Double?,
    secondsMax: Double = 1
  ) {
    self.recipe = recipe
    self.configuration = configuration
    self.compute = compute
    self.secondsPerByteRead = secondsPerByteRead
    self.secondsMax = secondsMax
  }

  /// The problem that one item is measured with.
  struct Probe {
    /// In the unit of the item's kind.
    let amount: Double
    /// Work of other items in it, whose time is subtracted.
    var contained = Work()
    let body: () -> Void
  }

  /// Rounds over all probes; fewer when they take long.
  private static let rounds = 30
  private static let fewestRounds = 3
  /// The most widths that a kind of work is measured with in one format. All problems are held until the last round, so
  /// their memory would grow with the number of different layers, while the plan's memory does not count it.
  private static let widthsMax = 3

  var threadCount: Int { compute.team.threadCount }

  /// - Parameter known: rates that need not be measured again
  package func rates(of items: Set<WorkItem>, known: WorkRates) -> WorkRates {
    var rates = known.measured
    if let secondsPerByteRead { rates[WorkItem(.reading)] = secondsPerByteRead }
    var probes: [WorkItem: Probe] = [:]
    prepare(Self.chosen(items.subtracting(rates.keys)), into: &probes)
    let seconds = medians(probes)
    // Items that others contain come first.
    for (item, probe) in probes.sorted(by: {
      $0.value.contained.amounts.count < $1.value.contained.amounts.count
    }) {
      let contained = PlannedTime.total(probe.contained, WorkRates(rates))
      rates[item] = max(0, (seconds[item] ?? 0) - contained) / probe.amount
    }
    let measured = rates
    for item in items where rates[item] == nil { rates[item] = Self.nearest(to: item, in: measured) }
    return WorkRates(rates)
  }

  /// The items that are measured for all of `items`: of each kind in each format the narrowest, the widest and some
  /// between them.
  package static func chosen(_ items: Set<WorkItem>) -> Set<WorkItem> {
    let groups = Dictionary(grouping: items) { WorkItem($0.kind, format: $0.format) }
    return groups.values.reduce(into: []) { chosen, group in
      let sorted = group.sorted { $0.width < $1.width }
      let count = min(widthsMax, sorted.count)
      for index in 0..<count { chosen.insert(sorted[index * (sorted.count - 1) / max(1, count - 1)]) }
    }
  }

  /// The rate of the same work at the width that is nearest; nil where none was measured.
  private static func nearest(to item: WorkItem, in rates: [WorkItem: Double]) -> Double? {
    rates.filter { $0.key.kind == item.kind && $0.key.format == item.format }
      .min {
        (abs($0.key.width - item.width), $0.key.width) < (abs($1.key.width - item.width), $1.key.width)
      }?
      .value
  }

  private func prepare(_ items: Set<WorkItem>, into probes: inout [WorkItem: Probe]) {
    for item in items where probes[item] == nil {
      guard let probe = probe(item) else { continue }
      probes[item] = probe
      prepare(Set(probe.contained.amounts.keys), into: &probes)
    }
  }

  /// nil for what cannot be measured: the typical rate is used.
  private func probe(_ item: WorkItem) -> Probe? {
    switch item.kind {
    case .pass: pass(item.format)
    case .attention: attention()
    case .gram: gram(item.width)
    case .cross: cross(item.width)
    case .states, .syncing: states(item.kind)
    case .factor: factor(item.width)
    case .products: products(item.width)
    case .codes: codes(item)
    case .trials: trials(item)
    case .rounding: rounding(item)
    case .rotation: rotation()
    case .pruning: pruning()
    case .refit: refit()
    case .answers: answers()
    case .packing: packing(item)
    case .reading: nil
    }
  }

  /// Seconds of one run of each. Rounds over all of them: what else the machine does for a moment slows one round of a
  /// few probes, and the median ignores it.
  private func medians(_ probes: [WorkItem: Probe]) -> [WorkItem: Double] {
    func measure(_ probe: Probe, _ count: Int) -> Double {
      let start = ContinuousClock.now
      for _ in 0..<count { probe.body() }
      return (ContinuousClock.now - start) / .seconds(1) / Double(count)
    }
    // A quick probe is repeated until it takes a part of the time.
    let least = min(1, secondsMax) / 300
    var samples: [WorkItem: [Double]] = [:]
    let start = ContinuousClock.now
    for round in 0..<Self.rounds {
      if round >= Self.fewestRounds, (ContinuousClock.now - start) / .seconds(1) > secondsMax { break }
      for (item, probe) in probes {
        let count = samples[item].map { max(1, Int(least / max(1e-7, $0[$0.count - 1]))) } ?? 1
        samples[item, default: []].append(measure(probe, count))
      }
    }
    return samples.mapValues { $0.sorted()[$0.count / 2] }
  }
}
