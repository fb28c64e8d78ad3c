/// A fixed team of threads that run one function together, repeatedly.
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
  ///
  /// Allocates. In a loop that must not allocate, pass what the body needs with `run(with:)`.
  package func run(_ body: (_ thread: Int, _ count: Int) -> Void) {
    guard threadCount > 1 else { return body(0, 1) }
    withoutActuallyEscaping(body) { body in
      run(with: body) { body, thread, count in body(thread, count) }
    }
  }

  /// Runs `body(context, thread, threadCount)` on every thread and returns when all have finished. Allocates
  /// nothing if the body captures nothing and takes everything from the context.
  package func run<Context>(
    with context: Context, _ body: @escaping (_ context: Context, _ thread: Int, _ count: Int) -> Void
  ) {
    guard threadCount > 1 else { return body(context, 0, 1) }
    withUnsafePointer(to: Region(context: context, body: body)) { region in
      state.run(TeamJob(kind: Region<Context>.self, region: region))
    }
  }

  /// Inside `run`: waits until every thread of the team has called it (a barrier).
  package func barrier() {
    if threadCount > 1 { state.barrier() }
  }

  /// One thread's share of `0..<items`: contiguous, with sizes differing by at most one.
  package static func range(of items: Int, thread: Int, count: Int) -> Range<Int> {
    items * thread / count..<items * (thread + 1) / count
  }
}

/// A function and its context, on the stack of the thread that called `run`.
private struct Region<Context>: TeamRegion {
  let context: Context
  let body: (Context, Int, Int) -> Void

  static func perform(_ region: UnsafeRawPointer, thread: Int, count: Int) {
    let region = region.assumingMemoryBound(to: Self.self)
    region.pointee.body(region.pointee.context, thread, count)
  }
}

/// Regions of all context types. Their type carries the function to run, which, unlike a closure, takes no memory.
protocol TeamRegion {
  static func perform(_ region: UnsafeRawPointer, thread: Int, count: Int)
}

/// A region of one context type.
struct TeamJob {
  let kind: any TeamRegion.Type
  let region: UnsafeRawPointer

  func perform(thread: Int, count: Int) { kind.perform(region, thread: thread, count: count) }
}
