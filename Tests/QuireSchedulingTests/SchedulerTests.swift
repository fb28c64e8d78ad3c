import Testing

import QuireScheduling
import TestSupport

@Suite struct SchedulerTests {
  typealias Arrival = SchedulerExplorer.Arrival

  static let arrivalSets: [[Arrival]] = [
    [Arrival(tokenCount: 1, maximumTokenCount: 4), Arrival(tokenCount: 1, maximumTokenCount: 4)],
    [
      Arrival(tokenCount: 4, maximumTokenCount: 6, scoredCount: 3),
      Arrival(tokenCount: 1, maximumTokenCount: 5),
      Arrival(tokenCount: 3, maximumTokenCount: 4, scoredCount: 2),
    ],
    [
      Arrival(tokenCount: 1, maximumTokenCount: 6), Arrival(tokenCount: 2, maximumTokenCount: 6),
      Arrival(tokenCount: 5, maximumTokenCount: 6),
    ],
    [
      Arrival(tokenCount: 2, maximumTokenCount: 5), Arrival(tokenCount: 1, maximumTokenCount: 7),
      Arrival(tokenCount: 6, maximumTokenCount: 7, scoredCount: 5),
      Arrival(tokenCount: 1, maximumTokenCount: 3),
    ],
  ]

  /// Every order of arrivals, steps and cancellations of up to four requests, in pools from just enough for
  /// one request to enough for all.
  @Test(arguments: [1, 2, 3], [1, 2])
  func holdsInEverySmallState(slots: Int, blockSize: Int) throws {
    var stateCount = 0
    for arrivals in Self.arrivalSets {
      let longest = arrivals.map(\.maximumTokenCount).max()!
      let least = (longest + blockSize - 1) / blockSize
      for blockCount in [least, least + 1, least + 3, 3 * least] {
        for extra in [0, 1, 4] {
          let explorer = SchedulerExplorer(
            blockCount: blockCount, blockSize: blockSize, slots: slots,
            budget: StepBudget(
              tokenCount: slots + extra, promptTokenCount: 1 + extra, logitRowCount: slots + extra / 2),
            arrivals: arrivals)
          stateCount += try explorer.explore()
        }
      }
    }
    #expect(stateCount > 1_500)
  }

  /// The same with drafts in any step, none or some of which come true.
  @Test(arguments: [1, 2], [1, 2])
  func holdsInEverySmallStateWithDrafts(slots: Int, blockSize: Int) throws {
    var stateCount = 0
    for arrivals in Self.arrivalSets[..<3] {
      let longest = arrivals.map(\.maximumTokenCount).max()!
      let least = (longest + blockSize - 1) / blockSize
      for blockCount in [least, least + 1, 3 * least] {
        for extra in [0, 1, 5] {
          let explorer = SchedulerExplorer(
            blockCount: blockCount, blockSize: blockSize, slots: slots,
            budget: StepBudget(tokenCount: slots + extra, logitRowCount: slots + extra),
            arrivals: arrivals, drafts: true)
          stateCount += try explorer.explore()
        }
      }
    }
    #expect(stateCount > 1_000)
  }

  /// The same with groups that take turns.
  @Test(arguments: [1, 2, 3], [1, 2])
  func holdsInEverySmallStateWithGroups(slots: Int, blockSize: Int) throws {
    let sets: [[Arrival]] = [
      [
        Arrival(tokenCount: 1, maximumTokenCount: 4, group: 1),
        Arrival(tokenCount: 1, maximumTokenCount: 4, group: 1),
        Arrival(tokenCount: 2, maximumTokenCount: 4), Arrival(tokenCount: 1, maximumTokenCount: 3, group: 1),
      ],
      [
        Arrival(tokenCount: 2, maximumTokenCount: 5, group: 1),
        Arrival(tokenCount: 1, maximumTokenCount: 4, group: 1),
        Arrival(tokenCount: 4, maximumTokenCount: 5, scoredCount: 3, group: 2),
        Arrival(tokenCount: 1, maximumTokenCount: 3, group: 2),
      ],
    ]
    var stateCount = 0
    for arrivals in sets {
      let longest = arrivals.map(\.maximumTokenCount).max()!
      let least = (longest + blockSize - 1) / blockSize
      for blockCount in [least, least + 1, 3 * least] {
        for extra in [0, 2] {
          let explorer = SchedulerExplorer(
            blockCount: blockCount, blockSize: blockSize, slots: slots,
            budget: StepBudget(tokenCount: slots + extra, logitRowCount: slots + extra),
            arrivals: arrivals)
          stateCount += try explorer.explore()
        }
      }
    }
    #expect(stateCount > 1_000)
  }

