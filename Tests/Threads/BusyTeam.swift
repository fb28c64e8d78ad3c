import CKernels
import QuireTensors
import Synchronization

/// A team that works without a pause, and counts its shares.
///
/// Several such teams on the same processors suspend each other's threads, so those that wait lend their processors.
final class BusyTeam: Sendable {
  private let team: ThreadTeam
  /// How often each share was performed.
  private let visits: HostBuffer<Int>
  /// Shares whose thread had been moved to a lender's processor when they ended.
  let lentCount = Atomic<Int>(0)

  init(threadCount: Int) {
    team = ThreadTeam(threadCount: threadCount)
    visits = HostBuffer(count: threadCount * ThreadTeam.pieceLimit)
  }

  /// Runs regions until the deadline. Returns their number.
  func work(until deadline: ContinuousClock.Instant) -> Int {
    var count = 0
    while ContinuousClock.now < deadline {
      team.run(with: self, pieces: ThreadTeam.pieceLimit) { busy, share, _ in
        busy.visits[share] += 1
        BusyTeam.compute(for: .microseconds(200))
        if quire_affinity_count() == 1 { busy.lentCount.add(1, ordering: .relaxed) }
      }
      count += 1
    }
    return count
  }

  /// Whether each share was performed once in each of so many regions.
  func hasPerformedAll(_ regionCount: Int) -> Bool { visits.buffer.allSatisfy { $0 == regionCount } }

  /// Whether every thread may use so many processors, some time after the last one was lent. A thread may be lent another
  /// one meanwhile, so this is asked several times.
  func regainsProcessors(_ count: Int) -> Bool {
    (0..<50).contains { _ in
      BusyTeam.compute(for: .milliseconds(100))
      // A worker takes its processors back after a region.
      _ = fewestProcessors()
      return fewestProcessors() == count
    }
  }

  /// The fewest processors that any thread may use. Each thread performs one share, because none ends before all have
  /// begun.
  private func fewestProcessors() -> Int {
    let state = Meeting()
    let threadCount = team.threadCount
    team.run { _, _ in
      state.note(processors: Int(quire_affinity_count()))
      while state.arrivedCount < threadCount { quire_spin_pause() }
    }
    return state.fewest
  }

  private static func compute(for duration: Duration) {
    let end = ContinuousClock.now + duration
    while ContinuousClock.now < end {}
  }
}

/// What the threads of a region tell each other.
private final class Meeting: Sendable {
  private let least = Atomic<Int>(.max)
  private let arrived = Atomic<Int>(0)

  var fewest: Int { least.load(ordering: .relaxed) }
  var arrivedCount: Int { arrived.load(ordering: .acquiring) }

  func note(processors: Int) {
    least.min(processors, ordering: .relaxed)
    arrived.add(1, ordering: .acquiringAndReleasing)
  }
}
