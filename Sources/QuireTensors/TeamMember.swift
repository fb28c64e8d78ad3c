import CKernels
import Synchronization

/// A thread of a team as the others see it: whether it has begun a share, and what it takes to move it to another
/// processor if it is suspended meanwhile.
///
/// Another program on its processor can suspend a thread for milliseconds, and all wait for the share that it has begun.
/// One that has nothing left to do then lends its own processor: the suspended thread continues there at once, and goes
/// back when the share is finished.
// Unchecked: `placement`, `isKeptOff` and `lentAt` belong to the thread that has moved `state` to `moving` until it moves
// it on, otherwise to the member's own thread; the rest is atomic.
package final class TeamMember: @unchecked Sendable {
  private enum State {
    static let free = 0
    static let busy = 1
    static let moving = 2
    static let moved = 3
  }

  private let state = Atomic<Int>(State.free)
  private let thread = Atomic<Int32>(0)
  private var placement = quire_placement()
  private var isKeptOff = false
  private var lentAt = ContinuousClock.now

  package init() {}

  /// On the thread itself, before a share.
  package func begin() {
    thread.store(quire_thread_id(), ordering: .relaxed)
    placement.came_from = quire_processor()
    state.store(State.busy, ordering: .releasing)
  }

  /// On the thread itself, after a share. The caller of a team stays on the processor that it was lent; a worker goes
  /// back and is kept off that processor for a while, because the system would move it there again.
  package func finish(isCaller: Bool) {
    // A lender that could not move the thread puts `busy` back, and another one may find that before this thread does.
    while true {
      let change = state.compareExchange(
        expected: State.busy, desired: State.free, ordering: .acquiringAndReleasing)
      if change.exchanged { return }
      if change.original == State.moved { break }
      quire_spin_pause()
    }
    if isCaller { quire_free_placement(&placement) } else { quire_return_processor(&placement) }
    isKeptOff = !isCaller
    state.store(State.free, ordering: .releasing)
  }

  /// On the thread itself, between regions: lets it use all processors again some time after it was moved.
  package func settle(after pause: Duration = .milliseconds(100)) {
    guard isKeptOff, lentAt.duration(to: .now) >= pause else { return }
    isKeptOff = false
    quire_free_placement(&placement)
  }

  /// Nanoseconds of computing of a thread that has begun a share; nil for another, and where that cannot be asked.
  package var computingTime: Int64? {
    guard state.load(ordering: .acquiring) == State.busy else { return nil }
    let time = quire_thread_time(thread.load(ordering: .relaxed))
    return time < 0 ? nil : time
  }

  /// Moves the thread to the processor of the calling thread if it is still in a share.
  package func lendProcessor() {
    let change = state.compareExchange(
      expected: State.busy, desired: State.moving, ordering: .acquiringAndReleasing)
    guard change.exchanged else { return }
    let thread = thread.load(ordering: .relaxed)
    let isMoved = quire_lend_processor(thread, &placement, isKeptOff ? 1 : 0) != 0
    if isMoved { lentAt = .now }
    state.store(isMoved ? State.moved : State.busy, ordering: .releasing)
  }
}
