import QuireFiles
import CZstd
import QuireTensors

/// Makes zstd frames of up to 4 MiB (or one manifest), each with its size and a checksum of its contents.
///
/// One encoder per thread: it owns a zstd context and reuses its memory.
final class FrameEncoder {
  enum Content {
    case weights  // symbols without repetitions: only entropy coding helps
    case text
  }

  private let context: OpaquePointer
  private var planes: [UInt8] = []  // (2, numbers)

  /// Throws when there is not enough memory for it.
  init() throws(FileFailure) {
    guard let context = ZSTD_createCCtx() else { throw .noMemory }
    self.context = context
  }

  deinit { ZSTD_freeCCtx(context) }

  /// The frame of `raw`; with `splitsBrainFloats` its contents are the byte planes of `raw`.
  func encode(
    _ raw: UnsafeRawBufferPointer, content: Content, splitsBrainFloats: Bool = false, into frame: PackedFrame
  ) {
    frame.rawBytes = raw.count
    guard splitsBrainFloats else { return encode(contents: raw, content: content, into: frame) }
    if planes.count < raw.count { planes = [UInt8](repeating: 0, count: raw.count) }
    planes.withUnsafeMutableBytes { storage in
      let target = UnsafeMutableRawBufferPointer(rebasing: storage.prefix(raw.count))
      BrainFloatPlanes.split(raw, into: target)
      encode(contents: UnsafeRawBufferPointer(target), content: content, into: frame)
    }
  }

  private func encode(contents: UnsafeRawBufferPointer, content: Content, into frame: PackedFrame) {
    configure(content)
    frame.fill(atMost: ZSTD_compressBound(contents.count)) { storage in
      let count = ZSTD_compress2(
        context, storage.baseAddress, storage.count, contents.baseAddress, contents.count)
      precondition(ZSTD_isError(count) == 0, "compressing into a buffer of the bound's size cannot fail")
      return count
    }
    let packedBytes = frame.bytes.count
    let gains = Double(packedBytes) <= Double(contents.count) * (1 - PackLayout.gainMin)
    let expands = contents.count > packedBytes * PackLayout.expansionMax
    if !gains || expands { frame.replace(with: Self.storedFrame(contents)) }
  }

  /// Weights: the smallest hash table and the longest minimal match keep zstd from finding accidental repetitions.
  /// Measured on Gaussian weights: bf16 planes to 66.3% instead of 69.4% at plain level 1, packed twice and
  /// unpacked 2.4 times as fast; int8 and int4 codes unchanged.
  private func configure(_ content: Content) {
    set(ZSTD_c_compressionLevel, content == .weights ? 1 : 3)
    set(ZSTD_c_checksumFlag, 1)
    set(ZSTD_c_contentSizeFlag, 1)
    let weights: [(ZSTD_cParameter, Int32)] = [
      (ZSTD_c_strategy, Int32(ZSTD_fast.rawValue)), (ZSTD_c_minMatch, 7), (ZSTD_c_hashLog, 6),
    ]
    // Zero asks for the level's own default.
    for (parameter, value) in weights { set(parameter, content == .weights ? value : 0) }
  }

  private func set(_ parameter: ZSTD_cParameter, _ value: Int32) {
    let status = ZSTD_CCtx_setParameter(context, parameter, value)
    precondition(ZSTD_isError(status) == 0, "the parameter is within zstd's bounds")
  }

  /// A frame of raw blocks: read as fast as a copy, and still zstd.
  static func storedFrame(_ contents: UnsafeRawBufferPointer) -> [UInt8] {
    let blockBytesMax = 128 << 10
    var bytes = LittleEndianBytes()
    bytes.storage.reserveCapacity(contents.count + contents.count / blockBytesMax * 3 + 32)
    bytes.append(quire_zstd_magic)
    bytes.append(UInt8(0b1010_0100))  // four-byte size, single segment, checksum, no dictionary
    bytes.append(UInt32(contents.count))
    var offset = 0
    repeat {
      let end = min(offset + blockBytesMax, contents.count)
      let isLast: UInt32 = end == contents.count ? 1 : 0
      let head = isLast | UInt32(end - offset) << 3  // block type 0: raw
      bytes.storage += [UInt8(head & 0xFF), UInt8(head >> 8 & 0xFF), UInt8(head >> 16)]
      bytes.storage.append(contentsOf: contents[offset..<end])
      offset = end
    } while offset < contents.count
    bytes.append(UInt32(truncatingIfNeeded: ContentHash.of(contents)))
    return bytes.storage
  }
}

/// A compressed frame, in memory that is reused for the next one.
///
/// New memory for each frame would cost more time in page faults than zstd takes.
final class PackedFrame {
  private var storage: [UInt8] = []
  private var count = 0
  /// Decompressed size.
  fileprivate(set) var rawBytes = 0

  var bytes: ArraySlice<UInt8> { storage[..<count] }

  /// Calls `body` with `bound` bytes of memory; it returns how many it has used.
  fileprivate func fill(atMost bound: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
    if storage.count < bound { storage = [UInt8](repeating: 0, count: bound) }
    count = storage.withUnsafeMutableBytes { body(UnsafeMutableRawBufferPointer(rebasing: $0.prefix(bound))) }
  }

  fileprivate func replace(with bytes: [UInt8]) {
    storage = bytes
    count = bytes.count
  }
}
