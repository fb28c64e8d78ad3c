import Synchronization

/// Writes lines on its own thread, so that a slow reader of the log does not block the server.
package final class LineLog: Sendable {
  private static let capacity = 4096

  private let queue = WorkerQueue(capacity: capacity)
  private let write: @Sendable (String) -> Void
  private let lostCount = Mutex(0)

  /// - Parameter write: writes one line and its end.
  package init(_ write: @escaping @Sendable (String) -> Void) {
    self.write = write
  }

  /// Throws when the system refuses the thread.
  package func start() throws(ServingError) { try queue.start(threadCount: 1) }

  /// Queues a line. Lines that arrive faster than they can be written are dropped and counted.
  package func add(_ line: @escaping @Sendable () -> String) {
    let isTaken = queue.add {
      let lost = self.lostCount.withLock { count in
        defer { count = 0 }
        return count
      }
      if lost > 0 { self.write("\(lost) lines were lost because they could not be written in time") }
      self.write(line())
    }
    if !isTaken { lostCount.withLock { $0 += 1 } }
  }

  /// Writes all queued lines and ends.
  package func stop() { queue.finish() }
}
