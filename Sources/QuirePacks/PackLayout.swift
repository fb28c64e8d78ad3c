import QuireFiles
import QuireJSON
import QuireTensors

/// The fixed numbers of the pack format, version 1; `Format.md` gives the reason for each.
enum PackLayout {
  static let version: UInt32 = 1

  /// The flag of a pack that takes tensors from a parent.
  static let parentFlag: UInt32 = 1

  /// The skippable frames of a pack have this magic number; the seek table has the one of its specification.
  static let skippableMagic: UInt32 = 0x184D_2A51
  static let seekTableFrameMagic: UInt32 = 0x184D_2A5E
  static let seekTableMagic: UInt32 = 0x8F92_EAB1

  static let skippableHeadBytes = 8  // magic, size
  static let headMark: [UInt8] = Array("QUIRE\r\n".utf8) + [0x1A]
  /// Of every pack, before the version.
  static let beginning = Array(head(flags: 0).prefix(skippableHeadBytes + headMark.count))
  static let tailMark: [UInt8] = Array("QUIREEND".utf8)
  static let headBytes = skippableHeadBytes + 16  // mark, version, flags
  static let tailBytes = skippableHeadBytes + 80  // see `PackTail`
  static let seekEntryBytes = 8  // packed size, raw size
  static let seekFooterBytes = 9  // frame count, descriptor, magic

  static let frameRawBytesMax = 4 << 20
  /// Of differences in more than one frame; smaller ones would read the parent's frames again and again.
  static let differenceFrameBytesMin = 1 << 20
  static let frameRawBytesTarget = 2 << 20
  /// A frame decompresses to at most this many times its size in the file, and all tensors to as many times the
  /// file's.
  static let expansionMax = 256
  static let manifestRawBytesMax = 64 << 20
  static let frameCountMax = 1 << 27
  static let manifestValueCountMax = 1 << 21
  static let tensorCountMax = 1 << 16
  static let nameBytesMax = 512
  static let rankMax = 8

  /// A smaller gain is not worth the time of decompression.
  static let gainMin = 0.02

  /// The most bytes that a frame of `rawBytes` may take in the file: stored blocks need less.
  static func packedBytesMax(rawBytes: Int) -> Int {
    rawBytes + rawBytes / 128 + 512  // bounded: a frame unpacks to 64 MiB or less
  }

  /// The first frame of every pack.
  static func head(flags: UInt32) -> [UInt8] {
    var bytes = LittleEndianBytes()
    bytes.append(skippableMagic)
    bytes.append(UInt32(headBytes - skippableHeadBytes))  // bounded: constants
    bytes.append(headMark)
    bytes.append(version)
    bytes.append(flags)
    return bytes.storage
  }

  /// The most bytes that all tensors of a file may decompress to, shared streams counted each time.
  static func totalRawBytesMax(fileBytes: Int, _ parentBytes: Int? = nil) -> Int {
    ((CheckedCount(fileBytes) + CheckedCount(parentBytes ?? 0)) * CheckedCount(expansionMax)).value ?? .max
  }

  /// Number of frames of a stream of `rawBytes`.
  static func frameCount(rawBytes: Int, frameBytes: Int) -> Int {
    CheckedCount(rawBytes).dividedRoundingUp(by: CheckedCount(frameBytes)).value ?? 0
  }

  /// Raw bytes of every frame but the last: whole rows where a row fits, at most 4 MiB.
  static func frameBytes(rawBytes: Int, rowBytes: Int) -> Int {
    precondition(rawBytes > 0 && rowBytes > 0, "a stream has bytes, and its rows too")
    // bounded: at most the target, of the writer's own rows
    if rawBytes <= frameRawBytesTarget { return rawBytes }
    if rowBytes <= frameRawBytesTarget { return frameRawBytesTarget / rowBytes * rowBytes }
    return rowBytes <= frameRawBytesMax ? rowBytes : frameRawBytesTarget
  }
}

/// Bytes under construction, numbers little-endian.
struct LittleEndianBytes {
  var storage: [UInt8] = []

  mutating func append(_ bytes: [UInt8]) { storage.append(contentsOf: bytes) }

  mutating func append<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { storage.append(contentsOf: $0) }
  }
}

extension UnsafeRawBufferPointer {
  /// The little-endian number at `offset`, which need not be aligned.
  func number<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T {
    T(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }
}

extension ContentHash {
  static func of(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { of($0) } }
}
