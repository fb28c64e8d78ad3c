import CKernels
import Foundation
import Synchronization

/// The state that the threads of a `ThreadTeam` share.
// Unchecked: the job is written before `generation` is published and read after; the rest is atomic or locked.
final class TeamState: @unchecked Sendable {
  private let threadCount: Int
  private var job: TeamJob?
  private let generation = Atomic<Int>(0)
  private let pending = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let isStopping = Atomic<Bool>(false)
  private let condition = NSCondition()
  private let barrierArrivals = Atomic<Int>(0)
  private let barrierPhase = Atomic<Int>(0)

  /// Pauses before a waiting worker parks; about 50 µs.
  private static let spinLimit = 2_000
  /// Pauses before a waiting thread yields its core; about 6 µs. If no other thread wants the core, this costs
  /// almost nothing; if one does, it may be the thread that is waited for.
  private static let yieldInterval = 250

  init(threadCount: Int) { self.threadCount = threadCount }

  func start() {
    for index in 1..<max(1, threadCount) {
      NativeThread.start(named: "worker-\(index)", stackBytes: 4 << 20) { self.serve(index) }
    }
  }

  func stop() {
    isStopping.store(true, ordering: .releasing)
    publish()
  }

  func run(_ job: TeamJob) {
    self.job = job
    pending.store(threadCount - 1, ordering: .relaxed)
    publish()
    job.perform(thread: 0, count: threadCount)
    var spins = 0
    while pending.load(ordering: .acquiring) > 0 { Self.pause(&spins) }
    self.job = nil
  }

  func barrier() {
    let phase = barrierPhase.load(ordering: .acquiring)
    if barrierArrivals.add(1, ordering: .acquiringAndReleasing).newValue == threadCount {
      barrierArrivals.store(0, ordering: .relaxed)
      barrierPhase.store(phase + 1, ordering: .releasing)
      return
    }
    var spins = 0
    while barrierPhase.load(ordering: .acquiring) == phase { Self.pause(&spins) }
  }

  private static func pause(_ spins: inout Int) {
    spins += 1
    if spins % yieldInterval == 0 { sched_yield() } else { quire_spin_pause() }
  }

  private func publish() {
    generation.add(1, ordering: .sequentiallyConsistent)
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }

  private func serve(_ index: Int) {
    // This thread takes part in every generation, including one published before it started.
    var seen = 0
    while true {
      awaitGeneration(after: seen)
      seen += 1
      if isStopping.load(ordering: .acquiring) { return }
      perform(index)
      pending.subtract(1, ordering: .releasing)
    }
  }

  /// Not inlined: references held by the region must be released before the caller learns that this thread has
  /// finished.
  @inline(never)
  private func perform(_ index: Int) { job?.perform(thread: index, count: threadCount) }

  private func awaitGeneration(after seen: Int) {
    var spins = 0
    while spins < Self.spinLimit {
      if generation.load(ordering: .acquiring) != seen { return }
      Self.pause(&spins)
    }
    condition.lock()
    // Announce first, then check again: a publisher that missed the announcement has already raised the generation.
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while generation.load(ordering: .sequentiallyConsistent) == seen { condition.wait() }
    sleepers.subtract(1, ordering: .relaxed)
    condition.unlock()
  }
}
