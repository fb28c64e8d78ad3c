import CKernels
import Foundation
import Synchronization

/// The state that the threads of a `ThreadTeam` share.
///
/// Regions are numbered. A share is taken by raising its claim from an earlier region's number to this one's, so each is
/// taken once, and a thread that comes too late, even one that was suspended during several regions, finds nothing.
// Unchecked: the job is written before its region is published, and read by threads that have taken a share of it, before
// the caller can go on; the rest is atomic or locked.
final class TeamState: @unchecked Sendable {
  private let threadCount: Int
  private var job: TeamJob?
  private var number = 0
  /// The number of the region and the shares for each thread (see ``Published``), in one word.
  private let published = Atomic<Int>(0)
  private let claims: UnsafeMutablePointer<Atomic<Int>>  // (share)
  private let finished = Atomic<Int>(0)
  private let isStopping = Atomic<Bool>(false)
  private let members: [TeamMember]
  private let work = SleepingThreads()
  private let end = SleepingThreads()

  /// Pauses of a waiting thread between two looks at the others; about 20 µs.
  private static let roundPauses = 500
  /// How long a thread sleeps that has lent its processor, or waits for much work.
  private static let restSeconds = 0.0002
  private static let start = ContinuousClock.now

  init(threadCount: Int) {
    self.threadCount = threadCount
    members = (0..<threadCount).map { _ in TeamMember() }
    claims = .allocate(capacity: threadCount * ThreadTeam.longPieceLimit)
    for share in 0..<threadCount * ThreadTeam.longPieceLimit { (claims + share).initialize(to: Atomic(0)) }
  }

  deinit {
    claims.deinitialize(count: threadCount * ThreadTeam.longPieceLimit)
    claims.deallocate()
  }

  func start() {
    for index in 1..<max(1, threadCount) {
      NativeThread.start(named: "worker-\(index)") { self.serve(index) }
    }
  }

  func stop() {
    isStopping.store(true, ordering: .releasing)
    publish(pieces: 1)
  }

  func run(_ job: TeamJob, pieces: Int) {
    self.job = job
    finished.store(0, ordering: .relaxed)
    let region = publish(pieces: pieces)
    perform(region, thread: 0)
    let count = threadCount * pieces
    wait(end, thread: 0) { finished.load(ordering: .sequentiallyConsistent) == count }
    self.job = nil
  }

  /// A region as threads see it.
  private struct Published {
    let number: Int
    let pieces: Int

    init(number: Int, pieces: Int) { (self.number, self.pieces) = (number, pieces) }
    init(_ word: Int) { self.init(number: word >> 8, pieces: word & 0xff) }
    var word: Int { number << 8 | pieces }
  }

  @discardableResult
  private func publish(pieces: Int) -> Published {
    number += 1
    let region = Published(number: number, pieces: pieces)
    published.store(region.word, ordering: .sequentiallyConsistent)
    work.wake()
    return region
  }

  private func serve(_ index: Int) {
    var seen = 0
    while true {
      wait(work, thread: index) { published.load(ordering: .sequentiallyConsistent) != seen }
      let region = Published(published.load(ordering: .sequentiallyConsistent))
      seen = region.word
      if isStopping.load(ordering: .acquiring) { return }
      perform(region, thread: index)
      members[index].settle()
    }
  }

  /// Performs the thread's own shares, then those that nobody has begun, from the end of each other thread's.
  private func perform(_ region: Published, thread: Int) {
    let pieces = region.pieces
    for piece in 0..<pieces { take(thread * pieces + piece, of: region, thread) }
    for step in 1..<threadCount {
      let other = (thread + step) % threadCount
      for piece in (0..<pieces).reversed() { take(other * pieces + piece, of: region, thread) }
    }
  }

  private func take(_ share: Int, of region: Published, _ thread: Int) {
    let claim = claims[share].load(ordering: .relaxed)
    guard claim < region.number,
      claims[share].compareExchange(
        expected: claim, desired: region.number, ordering: .acquiringAndReleasing
      ).exchanged
    else { return }
    members[thread].begin()
    // Last: one that was lent a processor gives it back, and the others need not wait for that.
    defer { members[thread].finish(isCaller: thread == 0) }
    perform(share: share, of: region, thread)
    let count = threadCount * region.pieces
    if finished.add(1, ordering: .sequentiallyConsistent).newValue == count { end.wake() }
  }

  /// Not inlined: references held by the region must be released before the caller learns that this share is
  /// finished.
  @inline(never)
  private func perform(share: Int, of region: Published, _ thread: Int) {
    job?.perform(share: share, count: threadCount * region.pieces, thread: thread)
  }

  /// Spins until a condition holds, then parks; helps a suspended thread meanwhile.
  private func wait(_ threads: SleepingThreads, thread: Int, until isReached: () -> Bool) {
    var plan = WaitPlan()
    while true {
      for _ in 1...Self.roundPauses {
        if isReached() { return }
        quire_spin_pause()
      }
      let work = work(besides: thread)
      switch plan.next(at: Self.start.duration(to: .now).nanoseconds, for: work) {
      case .spin: continue
      case .lend:
        if let work { members[work.member].lendProcessor() }
        threads.sleep(until: isReached, atMost: Self.restSeconds)
      case .rest: threads.sleep(until: isReached, atMost: Self.restSeconds)
      case .park: threads.sleep(until: isReached)
      }
    }
  }

  /// A thread that has begun a share, and its computing time.
  private func work(besides thread: Int) -> (member: Int, computing: Int64)? {
    for index in members.indices where index != thread {
      if let time = members[index].computingTime { return (index, time) }
    }
    return nil
  }
}

extension Duration {
  fileprivate var nanoseconds: Int64 {
    components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
  }
}

/// Threads that are parked until a condition holds.
private final class SleepingThreads: Sendable {
  private let count = Atomic<Int>(0)
  private let condition = NSCondition()

  /// After the condition was made to hold, with sequentially consistent ordering.
  func wake() {
    guard count.load(ordering: .sequentiallyConsistent) > 0 else { return }
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }

  func sleep(until isReached: () -> Bool) {
    condition.lock()
    // Announced first, then checked again: one who missed the announcement has already made the condition hold.
    count.add(1, ordering: .sequentiallyConsistent)
    while !isReached() { condition.wait() }
    count.subtract(1, ordering: .relaxed)
    condition.unlock()
  }
  /// The same, but no longer than some seconds.
  func sleep(until isReached: () -> Bool, atMost seconds: Double) {
    condition.lock()
    count.add(1, ordering: .sequentiallyConsistent)
    if !isReached() { _ = condition.wait(until: Date(timeIntervalSinceNow: seconds)) }
    count.subtract(1, ordering: .relaxed)
    condition.unlock()
  }
}