  /// The same with a prefix cache: no request reads or overwrites another text.
  @Test(arguments: [1, 2], [1, 2])
  func holdsInEverySmallStateWithPrefixes(slots: Int, blockSize: Int) throws {
    var stateCount = 0
    for arrivals in Self.arrivalSets[..<3] {
      let longest = arrivals.map(\.maximumTokenCount).max()!
      let least = (longest + blockSize - 1) / blockSize
      for blockCount in [least, least + 2] {
        for extra in [0, 3] {
          let explorer = SchedulerExplorer(
            blockCount: blockCount, blockSize: blockSize, slots: slots,
            budget: StepBudget(tokenCount: slots + extra, logitRowCount: slots + extra),
            arrivals: arrivals, keepsPrefixes: true)
          stateCount += try explorer.explore()
        }
      }
    }
    #expect(stateCount > 1_000)
  }

  /// Long random histories: sixty requests with two texts, some scored, some in groups, with drafts and cancellations, in
  /// pools with few blocks.
  @Test(arguments: [(1, 1), (2, 3), (4, 4), (6, 2)])
  func holdsInRandomHistoriesWithPrefixes(slots: Int, blockSize: Int) throws {
    var evictionCount = 0
    for seed in 1...UInt64(12) {
      var generator = SeededGenerator(seed: seed)
      let arrivals = (0..<60).map { _ in
        let tokenCount = 1 + Int(generator.next() % 30)
        return Arrival(
          tokenCount: tokenCount, maximumTokenCount: tokenCount + 1 + Int(generator.next() % 12),
          scoredCount: generator.next() % 8 == 0 ? tokenCount - 1 : 0,
          group: generator.next() % 3 == 0 ? 1 + generator.next() % 2 : nil)
      }
      let least = (arrivals.map(\.maximumTokenCount).max()! + blockSize - 1) / blockSize
      let explorer = SchedulerExplorer(
        blockCount: least + Int(generator.next() % 8), blockSize: blockSize, slots: slots,
        budget: StepBudget(
          tokenCount: slots + 9, promptTokenCount: 1 + Int(generator.next() % 12), logitRowCount: slots + 3),
        arrivals: arrivals, drafts: true, keepsPrefixes: true)
      let end = try explorer.walk(seed: seed)
      #expect(end.scheduler.pool.usedCount == 0)
      evictionCount += end.scheduler.pool.evictionCount
    }
    #expect(evictionCount > 100)
  }

  /// One call for 24 answers on four slots, then others: the first of each is served at the next step, and from then
  /// on they take turns.
  @Test func aLargeGroupKeepsNobodyWaiting() {
    var scheduler = Scheduler(blockCount: 64, blockSize: 4, maximumSlots: 4)
    for id in 0..<24 { scheduler.submit(id: UInt64(id), group: 1, tokenCount: 4, maximumTokenCount: 40) }
    #expect(planned(&scheduler, tokens: 64).admitted == [0, 1, 2, 3])
    for id in 0..<4 { scheduler.append(id: UInt64(id)) }
    scheduler.submit(id: 100, tokenCount: 4, maximumTokenCount: 8)
    for id in 200..<204 { scheduler.submit(id: UInt64(id), group: 2, tokenCount: 4, maximumTokenCount: 8) }
    let first = planned(&scheduler, tokens: 64)
    #expect(first.preempted == [3] && first.admitted == [100])
    #expect(scheduler.line.map(\.id).prefix(10) == [0, 1, 2, 100, 200, 201, 202, 203, 3, 4])
    for id in [0, 1, 2, 100] { scheduler.append(id: UInt64(id)) }
    let second = planned(&scheduler, tokens: 64)
    #expect(second.preempted == [2] && second.admitted == [200])
    for id in [0, 1, 100, 200] { scheduler.append(id: UInt64(id)) }
    // Everybody has a slot now: nothing more is taken from anyone.
    #expect(planned(&scheduler, tokens: 64).preempted.isEmpty)
    #expect(scheduler.brokenInvariant == nil)
    scheduler.remove(id: 100)
    let third = planned(&scheduler, tokens: 64)
    #expect(third.admitted == [201])
  }

