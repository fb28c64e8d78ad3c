/// A fixed team of threads that run one function together, again and again.
///
///     let team = ThreadTeam(threadCount: 2)
///     team.run { thread, count in work(ThreadTeam.range(of: items, thread: thread, count: count)) }
///
/// The caller is thread 0. Work is split statically by the caller; workers spin for a few microseconds after a region,
/// because a forward pass has hundreds of them, then park. One caller at a time.
package final class ThreadTeam: Sendable {
  package let threadCount: Int
  // Workers hold the state, not the team, so that releasing the team stops them.
  private let state: TeamState

  package init(threadCount: Int) {
    precondition(threadCount > 0)
    self.threadCount = threadCount
    state = TeamState(threadCount: threadCount)
    state.start()
  }

  deinit { state.stop() }

  /// Runs `body(thread, threadCount)` on every thread and returns when all have finished.
  package func run(_ body: (_ thread: Int, _ count: Int) -> Void) {
    guard threadCount > 1 else { return body(0, 1) }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { state.run($0) }
    }
  }

  /// Inside `run`: waits until every thread of the team has come here.
  package func barrier() {
    if threadCount > 1 { state.barrier() }
  }

  /// The share of `0..<items` that falls to a thread: contiguous, sizes differing by one at most.
  package static func range(of items: Int, thread: Int, count: Int) -> Range<Int> {
    items * thread / count..<items * (thread + 1) / count
  }
}
