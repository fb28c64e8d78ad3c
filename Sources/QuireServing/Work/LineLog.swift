import Synchronization

/// Writes lines on a thread of its own: a reader that does not read must hold up nobody.
package final class LineLog: Sendable {
  private static let capacity = 4096

  private let lane = WorkLane(capacity: capacity)
  private let write: @Sendable (String) -> Void
  private let lostCount = Mutex(0)

  /// - Parameter write: writes one line and its end.
  package init(_ write: @escaping @Sendable (String) -> Void) {
    self.write = write
  }

  /// Throws when the system refuses the thread.
  package func start() throws(ServingError) { try lane.start(threadCount: 1) }

  /// Writes the line soon. Lines that come faster than they can be written are counted instead.
  package func add(_ line: @escaping @Sendable () -> String) {
    let isTaken = lane.add {
      let lost = self.lostCount.withLock { count in
        defer { count = 0 }
        return count
      }
      if lost > 0 { self.write("\(lost) lines were lost because they could not be written in time") }
      self.write(line())
    }
    if !isTaken { lostCount.withLock { $0 += 1 } }
  }

  /// Writes what waits and ends.
  package func stop() { lane.finish() }
}
