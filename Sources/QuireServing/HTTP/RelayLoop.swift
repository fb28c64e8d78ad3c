import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Accepts clients and runs their relays, on one thread of its own.
///
/// Connections that say nothing keep nobody out: when all are taken, or the system has no more descriptors, a
/// newcomer takes over from the one that has been idle longest, or from one that its client has held up.
final class RelayLoop: Sendable {
  /// Gives the library's end of a new connection to the library, which owns it from here on; `false` when it
  /// refuses.
  typealias Adoption = @Sendable (_ descriptor: Int32, _ link: ClientLink) -> Bool

  static let tickMilliseconds: Int32 = 50

  private let limits: HTTPLimits
  private let adopt: Adoption
  private let tick: @Sendable (ContinuousClock.Instant) -> Void
  private let isStopping = Atomic(false)
  /// A byte written to the second wakes the thread.
  private let bell: (Int32, Int32)
  private let thread = Mutex<ServerThread?>(nil)

  /// - Parameter tick: called some twenty times a second while clients are connected.
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

  /// Whether the descriptors of a connection can be had: a server that can accept nobody should not start.
  private static func canOpenConnection(like descriptor: Int32) -> Bool {
    let probes = (0..<3).map { _ in dup(descriptor) }
    for probe in probes where probe >= 0 { close(probe) }
    return probes.allSatisfy { $0 >= 0 }
  }

  deinit {
    close(bell.0)
    close(bell.1)
  }

  /// Accepts from `listener` on, which it owns then, also when it throws.
  func start(listener: Int32) throws(ServingError) {
    do {
      let thread = try ServerThread { self.run(listener) }
      self.thread.withLock { $0 = thread }
    } catch {
      close(listener)
      throw error
    }
  }

  /// Stops accepting, lets answers that the library has given go out for a second, closes everything and waits for
  /// that.
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
        // The library closes what it had of an evicted connection soon; then there is room.
        state.postpone(client, now)
        return
      }
      let link = ClientLink()
      guard adopt(other, link) else {
        close(own)
        close(client)
        continue
      }
      state.add(Relay(client: client, daemon: own, link: link, limits: limits, now: now))
    }
  }

  /// What the rest of the program has open.
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
