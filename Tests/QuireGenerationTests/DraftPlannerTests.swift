import QuireGeneration
import TestSupport
import Testing

/// Adaptation, with step times that are written down.
@Suite struct DraftPlannerTests {
  /// Seconds of a step by its rows.
  typealias Curve = @Sendable (_ rowCount: Int) -> Double

  /// Reading weights dominates up to four rows, as with a large model.
  static let memoryBound: Curve = {
    0.12 * (1 + 0.01 * Double(min($0, 4) - 1) + 0.09 * Double(max($0 - 4, 0)))
  }
  /// Every row costs the same.
  static let computeBound: Curve = { 0.01 * Double($0) }
  /// Rows come in tiles of six.
  static let tiled: Curve = { 0.05 * (1 + 0.8 * Double(($0 - 1) / 6)) }

  /// One request whose drafts come true with a given probability, over many tokens.
  struct Simulation {
    var planner = DraftPlanner(mode: .adaptive)
    var record = DraftRecord()
    var generator = SeededGenerator(seed: 11)
    var tokenCount = 0
    var draftCount = 0
    var seconds = 0.0
    /// Neighbours on the machine: measured times are longer by up to this share, one in twenty four times as long.
    var noise = 0.0

    private mutating func measured(_ seconds: Double) -> Double {
      guard noise > 0 else { return seconds }
      let share = 1 + noise * Double(generator.next() % 1000) / 1000
      return seconds * share * (generator.next() % 20 == 0 ? 4 : 1)
    }

    private mutating func chance(_ probability: Double) -> Bool {
      Double(generator.next() % 1_000_000) < probability * 1_000_000
    }

    /// Runs until `count` more tokens are there. `matchShare` of the steps have a source to draft from.
    mutating func run(tokens count: Int, acceptance: Double, matchShare: Double = 1, curve: Curve) {
      let end = tokenCount + count
      while tokenCount < end {
        planner.begin(rowCount: 1, answerCount: 1)
        record.earn()
        if chance(matchShare) {
          planner.add(workIndex: 0, limit: 100, confidence: chance(0.5) ? 0 : 2, record: record)
        }
        planner.choose()
        if let candidate = planner.candidates.first, candidate.count == 0, record.declineOrProbe() {
          planner.probe(0)
        }
        let drafts = planner.candidates.first?.count ?? 0
        let time = curve(1 + drafts)
        planner.observe(rowCount: 1 + drafts, seconds: measured(time))
        var accepted = 0
        while accepted < drafts, chance(acceptance) { accepted += 1 }
        if drafts > 0 {
          record.settle(
            accepted: accepted, of: drafts, confidence: planner.candidates[0].confidence,
            cost: planner.cost(draftCount: drafts), gain: Double(accepted), requestCount: 1)
        }
        tokenCount += 1 + accepted
        draftCount += drafts
        seconds += time
      }
    }
  }

  @Test(arguments: [0.0, 0.02, 0.1, 0.3])
  func neverCostsMoreThanThreePercent(acceptance: Double) {
    for curve in [Self.memoryBound, Self.computeBound, Self.tiled] {
      for tokenCount in [60, 300, 3000] {
        var simulation = Simulation()
        simulation.run(tokens: tokenCount, acceptance: acceptance, curve: curve)
        let plain = Double(simulation.tokenCount) * curve(1)
        #expect(simulation.seconds <= 1.03 * plain)
      }
    }
  }

  @Test(arguments: [0.0, 0.02, 0.1, 0.3])
  func neverCostsMoreThanThreePercentOnABusyMachine(acceptance: Double) {
    for curve in [Self.memoryBound, Self.computeBound, Self.tiled] {
      for seed in 1...20 {
        var simulation = Simulation()
        simulation.generator = SeededGenerator(seed: UInt64(seed))
        simulation.noise = 0.6
        simulation.run(tokens: 1000, acceptance: acceptance, curve: curve)
        let plain = Double(simulation.tokenCount) * curve(1)
        #expect(simulation.seconds <= 1.03 * plain)
      }
    }
  }

