#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension ProxyLoop {
  /// State of the proxy thread: its clients and the listening socket.
  struct State {
    /// Time that the library needs to close an evicted connection.
    private static let postponement = Duration.milliseconds(5)
    /// How long a connection must be idle before it may be evicted.
    private static let grace = Duration.milliseconds(50)

    private var listener: Int32
    private let connectionMax: Int
    private var proxies: [ConnectionProxy] = []
    private var queries: [pollfd] = []
    /// A client that was accepted when no descriptors were left, and when to try again.
    private var postponed: Int32?
    private var retryAt: ContinuousClock.Instant?
    private var nextTick = ContinuousClock.now
    private var stoppedAt: ContinuousClock.Instant?
    /// When stopping, a client that has taken nothing for this long loses the rest of its answer.
    private static let unreadPatience = Duration.seconds(2)
    /// When stopping, how long all answers may take, however slowly clients read them.
    private static let deliveryPatience = Duration.seconds(10)

    init(listener: Int32, connectionMax: Int) {
      self.listener = listener
      self.connectionMax = connectionMax
    }

    // MARK: Waiting

    /// Waits for an event. Returns whether a client can be accepted.
    mutating func wait(bell: Int32, milliseconds: Int32) -> Bool {
      let canAdd = canAdd(.now)
      let mayAccept = listener >= 0 && retryAt.map { $0 <= .now } ?? true && canAdd
      queries.removeAll(keepingCapacity: true)
      queries.append(Socket.query(bell, reads: stoppedAt == nil, writes: false, hangup: false))
      queries.append(
        Socket.query(listener, reads: mayAccept && postponed == nil, writes: false, hangup: false))
      for proxy in proxies { proxy.addQueries(to: &queries) }
      let isRetrying = canAdd && (retryAt != nil || postponed != nil)
      let timeout = isRetrying ? 5 : proxies.isEmpty && stoppedAt == nil ? -1 : milliseconds
      if poll(&queries, nfds_t(queries.count), timeout) <= 0 {
        for index in queries.indices { queries[index].revents = 0 }
      }
      return mayAccept && (postponed != nil || queries[1].revents != 0)
    }

    /// Lets each proxy handle the events of the last wait.
    mutating func proceed(_ now: ContinuousClock.Instant) {
      for (index, proxy) in proxies.enumerated() {
        let events = (client: queries[2 + 2 * index].revents, daemon: queries[3 + 2 * index].revents)
        guard events != (0, 0) else { continue }
        proxy.proceed(clientEvents: events.client, daemonEvents: events.daemon, now: now)
      }
      proxies.removeAll(where: \.isOver)
    }

    /// Whether a tick is due; if so, checks the deadlines.
    mutating func isTickDue(_ now: ContinuousClock.Instant) -> Bool {
      guard now >= nextTick else { return false }
      nextTick = now + .milliseconds(Int64(ProxyLoop.tickMilliseconds))
      for proxy in proxies { proxy.checkDeadlines(now) }
      proxies.removeAll(where: \.isOver)
      return true
    }

    // MARK: New clients

    private func canAdd(_ now: ContinuousClock.Instant) -> Bool {
      proxies.count < connectionMax || proxies.contains { $0.isIdle || $0.isStalled(now) }
    }

    /// The next waiting client; `nil` when there is none or no free connection.
    mutating func nextClient(_ now: ContinuousClock.Instant) -> Int32? {
      retryAt = nil
      if proxies.count >= connectionMax && !evict(now) {
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

    /// Holds a client until descriptors are free.
    mutating func postpone(_ client: Int32, _ now: ContinuousClock.Instant) {
      postponed = client
      retryAt = now + Self.postponement
      _ = evict(now)
    }

    mutating func add(_ proxy: ConnectionProxy) { proxies.append(proxy) }

    /// Closes the connection that has been idle longest, or else one that its client has stalled; `false` when all are
    /// busy, or so new that their requests may not have arrived yet.
    private mutating func evict(_ now: ContinuousClock.Instant) -> Bool {
      let idle = proxies.filter { $0.isIdle && $0.lastActivity + Self.grace < now }
      let candidates = idle.isEmpty ? proxies.filter { $0.isStalled(now) } : idle
      guard let proxy = candidates.min(by: { $0.lastActivity < $1.lastActivity }) else { return false }
      // An answer that the library has finished since the last wait still goes out.
      if proxy.fetchAnswer(now) { return false }
      proxy.end()
      proxies.removeAll(where: \.isOver)
      return true
    }

    // MARK: The end

    /// Accepts no more clients, and closes each connection after its last answer.
    mutating func stop() {
      if stoppedAt == nil { stoppedAt = .now }
      if listener >= 0 { close(listener) }
      listener = -1
      if let client = postponed { close(client) }
      postponed = nil
      for proxy in proxies { proxy.endOnceDelivered() }
      proxies.removeAll(where: \.isOver)
    }

    /// Whether, while stopping, all answers are sent or the time is over.
    var isFinished: Bool {
      guard let stoppedAt, !proxies.isEmpty else { return true }
      let now = ContinuousClock.now
      return stoppedAt + Self.deliveryPatience < now
        || proxies.allSatisfy { max($0.lastWrite, stoppedAt) + Self.unreadPatience < now }
    }

    mutating func end() {
      for proxy in proxies { proxy.end() }
      proxies = []
    }
  }
}

/// `accept(2)`, which a method of the same name shadows.
private func systemAccept(_ listener: Int32) -> Int32 {
  accept(listener, nil, nil)
}
