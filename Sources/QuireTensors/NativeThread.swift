import CKernels
import Foundation

/// The only way to start a thread: one that cannot be started ends the process with a sentence.
///
/// `Foundation.Thread` does not report a failed start, and waiting for such a thread never ends.
package enum NativeThread {
  /// Starts a thread that runs `body` once and then ends.
  ///
  /// - Parameters:
  ///   - name: for debuggers; the system keeps 15 bytes of it.
  ///   - stackBytes: address space for its stack; pages that it does not use cost no memory.
  package static func start(
    named name: String, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void
  ) {
    let context = Unmanaged.passRetained(Body(name: name, run: body)).toOpaque()
    let failure = quire_start_thread(stackBytes, entry, context)
    guard failure != 0 else { return }
    Unmanaged<Body>.fromOpaque(context).release()
    let reason = String(cString: strerror(failure)).lowercased()
    ResourceFailure.end(
      "expected to start the thread \(name), found: \(reason); "
        + "raise the limits on processes and memory (ulimit -u, ulimit -v, container), or choose fewer --threads"
    )
  }

  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }
  }

  /// Runs on the new thread.
  private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context else { return }
    let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
    quire_name_thread(body.name)
    body.run()
  }
}
