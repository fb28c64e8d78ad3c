/// Threads that process requests with a body: JSON, templates and tokenization take about a second per megabyte.
/// Large bodies have one thread of their own, so that they neither delay small ones nor take more than one core
/// from the model.
final class RequestWork: Sendable {
  /// Bodies of more bytes than this are large.
  static let largeBodyBytes = 256 << 10

  private let small = WorkerQueue(capacity: 1024)
  private let large = WorkerQueue(capacity: 64)

  func start() throws(ServingError) {
    try small.start(threadCount: 2)
    try large.start(threadCount: 1)
  }

  /// Runs `job` on a thread for bodies of that size. Throws when its queue is full.
  func add(byteCount: Int, _ job: @escaping WorkerQueue.Job) throws(ServingError) {
    let queue = byteCount > Self.largeBodyBytes ? large : small
    guard queue.add(job) else {
      throw .rejected(
        .unavailable(
          "expected a free entry in the queue of requests to read, found it full; try again later",
          code: "overloaded", retryAfterSeconds: 1))
    }
  }

  func stop() {
    small.stop()
    large.stop()
  }
}
