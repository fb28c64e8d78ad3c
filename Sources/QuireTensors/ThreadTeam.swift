/// A fixed team of threads that run one function together, repeatedly.
///
///     let team = ThreadTeam(threadCount: 2)
///     team.run { share, count in work(ThreadTeam.range(of: items, share: share, count: count)) }
///
/// A region of work is cut into shares, one or several for each thread. Every thread takes its own shares first and then
/// those that others have not begun, so a thread that the system has suspended, or that runs on a slower core, holds up
/// no more than the share that it has begun; a suspended one is then lent the processor of a thread that has finished
/// (``TeamMember``). The caller is one of the threads. Others spin for some microseconds after a region, because a
/// forward pass has hundreds of them, and while others work (``WaitPlan``), then park. One caller at a time.
package final class ThreadTeam: Sendable {
  package let threadCount: Int
  // Workers hold the state, not the team, so that releasing the team stops them.
  private let state: TeamState

  /// The most shares for each thread.
  package static let pieceLimit = 4
  /// The same for regions over many rows. They take milliseconds, and where threads get unequal time each waits for a part
  /// of a share at the end.
  package static let longPieceLimit = 12
  private static let longRowCount = 32

  package init(threadCount: Int) {
    precondition(threadCount > 0)
    self.threadCount = threadCount
    state = TeamState(threadCount: threadCount)
    state.start()
  }

  deinit { state.stop() }

  /// Runs `body(share, threadCount)` once for every share and returns when all are finished. Of two shares that run at
  /// the same time, each has its own index, so that `share` may be the index of memory to work in.
  ///
  /// Allocates. In a loop that must not allocate, pass what the body needs with `run(with:)`.
  package func run(_ body: (_ share: Int, _ count: Int) -> Void) {
    guard threadCount > 1 else { return body(0, 1) }
    withoutActuallyEscaping(body) { body in
      run(with: body) { body, share, count in body(share, count) }
    }
  }

  /// Runs `body(context, share, count)` once for every share and returns when all are finished. Allocates nothing if the
  /// body captures nothing and takes everything from the context.
  ///
  /// - Parameter pieces: shares for each thread, at most ``longPieceLimit``; `count` is their number for all threads.
  package func run<Context>(
    with context: Context, pieces: Int = 1,
    _ body: @escaping (_ context: Context, _ share: Int, _ count: Int) -> Void
  ) {
    guard threadCount > 1 else { return body(context, 0, 1) }
    run(Region(context: context, body: body), pieces: pieces)
  }

  /// The same for a body that needs memory of its own: of two shares that run at the same time, each has its own `thread`,
  /// in 0 ..< `threadCount`.
  package func runOnThreads<Context>(
    with context: Context, pieces: Int = 1,
    _ body: @escaping (_ context: Context, _ share: Int, _ count: Int, _ thread: Int) -> Void
  ) {
    guard threadCount > 1 else { return body(context, 0, 1, 0) }
    run(ThreadRegion(context: context, body: body), pieces: pieces)
  }

  private func run<Kind: TeamRegion>(_ region: Kind, pieces: Int) {
    precondition((1...Self.longPieceLimit).contains(pieces), "\(pieces) pieces")
    withUnsafePointer(to: region) { region in
      state.run(TeamJob(kind: Kind.self, region: region), pieces: pieces)
    }
  }

  /// One share of `0..<items`: contiguous, with sizes differing by at most one.
  package static func range(of items: Int, share: Int, count: Int) -> Range<Int> {
    items * share / count..<items * (share + 1) / count
  }

  /// One share of `0..<items` of a region over many rows. A thread begins with its largest share and ends with its smallest,
  /// which is what others may have to wait for.
  package func taperedRange(of items: Int, share: Int, count: Int) -> Range<Int> {
    let pieces = count / threadCount
    let own = Self.range(of: items, share: share / pieces, count: threadCount)
    // The sizes are as pieces, pieces - 1, … 1.
    func bound(_ piece: Int) -> Int {
      own.lowerBound + own.count * piece * (2 * pieces + 1 - piece) / (pieces * (pieces + 1))
    }
    return bound(share % pieces)..<bound(share % pieces + 1)
  }

  /// Whether a region over so many rows takes long.
  package static func isLong(rows: Int) -> Bool { rows >= longRowCount }

  /// Shares for each thread of `items`, computed for some rows, that are each worth the price of taking a share.
  package func pieces(of items: Int, rows: Int = 1) -> Int {
    Self.isLong(rows: rows)
      ? min(max(1, items / threadCount), Self.longPieceLimit)
      : min(max(1, items / (4 * threadCount)), Self.pieceLimit)
  }
}

/// A function and its context, on the stack of the thread that called `run`.
private struct Region<Context>: TeamRegion {
  let context: Context
  let body: (Context, Int, Int) -> Void

  static func perform(_ region: UnsafeRawPointer, share: Int, count: Int, thread: Int) {
    let region = region.assumingMemoryBound(to: Self.self)
    region.pointee.body(region.pointee.context, share, count)
  }
}

/// The same for a body that takes the index of its thread.
private struct ThreadRegion<Context>: TeamRegion {
  let context: Context
  let body: (Context, Int, Int, Int) -> Void

  static func perform(_ region: UnsafeRawPointer, share: Int, count: Int, thread: Int) {
    let region = region.assumingMemoryBound(to: Self.self)
    region.pointee.body(region.pointee.context, share, count, thread)
  }
}

/// Regions of all context types. Their type carries the function to run, which, unlike a closure, takes no memory.
protocol TeamRegion {
  static func perform(_ region: UnsafeRawPointer, share: Int, count: Int, thread: Int)
}

/// A region of one context type.
struct TeamJob {
  let kind: any TeamRegion.Type
  let region: UnsafeRawPointer

  func perform(share: Int, count: Int, thread: Int) {
    kind.perform(region, share: share, count: count, thread: thread)
  }
}
