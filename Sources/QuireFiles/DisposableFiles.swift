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

  /// Forgets a path that was removed, renamed, or shall stay.
  package static func forget(_ path: String) {
    registry.lock.withLock { _ = registry.paths.remove(path) }
  }

  /// Removes everything that is registered. The lock is never released: who would make another file now waits, and the
  /// process ends under him.
  package static func removeAllBeforeExit() {
    registry.lock.lock()
    for path in registry.paths { try? FileManager.default.removeItem(atPath: path) }
  }
}
