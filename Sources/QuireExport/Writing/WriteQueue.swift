import Dispatch
import QuireTensors
import Synchronization

/// Writes pieces of a file in order, each on a thread of its own while the caller computes the next one.
///
///     let queue = WriteQueue { bytes in … }
///     try queue.add(bytes, of: buffer)     // returns when the piece before this one is written
///     try queue.finish()
///
/// So a caller that alternates between two buffers may fill the other one after `add`. For one caller at a time.
final class WriteQueue {
  typealias Write = @Sendable (UnsafeRawBufferPointer) throws(ExportError) -> Void

  private let write: Write
  private var current: Writing?

  /// - Parameter write: called by one thread at a time.
  init(_ write: @escaping Write) { self.write = write }

  /// The failure that an error elsewhere precedes is of no use, but its thread still uses the file.
  deinit { _ = current?.wait() }

  /// Begins to write `bytes`, which belong to `owner` and must stay as they are until the next call has returned. Throws
  /// when an earlier piece could not be written.
  func add(_ bytes: UnsafeRawBufferPointer, of owner: AnyObject) throws(ExportError) {
    try finish()
    current = Writing(bytes, of: owner, write)
  }

  /// Waits until everything is written; throws when it could not be.
  func finish() throws(ExportError) {
    guard let writing = current else { return }
    current = nil
    if let failure = writing.wait() { throw failure }
  }

  private final class Writing: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let failure = Mutex<ExportError?>(nil)

    init(_ bytes: UnsafeRawBufferPointer, of owner: AnyObject, _ write: @escaping Write) {
      // The caller leaves the bytes alone until this thread is done.
      nonisolated(unsafe) let (bytes, owner) = (bytes, owner)
      nonisolated(unsafe) var pending: Write? = write
      NativeThread.start(named: "export-writer") {
        do throws(ExportError) { try pending?(bytes) } catch { self.failure.withLock { $0 = error } }
        withExtendedLifetime(owner) {}
        // Released here, so that the file is closed, and removed if it is incomplete, by the thread that waits and not by
        // this one some time later.
        pending = nil
        self.done.signal()
      }
    }

    /// Waits for the end; nil when everything was written. Call it once.
    func wait() -> ExportError? {
      done.wait()
      return failure.withLock { $0 }
    }
  }
}
