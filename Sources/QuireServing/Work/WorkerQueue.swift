import Dispatch
import QuireTensors
import Synchronization

/// A queue of jobs, run in order of arrival on its own threads.
final class WorkerQueue: Sendable {
  typealias Job = @Sendable () -> Void

  private struct Guarded {
    var jobs: [Job] = []
    /// No more jobs are accepted, and the threads end when none is left.
    var isStopped = false
  }

  private let capacity: Int
  private let guarded = Mutex(Guarded())
  private let bell = DispatchSemaphore(value: 0)
  private let threads = Mutex<[NativeThread]>([])

  /// - Parameter capacity: number of jobs that may wait.
  init(capacity: Int) {
    self.capacity = capacity
  }

  /// Throws when the system refuses a thread; threads that were already started then run until `stop`.
  func start(threadCount: Int) throws(ServingError) {
    for _ in 0..<threadCount {
      do {
        let thread = try NativeThread(named: "worker") { self.run() }
        threads.withLock { $0.append(thread) }
      } catch {
        throw .noThread(code: error.code)
      }
    }
  }

  /// `false` when the queue is full.
  func add(_ job: @escaping Job) -> Bool {
    let isTaken = guarded.withLock { state in
      guard state.jobs.count < capacity, !state.isStopped else { return false }
      state.jobs.append(job)
      return true
    }
    if isTaken { bell.signal() }
    return isTaken
  }

  /// Ends the threads after their current jobs; waiting jobs are dropped.
  func stop() {
    guarded.withLock { $0.jobs = [] }
    finish()
  }

  /// Ends the threads after all jobs that were added.
  func finish() {
    guarded.withLock { $0.isStopped = true }
    let stopped = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for _ in stopped { bell.signal() }
    for thread in stopped { thread.join() }
  }

  private func run() {
    while true {
      bell.wait()
      let (job, isOver) = guarded.withLock { state -> (Job?, Bool) in
        (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isStopped)
      }
      if let job {
        job()
      } else if isOver {
        return
      }
    }
  }
}
