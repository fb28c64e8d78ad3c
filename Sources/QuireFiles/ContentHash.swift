/// XXH64: the 64-bit hash that the zstd format uses for content checksums.
///
/// It detects accidental damage (flipped bits, truncated files, swapped shards) at the speed of memory. It does not
/// protect against deliberate forgery.
///
///     var hash = ContentHash()
///     hash.update(first)
///     hash.update(second)
///     print(hash.hexadecimal)  // of `first` followed by `second`
///
/// The seed is 0. Source: the XXH64 algorithm description in the xxHash project's specification.
package struct ContentHash: Sendable {
  private static let primes: (UInt64, UInt64, UInt64, UInt64, UInt64) = (
    0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5
  )
  private static let stripeBytes = 32

  private var lanes: (UInt64, UInt64, UInt64, UInt64)
  private var pending: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  private var pendingCount = 0  // bytes of `pending` in use, below 32
  private var byteCount: UInt64 = 0

  /// The hash of no bytes.
  package init() {
    let primes = Self.primes
    lanes = (primes.0 &+ primes.1, primes.1, 0, 0 &- primes.0)
  }

  /// The hash of a buffer.
  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash = ContentHash()
    hash.update(bytes)
    return hash.value
  }

  /// Appends `bytes` to the hashed data.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    byteCount &+= UInt64(bytes.count)
    var rest = bytes[...]
    if pendingCount > 0 {
      let taken = min(Self.stripeBytes - pendingCount, rest.count)
      append(UnsafeRawBufferPointer(rebasing: rest.prefix(taken)))
      rest = rest.dropFirst(taken)
      if pendingCount < Self.stripeBytes { return }
      absorbPending()
    }
    let whole = rest.count / Self.stripeBytes * Self.stripeBytes
    absorb(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)))
    append(UnsafeRawBufferPointer(rebasing: rest.dropFirst(whole)))
  }

  /// The hash of everything appended so far.
  package var value: UInt64 {
    let primes = Self.primes
    var hash = primes.4
    if byteCount >= UInt64(Self.stripeBytes) {
      hash =
        Self.rotate(lanes.0, 1) &+ Self.rotate(lanes.1, 7) &+ Self.rotate(lanes.2, 12)
        &+ Self.rotate(lanes.3, 18)
      for lane in [lanes.0, lanes.1, lanes.2, lanes.3] {
        hash = (hash ^ Self.round(0, lane)) &* primes.0 &+ primes.3
      }
    }
    hash &+= byteCount
    withUnsafeBytes(of: pending) { hash = Self.absorbTail($0.prefix(pendingCount), into: hash) }
    hash = (hash ^ (hash >> 33)) &* primes.1
    hash = (hash ^ (hash >> 29)) &* primes.2
    return hash ^ (hash >> 32)
  }

  /// `value` as 16 lowercase hexadecimal digits.
  package var hexadecimal: String { Self.hexadecimal(value) }

  /// A hash as 16 lowercase hexadecimal digits.
  package static func hexadecimal(_ hash: UInt64) -> String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    withUnsafeMutableBytes(of: &pending) {
      UnsafeMutableRawBufferPointer(rebasing: $0[pendingCount...]).copyMemory(from: bytes)
    }
    pendingCount += bytes.count
  }

  private mutating func absorbPending() {
    let stripe = pending
    withUnsafeBytes(of: stripe) { absorb($0) }
    pendingCount = 0
  }

  /// `bytes.count` is a multiple of 32.
  private mutating func absorb(_ bytes: UnsafeRawBufferPointer) {
    var (a, b, c, d) = lanes
    var offset = 0
    while offset < bytes.count {
      a = Self.round(a, Self.word(bytes, offset))
      b = Self.round(b, Self.word(bytes, offset &+ 8))
      c = Self.round(c, Self.word(bytes, offset &+ 16))
      d = Self.round(d, Self.word(bytes, offset &+ 24))
      offset &+= Self.stripeBytes
    }
    lanes = (a, b, c, d)
  }

  private static func absorbTail(_ bytes: Slice<UnsafeRawBufferPointer>, into start: UInt64) -> UInt64 {
    let tail = UnsafeRawBufferPointer(rebasing: bytes)
    var hash = start
    var offset = 0
    while offset + 8 <= tail.count {
      hash = rotate(hash ^ round(0, word(tail, offset)), 27) &* primes.0 &+ primes.3
      offset += 8
    }
    if offset + 4 <= tail.count {
      let half = UInt64(UInt32(littleEndian: tail.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      hash = rotate(hash ^ (half &* primes.0), 23) &* primes.1 &+ primes.2
      offset += 4
    }
    while offset < tail.count {
      hash = rotate(hash ^ (UInt64(tail[offset]) &* primes.4), 11) &* primes.0
      offset += 1
    }
    return hash
  }

  @inline(__always)
  private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  @inline(__always)
  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    rotate(lane &+ (word &* primes.1), 31) &* primes.0
  }

  @inline(__always)
  private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
    (value &<< count) | (value &>> (64 &- count))
  }
}
