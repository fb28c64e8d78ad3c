/// Where requests with a body are worked on: JSON, templates and tokenization take a second for each megabyte or
/// so. Large bodies have a thread of their own, so that they neither hold up the small ones nor take more than one
/// core from the model.
final class RequestWork: Sendable {
  /// Bodies above this are large. Bytes.
  static let largeBodyBytes = 256 << 10

  private let small = WorkLane(capacity: 1024)
  private let large = WorkLane(capacity: 64)

  func start() throws(ServingError) {
    try small.start(threadCount: 2)
    try large.start(threadCount: 1)
  }

  /// Performs `job` on a thread for bodies of that size. Throws when too much waits there already.
  func add(byteCount: Int, _ job: @escaping WorkLane.Job) throws(ServingError) {
    let lane = byteCount > Self.largeBodyBytes ? large : small
    guard lane.add(job) else {
      throw .rejected(
        .unavailable(
          "expected room for one more request to be read, found too many that wait; try again later",
          code: "overloaded", retryAfterSeconds: 1))
    }
  }

  func stop() {
    small.stop()
    large.stop()
  }
}
