import Foundation
import Synchronization

/// Files and folders that must not outlive the process, for whoever ends it early.
///
/// Owners remove what they made when they are released; a signal or a lack of memory ends the process without that.
/// So owners register what they make, and the program calls `removeAllBeforeExit`.
package enum DisposableFiles {
  private final class Registry: @unchecked Sendable {
    // Unchecked: `paths` is protected by `lock`.
    let lock = NSLock()
    var paths: Set<String> = []
  }

  private static let registry = Registry()

  /// Registers a file or folder, which need not exist.
  package static func add(_ path: String) {
    registry.lock.withLock { _ = registry.paths.insert(path) }
  }

  /// Registers what `make` creates at a path. The process cannot end between the two: that would leave the file.
  package static func add<Made, Failure: Error>(
    _ path: String, creating make: () throws(Failure) -> Made
  ) throws(Failure) -> Made {
    try beforeExit { () throws(Failure) in
      let made = try make()
      registry.paths.insert(path)
      return made
    }
  }

  /// Does what leaves no file when it is done; the process cannot end in the midst of it. `body` must not call `add` or
  /// `forget`.
  package static func beforeExit<Outcome, Failure: Error>(
    _ body: () throws(Failure) -> Outcome
  ) throws(Failure) -> Outcome {
    registry.lock.lock()
    defer { registry.lock.unlock() }
    return try body()
  }

  /// Forgets a path that was removed, renamed, or shall stay.
  package static func forget(_ path: String) {
    registry.lock.withLock { _ = registry.paths.remove(path) }
  }

  /// Removes everything that is registered. The lock is never released: a thread that registers another file waits until
  /// the process has ended.
  ///
  /// Other threads still run. One that creates a file in a registered folder makes its removal fail, so that is repeated.
  package static func removeAllBeforeExit() {
    registry.lock.lock()
    for _ in 0..<200 {
      let remaining = registry.paths.filter(exists)
      if remaining.isEmpty { return }
      for path in remaining { try? FileManager.default.removeItem(atPath: path) }
      usleep(5000)
    }
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }
}
