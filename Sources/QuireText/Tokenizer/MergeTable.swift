/// Which pairs of tokens merge, in which order, into what.
///
/// One hash table keyed by the pair, with 8 bytes per slot: a look-up among Qwen3's 151,387 merges usually reads one
/// cache line.
final class MergeTable: @unchecked Sendable {
  /// Ids and ranks have 20 bits each in a slot; a slot of all ones is empty.
  static let maximumCount = (1 << 20) - 1
  /// The result of `rank` for a pair that does not merge.
  static let noRank = UInt32.max

  let count: Int
  // Unchecked: both buffers are written only in `init` and only read afterwards. They are raw memory because their
  // look-ups are the inner loop of encoding.
  /// left << 44 | right << 24 | rank per slot; all ones when empty.
  private let slots: UnsafeMutablePointer<UInt64>
  private let slotBits: UInt64
  /// (count) the resulting id of the merge of each rank.
  private let products: UnsafeMutablePointer<Int32>
  /// (256 * 256) rank of each pair of bytes, as `bytes[0] << 8 | bytes[1]`: where encoding starts.
  private let bytePairRanks: UnsafeMutablePointer<UInt32>

  struct Merge {
    let left: Int32
    let right: Int32
    let product: Int32
  }

  /// `merges` are in order of rank, fewer than ``maximumCount``, with ids below it. `byteIDs` are the ids of the 256
  /// single bytes. If two merges have the same pair, `duplicate` is set to their ranks.
  init(merges: [Merge], byteIDs: [Int32], duplicate: inout (Int, Int)?) {
    count = merges.count
    var bits: UInt64 = 4
    while 1 << bits < merges.count * 3 / 2 + 1 { bits += 1 }
    slotBits = bits
    slots = .allocate(capacity: 1 << bits)
    slots.initialize(repeating: .max, count: 1 << bits)
    products = .allocate(capacity: max(1, merges.count))
    bytePairRanks = .allocate(capacity: 1 << 16)
    bytePairRanks.initialize(repeating: Self.noRank, count: 1 << 16)
    for (rank, merge) in merges.enumerated() {
      products.advanced(by: rank).initialize(to: merge.product)
      var slot = slotIndex(merge.left, merge.right)
      let pair = UInt64(merge.left) << 20 | UInt64(merge.right)
      while slots[slot] != .max {
        if slots[slot] >> 24 == pair { duplicate = (Int(slots[slot] & 0xF_FFFF), rank) }
        slot = (slot + 1) & (1 << Int(bits) - 1)
      }
      slots[slot] = pair << 24 | UInt64(rank)
    }
    for first in 0..<256 {
      for second in 0..<256 { bytePairRanks[first << 8 | second] = rank(byteIDs[first], byteIDs[second]) }
    }
  }

  deinit {
    slots.deallocate()
    products.deallocate()
    bytePairRanks.deallocate()
  }

  /// The rank of a pair of ids, or ``noRank``.
  @inline(__always)
  func rank(_ left: Int32, _ right: Int32) -> UInt32 {
    let key = UInt64(UInt32(bitPattern: left)) << 20 | UInt64(UInt32(bitPattern: right))
    let mask = 1 << Int(slotBits) - 1
    var slot = slotIndex(left, right)
    while true {
      let entry = slots[slot]
      if entry >> 24 == key { return UInt32(truncatingIfNeeded: entry & 0xF_FFFF) }
      if entry == .max { return Self.noRank }
      slot = (slot + 1) & mask
    }
  }

  /// The rank of a pair of bytes, or ``noRank``.
  @inline(__always)
  func rank(ofBytes first: UInt8, _ second: UInt8) -> UInt32 {
    bytePairRanks[Int(first) << 8 | Int(second)]
  }

  /// The resulting id of the merge of a rank.
  @inline(__always)
  func product(ofRank rank: UInt32) -> Int32 {
    products[Int(rank)]
  }

  @inline(__always)
  private func slotIndex(_ left: Int32, _ right: Int32) -> Int {
    let key = UInt64(UInt32(bitPattern: left)) << 20 | UInt64(UInt32(bitPattern: right))
    return Int((key &* 0x9E37_79B9_7F4A_7C15) >> (64 - slotBits))
  }
}
