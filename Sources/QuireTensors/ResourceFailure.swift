import Foundation
import Synchronization

/// How the process ends when the system denies it memory or a thread.
///
/// Such a failure can happen at any allocation, so it is not an error that callers handle: the process ends with one
/// sentence. The program decides how, by `onFailure`; without it the sentence goes to stderr and the exit code is 1.
package enum ResourceFailure {
  package typealias Handler = @Sendable (_ sentence: String) -> Never

  private static let handler = Mutex<Handler?>(nil)

  /// Sets the function that ends the process. Called once, before any work.
  package static func onFailure(_ end: @escaping Handler) { handler.withLock { $0 = end } }

  /// Ends the process with `sentence`.
  package static func end(_ sentence: String) -> Never {
    if let handler = handler.withLock({ $0 }) { handler(sentence) }
    FileHandle.standardError.write(Data((sentence + "\n").utf8))
    _exit(1)
  }

  /// Ends the process because `byteCount` bytes cannot be allocated.
  package static func endForMemory(byteCount: Int) -> Never {
    end(
      "expected \(max(1, byteCount >> 20)) MiB of memory, found that this process may not have so much; "
        + "close other programs, raise its limit (ulimit -v, container), or choose a smaller context or fewer sequences"
    )
  }
}
