import Foundation
import Synchronization

/// Files and folders that must not outlive the process, for code that ends the process early.
///
/// Owners remove their files when they are released, but a signal or a lack of memory ends the process without that.
/// So owners register their files, and the program calls `removeAllBeforeExit`.
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

  /// Registers the file that `make` creates at a path. The process cannot end between creation and registration, which
  /// would leave the file.
  package static func add<Made, Failure: Error>(
    _ path: String, creating make: () throws(Failure) -> Made
  ) throws(Failure) -> Made {
    try beforeExit { () throws(Failure) in
      let made = try make()
      registry.paths.insert(path)
      return made
    }
  }

  /// Runs `body`, which must leave no file when it returns; the process cannot end while it runs. `body` must not call
  /// `add` or `forget`.
  package static func beforeExit<Outcome, Failure: Error>(
    _ body: () throws(Failure) -> Outcome
  ) throws(Failure) -> Outcome {
    registry.lock.lock()
    defer { registry.lock.unlock() }
    return try body()
  }

  /// Unregisters a path that was removed or renamed, or that must be kept.
  package static func forget(_ path: String) {
    registry.lock.withLock { _ = registry.paths.remove(path) }
  }

  /// Removes everything that is registered. The lock is never released, so a thread that registers another file waits
  /// until the process ends.
  ///
  /// Other threads still run. If one creates a file in a registered folder, the folder's removal fails, so it is
  /// repeated.
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
