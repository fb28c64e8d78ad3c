import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What stage an open connection is in; each has its own clock.
enum ConnectionStage: Equatable {
  /// The headers of a request are awaited or incomplete.
  case headers
  /// The headers are complete, the body is not.
  case body
  /// The request is complete, its answer is not.
  case answer
}

/// How long a connection may stay in a stage, in seconds, however busily it trickles bytes.
struct StageDeadlines: Sendable {
  /// Opening to the end of the first request's headers.
  var headerSeconds: Double
  /// End of headers to end of body.
  var bodySeconds: Double
  /// End of an answer to the end of the next request's headers.
  var idleSeconds: Double
}

/// Open connections of a server: what the library does not watch itself is found here.
///
/// The library is blind to a suspended connection and knows only a limit on inactivity. So `sweep` looks at
/// the socket of every connection that waits for its answer, and at the clock of every other. A socket is
/// looked at only under the lock, and an entry is removed before the library closes its socket: a descriptor
/// that has been reused is never mistaken for the old connection.
final class ConnectionTable: Sendable {
  /// Names a connection; never reused.
  typealias ID = Int

  private struct Entry {
    let descriptor: Int32
    var stage = ConnectionStage.headers
    var deadline: ContinuousClock.Instant?
    var exchange: HTTPExchange?
  }

  private struct Guarded {
    var entries: [ID: Entry] = [:]
    var nextID = 1
  }

  private let deadlines: StageDeadlines
  private let guarded = Mutex(Guarded())

  init(deadlines: StageDeadlines) {
    self.deadlines = deadlines
  }

  // MARK: The daemon's thread reports

  func open(descriptor: Int32) -> ID {
    guarded.withLock { state in
      let id = state.nextID
      state.nextID += 1
      let deadline = ContinuousClock.now + .seconds(deadlines.headerSeconds)
      state.entries[id] = Entry(descriptor: descriptor, deadline: deadline)
      return id
    }
  }

  func close(_ id: ID) {
    guarded.withLock { _ = $0.entries.removeValue(forKey: id) }
  }

  func headersComplete(_ id: ID, exchange: HTTPExchange) {
    guarded.withLock { state in
      state.entries[id]?.stage = .body
      state.entries[id]?.deadline = ContinuousClock.now + .seconds(deadlines.bodySeconds)
      state.entries[id]?.exchange = exchange
    }
  }

  func bodyComplete(_ id: ID) {
    guarded.withLock { state in
      state.entries[id]?.stage = .answer
      state.entries[id]?.deadline = nil
    }
  }

  func exchangeComplete(_ id: ID) {
    guarded.withLock { state in
      state.entries[id]?.stage = .headers
      state.entries[id]?.deadline = ContinuousClock.now + .seconds(deadlines.idleSeconds)
      state.entries[id]?.exchange = nil
    }
  }

  // MARK: Others ask

  /// Requests that are complete and wait for their answer.
  var unansweredCount: Int {
    guarded.withLock { state in state.entries.values.count { $0.stage == .answer } }
  }

  /// Every request that the library has not completed.
  var exchanges: [HTTPExchange] {
    guarded.withLock { state in state.entries.values.compactMap(\.exchange) }
  }

  /// Ends connections that are past their deadline (the library then finds them closed), and returns the
  /// exchanges whose client has left.
  func sweep(now: ContinuousClock.Instant) -> [HTTPExchange] {
    guarded.withLock { state in
      var departed: [HTTPExchange] = []
      for entry in state.entries.values {
        if let deadline = entry.deadline, deadline < now {
          shutdown(entry.descriptor, Int32(SHUT_RDWR))
        } else if entry.stage == .answer, let exchange = entry.exchange, Self.peerLeft(entry.descriptor) {
          departed.append(exchange)
        }
      }
      return departed
    }
  }

  /// Whether the other end closed or reset the connection. A client that only shuts down its sending half
  /// looks the same and is treated the same. Bytes waiting to be read are a pipelined request, not an end.
  private static func peerLeft(_ descriptor: Int32) -> Bool {
    var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&query, 1, 0) > 0 else { return false }
    if query.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 { return true }
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)
  }
}