  @Test func repeatingTextBecomesTwiceAsFast() {
    for curve in [Self.memoryBound, Self.tiled] {
      var simulation = Simulation()
      simulation.run(tokens: 300, acceptance: 0.95, curve: curve)
      #expect(Double(simulation.tokenCount) * curve(1) > 2 * simulation.seconds)
    }
  }

  @Test func draftsNothingWhereRowsAreNotCheaperTogether() {
    var simulation = Simulation()
    simulation.run(tokens: 1000, acceptance: 0.9, curve: Self.computeBound)
    #expect(simulation.draftCount < 100)
  }

  @Test func findsOutWhenTheTextBeginsToRepeat() {
    var simulation = Simulation()
    simulation.run(tokens: 2000, acceptance: 0, curve: Self.memoryBound)
    let drafted = simulation.draftCount
    #expect(drafted < 300)
    let seconds = simulation.seconds
    simulation.run(tokens: 2000, acceptance: 0.97, curve: Self.memoryBound)
    #expect(2000 * Self.memoryBound(1) > 2 * (simulation.seconds - seconds), "it notices within the text")
    let peak = simulation.seconds
    simulation.run(tokens: 1000, acceptance: 0, curve: Self.memoryBound)
    #expect(simulation.seconds - peak < 1.03 * 1000 * Self.memoryBound(1))
  }

  private func observe(_ rowCount: Int, _ planner: inout DraftPlanner) {
    for _ in 0..<3 { planner.observe(rowCount: rowCount, seconds: Self.memoryBound(rowCount)) }
  }

  @Test func nothingIsDraftedBeforePlainStepsWereTimed() {
    var planner = DraftPlanner(mode: .adaptive)
    for stepCount in 0..<4 {
      planner.begin(rowCount: 1, answerCount: 1)
      planner.add(workIndex: 0, limit: 8, confidence: 3, record: DraftRecord())
      planner.choose()
      // Then one at first: twice the rows that were seen.
      #expect(planner.candidates[0].count == (stepCount < 3 ? 0 : 1))
      planner.observe(rowCount: 1, seconds: 0.1)
    }
  }

  @Test func theMoreRequestsAStepHasTheFewerDraftsEachGets() {
    var counts: [Int] = []
    for requestCount in [1, 4, 16] {
      var planner = DraftPlanner(mode: .adaptive)
      for rowCount in 1...48 { observe(rowCount, &planner) }
      planner.begin(rowCount: requestCount, answerCount: requestCount)
      for index in 0..<requestCount {
        planner.add(workIndex: index, limit: 8, confidence: 1, record: DraftRecord())
      }
      planner.choose()
      counts.append(planner.candidates.map(\.count).reduce(0, +))
    }
    #expect(counts[0] >= 2)
    #expect(counts[2] == 0)
    #expect(counts[1] < 4 * counts[0])
  }

  @Test func draftsGoToTheRequestThatIsLikeliest() {
    var planner = DraftPlanner(mode: .adaptive)
    for rowCount in 1...12 { observe(rowCount, &planner) }
    planner.begin(rowCount: 2, answerCount: 2)
    planner.add(workIndex: 0, limit: 8, confidence: 0, record: DraftRecord())
    planner.add(workIndex: 3, limit: 1, confidence: 3, record: DraftRecord())
    planner.add(workIndex: 4, limit: 8, confidence: 3, record: DraftRecord())
    planner.choose()
    #expect(planner.candidates.map(\.workIndex) == [0, 3, 4])
    #expect(planner.candidates[1].count == 1)
    #expect(planner.candidates[2].count > planner.candidates[0].count)
  }