  private func planned(_ scheduler: inout Scheduler, tokens: Int, logits: Int = 100) -> StepPlan {
    var plan = StepPlan()
    scheduler.plan(StepBudget(tokenCount: tokens, logitRowCount: logits), into: &plan)
    return plan
  }

  @Test func cutsALongPromptToTheBudget() {
    var scheduler = Scheduler(blockCount: 8, blockSize: 32, maximumSlots: 4)
    scheduler.submit(id: 7, tokenCount: 100, maximumTokenCount: 200)
    let first = planned(&scheduler, tokens: 64)
    #expect(first.work.map(\.rowCount) == [64])
    #expect(first.work[0].blocks.count == 4)
    #expect(!first.work[0].completes)
    #expect(first.logitRowCount == 0)
    let second = planned(&scheduler, tokens: 64)
    #expect(second.work.map(\.firstPosition) == [64])
    #expect(second.work.map(\.rowCount) == [36])
    #expect(second.work[0].completes)
  }

  @Test func decodesComeBeforeAPromptThatWouldFillTheStep() {
    var scheduler = Scheduler(blockCount: 32, blockSize: 32, maximumSlots: 4)
    scheduler.submit(id: 0, tokenCount: 300, maximumTokenCount: 310)
    scheduler.submit(id: 1, tokenCount: 4, maximumTokenCount: 40)
    scheduler.submit(id: 2, tokenCount: 4, maximumTokenCount: 40)
    _ = planned(&scheduler, tokens: 308)
    for id in 0..<3 { scheduler.append(id: UInt64(id)) }
    scheduler.submit(id: 3, tokenCount: 500, maximumTokenCount: 510)
    let plan = planned(&scheduler, tokens: 10)
    #expect(plan.work.map(\.id) == [0, 1, 2, 3])
    #expect(plan.work.map(\.rowCount) == [1, 1, 1, 7])
    #expect(plan.work.map(\.completes) == [true, true, true, false])
  }

  /// A prompt of 14 tokens arrives after prompts of 300 and 200: it gets half of the tokens, while the prompt of 200
  /// waits for the oldest.
  @Test func aShortPromptPassesALongOne() {
    var scheduler = Scheduler(blockCount: 64, blockSize: 32, maximumSlots: 4)
    scheduler.submit(id: 0, tokenCount: 300, maximumTokenCount: 310)
    scheduler.submit(id: 1, tokenCount: 200, maximumTokenCount: 210)
    #expect(planned(&scheduler, tokens: 20).work.map(\.rowCount) == [20])
    scheduler.submit(id: 2, tokenCount: 14, maximumTokenCount: 24)
    let first = planned(&scheduler, tokens: 20)
    #expect(first.work.map(\.id) == [0, 2] && first.work.map(\.rowCount) == [10, 10])
    let second = planned(&scheduler, tokens: 20)
    #expect(second.work.map(\.id) == [0, 2] && second.work.map(\.rowCount) == [16, 4])
    #expect(second.work[1].completes)
    #expect(scheduler.brokenInvariant == nil)
  }

  /// The budget for prompts does not limit decoding requests.
  @Test func promptsKeepToTheirOwnBudget() {
    var scheduler = Scheduler(blockCount: 64, blockSize: 32, maximumSlots: 8)
    for id in 0..<6 { scheduler.submit(id: UInt64(id), tokenCount: 2, maximumTokenCount: 40) }
    _ = planned(&scheduler, tokens: 64)
    for id in 0..<6 { scheduler.append(id: UInt64(id)) }
    #expect(scheduler.decodingCount == 6 && scheduler.nextPromptPosition() == nil)
    scheduler.submit(id: 9, tokenCount: 300, maximumTokenCount: 400)
    #expect(scheduler.nextPromptPosition() == 0)
    var plan = StepPlan()
    scheduler.plan(StepBudget(tokenCount: 64, promptTokenCount: 5, logitRowCount: 16), into: &plan)
    #expect(plan.work.map(\.rowCount) == [1, 1, 1, 1, 1, 1, 5])
    #expect(scheduler.nextPromptPosition() == 5)
  }

