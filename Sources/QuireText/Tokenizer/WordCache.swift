/// Caches the encoding of short pieces of text: most pieces of a text are among a few thousand words.
///
/// Direct-mapped: each piece maps to one entry, and a new piece overwrites it. An entry is one cache line: up to 32
/// bytes of text and up to 7 ids. Not shared between threads.
struct WordCache: ~Copyable {
  static let maximumWordBytes = 32
  static let maximumIDCount = 7
  private static let entryBytes = 64
  private static let entryBits: UInt64 = 14  // 1 MiB in total, which fits a core's second-level cache.

  /// The bytes of a piece as four words; together with the length they identify it exactly.
  struct Key {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    var byteCount: UInt8

    /// `word` has 1 ... ``maximumWordBytes`` bytes. Reads no byte outside it: short words are read as two loads
    /// that overlap.
    @inline(__always)
    init(_ word: UnsafeRawBufferPointer) {
      let count = word.count
      byteCount = UInt8(count)
      if count >= 8 {
        let last = count - 8
        words.0 = word.loadUnaligned(as: UInt64.self)
        words.1 = word.loadUnaligned(fromByteOffset: min(8, last), as: UInt64.self)
        if count > 16 {
          words.2 = word.loadUnaligned(fromByteOffset: min(16, last), as: UInt64.self)
          words.3 = word.loadUnaligned(fromByteOffset: last, as: UInt64.self)
        }
      } else if count >= 4 {
        words.0 = UInt64(word.loadUnaligned(as: UInt32.self))
        words.1 = UInt64(word.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
      } else {
        words.0 = UInt64(word[0]) << 16 | UInt64(word[count / 2]) << 8 | UInt64(word[count - 1])
      }
    }

    @inline(__always)
    var hash: UInt64 {
      let low = (words.0 ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: words.1 ^ 0xE703_7ED1_A0B4_28DB)
      let high = (words.2 ^ 0x8EBC_6AF0_9C88_C6E3).multipliedFullWidth(by: words.3 ^ 0x5899_65CC_7537_4CC3)
      return (low.high ^ low.low ^ high.high ^ high.low) &* (0x9E37_79B9_7F4A_7C15 &+ UInt64(byteCount) << 8)
    }
  }

  // Raw memory, because an entry mixes words, bytes and ids; owned by this value, freed with it.
  private let entries: UnsafeMutableRawPointer

  init() {
    let byteCount = Self.entryBytes << Int(Self.entryBits)
    entries = .allocate(byteCount: byteCount, alignment: Self.entryBytes)
    entries.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  deinit { entries.deallocate() }

  /// Appends the ids of a cached piece; false when it is not cached.
  @inline(__always)
  func appendIDs(of key: Key, to output: inout [Int32]) -> Bool {
    let entry = entries + Int(key.hash >> (64 - Self.entryBits)) * Self.entryBytes
    guard entry.load(fromByteOffset: 32, as: UInt8.self) == key.byteCount,
      entry.load(as: UInt64.self) == key.words.0,
      entry.load(fromByteOffset: 8, as: UInt64.self) == key.words.1,
      entry.load(fromByteOffset: 16, as: UInt64.self) == key.words.2,
      entry.load(fromByteOffset: 24, as: UInt64.self) == key.words.3
    else { return false }
    let ids = (entry + 36).assumingMemoryBound(to: Int32.self)
    for index in 0..<Int(entry.load(fromByteOffset: 33, as: UInt8.self)) { output.append(ids[index]) }
    return true
  }

  /// Stores the ids of a piece; there must be at most ``maximumIDCount``.
  func remember(_ key: Key, ids: ArraySlice<Int32>) {
    let entry = entries + Int(key.hash >> (64 - Self.entryBits)) * Self.entryBytes
    entry.storeBytes(of: key.words.0, as: UInt64.self)
    entry.storeBytes(of: key.words.1, toByteOffset: 8, as: UInt64.self)
    entry.storeBytes(of: key.words.2, toByteOffset: 16, as: UInt64.self)
    entry.storeBytes(of: key.words.3, toByteOffset: 24, as: UInt64.self)
    entry.storeBytes(of: key.byteCount, toByteOffset: 32, as: UInt8.self)
    entry.storeBytes(of: UInt8(ids.count), toByteOffset: 33, as: UInt8.self)
    for (index, id) in ids.enumerated() {
      entry.storeBytes(of: id, toByteOffset: 36 + 4 * index, as: Int32.self)
    }
  }
}