  @Test func eagerTakesWhateverFits() {
    var planner = DraftPlanner(mode: .eager)
    planner.begin(rowCount: 1, answerCount: 1)
    planner.add(workIndex: 0, limit: 5, confidence: 0, record: DraftRecord())
    planner.add(workIndex: 1, limit: 50, confidence: 0, record: DraftRecord())
    planner.choose()
    #expect(planner.candidates.map(\.count) == [5, DraftPlanner.draftCountMaximum])
  }
}

@Suite struct StepCostsTests {
  @Test func learnsACurveThroughNoise() {
    var costs = StepCosts()
    var generator = SeededGenerator(seed: 3)
    let curve = DraftPlannerTests.tiled
    for _ in 0..<600 {
      let rowCount = [1, 2, 4, 7, 9, 14][Int(generator.next() % 6)]
      let noise = 0.95 + Double(generator.next() % 1000) * 1e-4
      costs.observe(rowCount: rowCount, seconds: curve(rowCount) * noise)
    }
    for rowCount in [1, 2, 4, 7, 9, 14] {
      #expect(abs(costs.seconds(rowCount: rowCount) / curve(rowCount) - 1) < 0.05)
    }
    let between = costs.seconds(rowCount: 6)
    #expect(between >= costs.seconds(rowCount: 4) && between <= costs.seconds(rowCount: 7))
    #expect(costs.seconds(rowCount: 64) > costs.seconds(rowCount: 14))
    #expect(costs.seconds(rowCount: 500) > costs.seconds(rowCount: 64))
  }

  @Test func aSlowerMachineIsSlowerForEveryCount() {
    var costs = StepCosts()
    for rowCount in [1, 3] {
      for _ in 0..<20 { costs.observe(rowCount: rowCount, seconds: 0.1 * Double(rowCount)) }
    }
    let before = costs.seconds(rowCount: 3)
    for _ in 0..<100 { costs.observe(rowCount: 1, seconds: 0.2) }
    #expect(abs(costs.seconds(rowCount: 1) - 0.2) < 0.01)
    #expect(costs.seconds(rowCount: 3) > 1.2 * before)
  }

  @Test func oneInterruptedStepChangesLittle() {
    var costs = StepCosts()
    for _ in 0..<20 { costs.observe(rowCount: 2, seconds: 0.1) }
    costs.observe(rowCount: 2, seconds: 5)
    #expect(costs.seconds(rowCount: 2) < 0.12)
  }

  /// A count of rows whose only step was interrupted is tried again soon.
  @Test func oneObservationIsForgottenSoon() {
    var costs = StepCosts()
    for _ in 0..<3 { costs.observe(rowCount: 1, seconds: 0.1) }
    costs.observe(rowCount: 3, seconds: 0.2)
    #expect(costs.seconds(rowCount: 3) == 0.2)
    for _ in 0..<70 { costs.observe(rowCount: 1, seconds: 0.1) }
    #expect(costs.seconds(rowCount: 3) < 0.11)
  }

  /// Steps of one count that take twice as long say little about how counts compare.
  @Test func aSlowerMachineHardlyChangesRatios() {
    var costs = StepCosts()
    for _ in 0..<20 {
      costs.observe(rowCount: 1, seconds: 0.1)
      costs.observe(rowCount: 3, seconds: 0.105)
    }
    for _ in 0..<20 { costs.observe(rowCount: 3, seconds: 0.21) }
    #expect(abs(costs.seconds(rowCount: 3) / 0.21 - 1) < 0.02)
    #expect(costs.seconds(rowCount: 3) / costs.seconds(rowCount: 1) < 1.2)
  }

  @Test func whatWasNotSeenForLongIsAssumedAgain() {
    var costs = StepCosts()
    costs.observe(rowCount: 1, seconds: 0.1)
    for _ in 0..<3 { costs.observe(rowCount: 2, seconds: 3) }
    #expect(costs.seconds(rowCount: 2) == 3)
    for _ in 0..<600 { costs.observe(rowCount: 1, seconds: 0.1) }
    #expect(costs.seconds(rowCount: 2) < 0.12)
  }
}