  /// What remains of a long prompt is not a short prompt.
  @Test func shortPromptsAreThoseThatBeginShort() {
    var scheduler = Scheduler(blockCount: 64, blockSize: 32, maximumSlots: 8)
    #expect(scheduler.nextShortPromptCount(limit: 128) == nil)
    scheduler.submit(id: 0, tokenCount: 128, maximumTokenCount: 140)
    #expect(scheduler.nextShortPromptCount(limit: 128) == 128)
    #expect(planned(&scheduler, tokens: 100).work.map(\.rowCount) == [100])
    #expect(scheduler.nextShortPromptCount(limit: 128) == 28)
    _ = planned(&scheduler, tokens: 100)
    scheduler.submit(id: 1, tokenCount: 150, maximumTokenCount: 160)
    #expect(scheduler.nextShortPromptCount(limit: 128) == nil)
    scheduler.append(id: 0)
    #expect(planned(&scheduler, tokens: 101).work.map(\.rowCount) == [1, 100])
    #expect(scheduler.nextShortPromptCount(limit: 128) == nil)
  }

  @Test func theYoungestLosesItsBlocksAndComputesAgain() {
    var scheduler = Scheduler(blockCount: 4, blockSize: 2, maximumSlots: 2)
    scheduler.submit(id: 0, tokenCount: 1, maximumTokenCount: 8)
    scheduler.submit(id: 1, tokenCount: 4, maximumTokenCount: 8)
    #expect(planned(&scheduler, tokens: 8).work.map(\.id) == [0, 1])
    scheduler.append(id: 0)
    scheduler.append(id: 1)  // 5 tokens: takes the last block
    #expect(planned(&scheduler, tokens: 8).preempted.isEmpty)
    scheduler.append(id: 0)  // 3 tokens: a second block
    scheduler.append(id: 1)
    let plan = planned(&scheduler, tokens: 8)
    #expect(plan.preempted == [1])
    #expect(plan.work.map(\.id) == [0])
    scheduler.remove(id: 0)
    let again = planned(&scheduler, tokens: 8)
    #expect(again.admitted == [1])
    #expect(again.work.map(\.firstPosition) == [0])
    #expect(again.work.map(\.rowCount) == [6])
  }

  @Test func admitsInOrderAndNeverOvertakes() {
    var scheduler = Scheduler(blockCount: 4, blockSize: 2, maximumSlots: 3)
    scheduler.submit(id: 0, tokenCount: 4, maximumTokenCount: 8)
    scheduler.submit(id: 1, tokenCount: 6, maximumTokenCount: 8)  // does not fit beside 0
    scheduler.submit(id: 2, tokenCount: 1, maximumTokenCount: 2)  // would
    #expect(planned(&scheduler, tokens: 16).admitted == [0])
    scheduler.remove(id: 0)
    #expect(planned(&scheduler, tokens: 16).admitted == [1])
  }

  @Test func scoredRowsKeepToTheLogitBudgetAndAreScoredOnce() {
    var scheduler = Scheduler(blockCount: 8, blockSize: 4, maximumSlots: 2)
    scheduler.submit(id: 0, tokenCount: 10, maximumTokenCount: 12, scoredCount: 9)
    var scored: [Int] = []
    var steps = 0
    while scheduler.line[0].pendingCount > 0 {
      let plan = planned(&scheduler, tokens: 8, logits: 3)
      #expect(plan.logitRowCount <= 3)
      scored += plan.work[0].scoredRows.map { $0 + plan.work[0].firstPosition }
      steps += 1
    }
    #expect(scored == Array(0..<9))
    #expect(steps == 4)
  }

  @Test func cancellingFreesTheBlocksAtOnce() {
    var scheduler = Scheduler(blockCount: 8, blockSize: 4, maximumSlots: 2)
    scheduler.submit(id: 0, tokenCount: 10, maximumTokenCount: 12)
    scheduler.submit(id: 1, tokenCount: 10, maximumTokenCount: 12)
    _ = planned(&scheduler, tokens: 4)
    #expect(scheduler.pool.usedCount == 6)
    scheduler.remove(id: 0)
    #expect(scheduler.pool.usedCount == 3)
    scheduler.remove(id: 1)
    #expect(scheduler.pool.usedCount == 0)
    #expect(scheduler.isEmpty)
  }
}
