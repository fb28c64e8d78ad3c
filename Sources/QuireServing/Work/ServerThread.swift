#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A thread whose creation can throw. Foundation's `Thread` and Dispatch queues report nothing when the system
/// refuses a thread, and their work never runs.
///
///     let thread = try ServerThread { … }
///     thread.join()  // once, after the body was asked to end
struct ServerThread: Sendable {
  private let thread: pthread_t

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts the thread. The caller must join it.
  init(_ run: @escaping @Sendable () -> Void) throws(ServingError) {
    let body = Unmanaged.passRetained(Body(run))
    #if canImport(Glibc)
      var thread = pthread_t()
      let status = pthread_create(
        &thread, nil,
        { context in
          if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
          return nil
        }, body.toOpaque())
      let started: pthread_t? = status == 0 ? thread : nil
    #else
      var thread: pthread_t?
      let status = pthread_create(
        &thread, nil,
        { context in
          Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
          return nil
        }, body.toOpaque())
      let started = status == 0 ? thread : nil
    #endif
    guard let started else {
      body.release()
      throw .noThread(code: status)
    }
    self.thread = started
  }

  func join() {
    pthread_join(thread, nil)
  }
}
