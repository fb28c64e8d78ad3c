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
    /// Files and folders that were renamed to their names, complete.
    var finished: Set<String> = []
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

  /// Runs `rename`, which gives a complete file or folder its name. The process cannot end between that and its
  /// registration as finished, so what is said of it at the end is true.
  package static func finish<Failure: Error>(
    _ temporaryPath: String, as path: String, rename: () throws(Failure) -> Void
  ) throws(Failure) {
    try beforeExit { () throws(Failure) in
      try rename()
      registry.paths.remove(temporaryPath)
      registry.finished.insert(path)
    }
  }

  /// Unregisters a path that was removed or that must be kept.
  package static func forget(_ path: String) {
    registry.lock.withLock { _ = registry.paths.remove(path) }
  }

  /// Removes everything that is registered, and returns the paths of what was finished. The lock is never released, so a
  /// thread that registers or finishes another file waits until the process ends.
  ///
  /// Other threads still run. If one creates a file in a registered folder, the folder's removal fails, so it is
  /// repeated.
  @discardableResult
  package static func removeAllBeforeExit() -> Set<String> {
    registry.lock.lock()
    for _ in 0..<200 {
      let remaining = registry.paths.filter(exists)
      if remaining.isEmpty { break }
      for path in remaining { try? FileManager.default.removeItem(atPath: path) }
      usleep(5000)
    }
    return registry.finished
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }
}
