import Dispatch
import QuireTensors
import Synchronization

/// Asks a server several things at the same time, each over a thread and a connection of its own.
package struct RemotePool: Sendable {
  package let server: RemoteServer
  /// The most requests that run together.
  package let width: Int

  package init(_ server: RemoteServer, width: Int) {
    self.server = server
    self.width = width
  }

  /// - Parameters:
  ///   - count: the number of jobs.
  ///   - job: called on other threads, the first jobs first.
  ///   - failure: turns an error of a job into the caller's.
  ///   - onFinished: called on the calling thread with each job's output, in the order in which they finish.
  ///
  /// Throws the first error, its own or that of `onFinished`; running jobs are told to end and waited for.
  package func run<Output: Sendable, Failure: Error>(
    _ count: Int, _ job: @escaping @Sendable (Int, RemoteConnection) throws(RemoteError) -> Output,
    failure: (RemoteError) -> Failure, onFinished: (Int, Output) throws(Failure) -> Void
  ) throws(Failure) {
    let shared = SharedWork<Output>(count: count)
    var threads: [NativeThread] = []
    defer {
      shared.stop.set()
      for thread in threads { thread.join() }
    }
    for _ in 0..<min(width, count) {
      do throws(NativeThread.StartFailure) {
        threads.append(try NativeThread(named: "requests") { shared.work(job) })
      } catch {
        // Fewer threads do the same.
        guard threads.isEmpty else { break }
        throw failure(.unreachable(server.address.text, found: "no thread for the requests"))
      }
    }
    for _ in 0..<count {
      let (index, result) = shared.next()
      switch result {
      case .success(let output): try onFinished(index, output)
      case .failure(let error): throw failure(error)
      }
    }
  }
}

/// The jobs of a set that are open and those that are finished.
private final class SharedWork<Output: Sendable>: Sendable {
  let stop = StopFlag()
  private let count: Int
  private let started = Mutex(0)
  private let finished = Mutex<[(index: Int, result: Result<Output, RemoteError>)]>([])
  private let signal = DispatchSemaphore(value: 0)

  init(count: Int) { self.count = count }

  /// Does one job after another until none is left.
  func work(_ job: (Int, RemoteConnection) throws(RemoteError) -> Output) {
    let connection = Result { () throws(RemoteError) in try RemoteConnection(stop: stop) }
    while !stop.isSet, let index = nextIndex() {
      let result: Result<Output, RemoteError>
      do throws(RemoteError) { result = .success(try job(index, connection.get())) } catch {
        result = .failure(error)
      }
      finished.withLock { $0.append((index, result)) }
      signal.signal()
    }
  }

  private func nextIndex() -> Int? {
    started.withLock { started in
      guard started < count else { return nil }
      defer { started += 1 }
      return started
    }
  }

  /// Waits for the next finished job.
  func next() -> (index: Int, result: Result<Output, RemoteError>) {
    signal.wait()
    return finished.withLock { $0.removeFirst() }
  }
}
