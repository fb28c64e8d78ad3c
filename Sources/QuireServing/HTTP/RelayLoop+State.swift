#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension RelayLoop {
  /// What the thread knows: its clients and the socket that new ones come from.
  struct State {
    /// Time in which the library lets go of what was evicted.
    private static let postponement = Duration.milliseconds(5)
    /// How long a connection may be silent before it can lose its place.
    private static let grace = Duration.milliseconds(50)

    private var listener: Int32
    private let connectionMax: Int
    private var relays: [Relay] = []
    private var queries: [pollfd] = []
    /// A client that was accepted when descriptors ran out, and when to try again.
    private var postponed: Int32?
    private var retryAt: ContinuousClock.Instant?
    private var nextTick = ContinuousClock.now
    private var stopsAt: ContinuousClock.Instant?

    init(listener: Int32, connectionMax: Int) {
      self.listener = listener
      self.connectionMax = connectionMax
    }

    // MARK: Waiting

    /// Waits until something is to be done. Returns whether a client can be accepted.
    mutating func wait(bell: Int32, milliseconds: Int32) -> Bool {
      let hasRoom = hasRoom(.now)
      let mayAccept = listener >= 0 && retryAt.map { $0 <= .now } ?? true && hasRoom
      queries.removeAll(keepingCapacity: true)
      queries.append(Socket.query(bell, reads: stopsAt == nil, writes: false, hangup: false))
      queries.append(
        Socket.query(listener, reads: mayAccept && postponed == nil, writes: false, hangup: false))
      for relay in relays { relay.addQueries(to: &queries) }
      let isRetrying = hasRoom && (retryAt != nil || postponed != nil)
      let timeout = isRetrying ? 5 : relays.isEmpty && stopsAt == nil ? -1 : milliseconds
      if poll(&queries, nfds_t(queries.count), timeout) <= 0 {
        for index in queries.indices { queries[index].revents = 0 }
      }
      return mayAccept && (postponed != nil || queries[1].revents != 0)
    }

    /// Lets each relay do what the last wait found to be done.
    mutating func proceed(_ now: ContinuousClock.Instant) {
      for (index, relay) in relays.enumerated() {
        let events = (client: queries[2 + 2 * index].revents, daemon: queries[3 + 2 * index].revents)
        guard events != (0, 0) else { continue }
        relay.proceed(clientEvents: events.client, daemonEvents: events.daemon, now: now)
      }
      relays.removeAll(where: \.isOver)
    }

    /// Whether the time for the clocks has come; they are looked at then.
    mutating func isTickDue(_ now: ContinuousClock.Instant) -> Bool {
      guard now >= nextTick else { return false }
      nextTick = now + .milliseconds(Int64(RelayLoop.tickMilliseconds))
      for relay in relays { relay.checkDeadlines(now) }
      relays.removeAll(where: \.isOver)
      return true
    }

    // MARK: Newcomers

    private func hasRoom(_ now: ContinuousClock.Instant) -> Bool {
      relays.count < connectionMax || relays.contains { $0.isIdle || $0.isStalled(now) }
    }

    /// The next client that waits, `nil` when there is none or no room.
    mutating func nextClient(_ now: ContinuousClock.Instant) -> Int32? {
      retryAt = nil
      if relays.count >= connectionMax && !evict(now) {
        retryAt = now + Self.postponement
        return nil
      }
      if let client = postponed {
        postponed = nil
        return client
      }
      guard listener >= 0 else { return nil }
      let client = systemAccept(listener)
      if client >= 0 {
        Socket.prepare(client)
        Socket.sendAtOnce(client)
        return client
      }
      if errno == EMFILE || errno == ENFILE {
        _ = evict(now)
        retryAt = now + Self.postponement
      }
      return nil
    }

    /// Keeps a client until descriptors are free.
    mutating func postpone(_ client: Int32, _ now: ContinuousClock.Instant) {
      postponed = client
      retryAt = now + Self.postponement
      _ = evict(now)
    }

    mutating func add(_ relay: Relay) { relays.append(relay) }

    /// Closes the connection that has been idle longest, or else one that its client holds up; `false` when all are
    /// at work, or so fresh that their requests may be on their way.
    private mutating func evict(_ now: ContinuousClock.Instant) -> Bool {
      let idle = relays.filter { $0.isIdle && $0.lastActivity + Self.grace < now }
      let candidates = idle.isEmpty ? relays.filter { $0.isStalled(now) } : idle
      guard let relay = candidates.min(by: { $0.lastActivity < $1.lastActivity }) else { return false }
      // An answer that the library has finished since the last wait still goes out.
      if relay.fetchAnswer(now) { return false }
      relay.end()
      relays.removeAll(where: \.isOver)
      return true
    }

    // MARK: The end

    /// Accepts nobody any more, and closes each connection once it has its last answer.
    mutating func stop() {
      if stopsAt == nil { stopsAt = .now + .seconds(1) }
      if listener >= 0 { close(listener) }
      listener = -1
      if let client = postponed { close(client) }
      postponed = nil
      for relay in relays { relay.endOnceDelivered() }
      relays.removeAll(where: \.isOver)
    }

    /// Whether, while stopping, nothing is left to be sent or the time is over.
    var isFinished: Bool { relays.isEmpty || stopsAt.map { $0 < .now } ?? false }

    mutating func end() {
      for relay in relays { relay.end() }
      relays = []
    }
  }
}

/// `accept(2)`, which a method of the same name would hide.
private func systemAccept(_ listener: Int32) -> Int32 {
  accept(listener, nil, nil)
}
