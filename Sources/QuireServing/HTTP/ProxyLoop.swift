import QuireTensors
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Accepts clients and runs their proxies on its own thread.
///
/// Idle and stalled connections do not block new ones: at the limit, or when the system has no more descriptors, a new
/// connection replaces the one that has been idle longest, or else one that its client has stalled.
final class ProxyLoop: Sendable {
  /// Gives the library its end of a new connection; the library then owns it. `false` when it refuses.
  typealias Adoption = @Sendable (_ descriptor: Int32, _ link: ClientLink) -> Bool

  static let tickMilliseconds: Int32 = 50

  private let limits: HTTPLimits
  private let adopt: Adoption
  private let tick: @Sendable (ContinuousClock.Instant) -> Void
  private let isStopping = Atomic(false)
  /// A byte written to the second wakes the thread.
  private let bell: (Int32, Int32)
  private let thread = Mutex<NativeThread?>(nil)

  /// - Parameter tick: called about twenty times a second while clients are connected.
  init(
    limits: HTTPLimits, adopt: @escaping Adoption, tick: @escaping @Sendable (ContinuousClock.Instant) -> Void
  ) throws(ServingError) {
    guard let bell = Socket.pair() else { throw .noDescriptors }
    guard Self.canOpenConnection(like: bell.0) else {
      close(bell.0)
      close(bell.1)
      throw .noDescriptors
    }
    self.bell = bell
    self.limits = limits
    self.adopt = adopt
    self.tick = tick
  }

  /// Whether the descriptors of one connection are available: a server that can accept no client should not start.
  private static func canOpenConnection(like descriptor: Int32) -> Bool {
    let probes = (0..<3).map { _ in dup(descriptor) }
    for probe in probes where probe >= 0 { close(probe) }
    return probes.allSatisfy { $0 >= 0 }
  }

  deinit {
    close(bell.0)
    close(bell.1)
  }

  /// Starts to accept clients from `listener`. Takes ownership of it, also when it throws.
  func start(listener: Int32) throws(ServingError) {
    do {
      let thread = try NativeThread(named: "proxy") { self.run(listener) }
      self.thread.withLock { $0 = thread }
    } catch {
      close(listener)
      throw .noThread(code: error.code)
    }
  }

  /// Stops accepting, sends whole answers as long as clients read them, then closes everything. Returns when this is
  /// done.
  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    var byte: UInt8 = 0
    _ = write(bell.1, &byte, 1)
    let thread = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    thread?.join()
  }

  // MARK: The thread

  private func run(_ listener: Int32) {
    var state = State(listener: listener, connectionMax: Self.connectionMax(limits))
    while true {
      let isStopping = isStopping.load(ordering: .sequentiallyConsistent)
      if isStopping { state.stop() }
      if isStopping && state.isFinished { break }
      let canAccept = state.wait(bell: bell.0, milliseconds: Self.tickMilliseconds)
      let now = ContinuousClock.now
      state.proceed(now)
      if canAccept { accept(&state, now) }
      if state.isTickDue(now) { tick(now) }
    }
    state.end()
  }

  private func accept(_ state: inout State, _ now: ContinuousClock.Instant) {
    while let client = state.nextClient(now) {
      guard let (own, other) = Socket.pair() else {
        // The library soon closes its end of an evicted connection; then descriptors are free.
        state.postpone(client, now)
        return
      }
      let link = ClientLink()
      guard adopt(other, link) else {
        close(own)
        close(client)
        continue
      }
      state.add(ConnectionProxy(client: client, daemon: own, link: link, limits: limits, now: now))
    }
  }

  /// Descriptors that the rest of the program uses.
  private static let otherDescriptorCount = 16

  /// Each connection takes three descriptors.
  private static func connectionMax(_ limits: HTTPLimits) -> Int {
    var limit = rlimit()
    #if canImport(Glibc)
      let status = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    #else
      let status = getrlimit(RLIMIT_NOFILE, &limit)
    #endif
    guard status == 0 else { return limits.connectionCount }
    return max(2, min(limits.connectionCount, (Int(clamping: limit.rlim_cur) - otherDescriptorCount) / 3))
  }
}
