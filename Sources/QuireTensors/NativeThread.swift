import CKernels
import Foundation

/// A thread of the system. All threads but those of libraries, such as libmicrohttpd, are started here.
///
/// `Foundation.Thread` and Dispatch queues do not report that the system refused a thread, and waiting for their work
/// then never ends.
///
///     NativeThread.start(named: "signals") { … }              // ends the process where no thread can be had
///     let thread = try NativeThread(named: "proxy") { … }     // throws there
///     thread.join()                                           // once, after the body was asked to end
package struct NativeThread: Sendable {
  /// The system refused a thread.
  package struct StartFailure: Error {
    /// The number of the error (`errno`).
    package let code: Int32
  }

  private let handle: UInt

  /// Starts a thread that runs `body` once. The caller must join it.
  ///
  /// - Parameters:
  ///   - name: for debuggers; the system keeps 15 bytes of it.
  ///   - stackBytes: address space for its stack; unused pages cost no memory.
  package init(
    named name: String, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void
  ) throws(StartFailure) {
    var handle: UInt = 0
    let failure = Self.begin(name, stackBytes, &handle, body)
    guard failure == 0 else { throw StartFailure(code: failure) }
    self.handle = handle
  }

  /// Waits for the end of the thread.
  package func join() { quire_join_thread(handle) }

  /// Starts a thread that runs `body` once and that nobody waits for. Ends the process with a sentence when it cannot be
  /// started.
  package static func start(
    named name: String, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void
  ) {
    let failure = begin(name, stackBytes, nil, body)
    guard failure != 0 else { return }
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

  private static func begin(
    _ name: String, _ stackBytes: Int, _ handle: UnsafeMutablePointer<UInt>?,
    _ body: @escaping @Sendable () -> Void
  ) -> Int32 {
    let context = Unmanaged.passRetained(Body(name: name, run: body)).toOpaque()
    let failure = quire_start_thread(stackBytes, entry, context, handle)
    if failure != 0 { Unmanaged<Body>.fromOpaque(context).release() }
    return failure
  }

  /// Runs on the new thread.
  private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context else { return }
    let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
    quire_name_thread(body.name)
    body.run()
  }
}
