/// Tokens as byte strings, in both directions: id to bytes, bytes to id. An id that no token has is an empty string, and
/// no bytes lead to it.
///
/// All bytes are in one buffer; an open-addressing table of ids finds a token by its bytes.
struct TokenTable: Sendable {
  /// Longer tokens are refused: Qwen3's longest has 128 bytes. With fewer than 2^20 tokens this keeps offsets small and
  /// limits the work of reading merges.
  static let tokenBytesMaximum = 1024

  /// Bytes of all tokens, one after the other in order of id.
  private let bytes: [UInt8]
  /// Offset of each token in `bytes`, and the end.
  private let offsets: [Int32]  // (count + 1)
  /// id + 1 per slot, 0 for an empty one.
  private let slots: [UInt32]

  /// Nil when two tokens are equal; `duplicate` is then set to their ids.
  ///
  /// - Parameter tokens: by id, fewer than 2^20, of at most ``tokenBytesMaximum`` bytes each; empty for unused ids.
  init(tokens: [[UInt8]], duplicate: inout (Int, Int)?) {
    var bytes: [UInt8] = []
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(tokens.count + 1)
    var slotCount = 16
    while slotCount < 2 * tokens.count { slotCount *= 2 }
    var slots = [UInt32](repeating: 0, count: slotCount)
    for (id, token) in tokens.enumerated() {
      defer { offsets.append(Int32(bytes.count)) }
      if token.isEmpty { continue }
      var slot = Self.hash(token[...]) & (slotCount - 1)
      while slots[slot] != 0 {
        let other = Int(slots[slot]) - 1
        if tokens[other] == token { duplicate = (other, id) }
        slot = (slot + 1) & (slotCount - 1)
      }
      slots[slot] = UInt32(id + 1)
      bytes += token
    }
    self.bytes = bytes
    self.offsets = offsets
    self.slots = slots
  }

  /// The number of ids, unused ones included.
  var count: Int { offsets.count - 1 }

  /// The bytes of a token; `id` must be in 0..<count.
  subscript(id: Int) -> ArraySlice<UInt8> {
    bytes[Int(offsets[id])..<Int(offsets[id + 1])]
  }

  /// The id of the token with exactly these bytes.
  func id(of token: ArraySlice<UInt8>) -> Int? {
    var slot = Self.hash(token) & (slots.count - 1)
    while slots[slot] != 0 {
      let id = Int(slots[slot]) - 1
      if self[id] == token { return id }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// FNV-1a with a final mixing step, so that the low bits depend on every byte.
  private static func hash(_ token: ArraySlice<UInt8>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in token { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return Int(truncatingIfNeeded: ((hash ^ (hash >> 32)) &* 0x9E37_79B9_7F4A_7C15) >> 16)
  }
}
