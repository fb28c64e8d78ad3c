import Synchronization

/// Lends encoders with their caches, so that threads encode in parallel without waiting for each other.
final class EncoderPool: Sendable {
  /// A few are enough for a server; more would only use memory.
  private static let idleCountMax = 8

  private let merges: MergeTable
  private let byteIDs: [Int32]
  /// The lock is held for a push or a pop only.
  private let idle = Mutex<[BytePairEncoder]>([])

  init(merges: MergeTable, byteIDs: [Int32]) {
    self.merges = merges
    self.byteIDs = byteIDs
  }

  /// Runs `body` with exclusive use of an encoder.
  func withEncoder<Result>(_ body: (BytePairEncoder) -> Result) -> Result {
    let encoder = idle.withLock { $0.popLast() } ?? BytePairEncoder(merges: merges, byteIDs: byteIDs)
    defer { idle.withLock { if $0.count < Self.idleCountMax { $0.append(encoder) } } }
    return body(encoder)
  }
}
