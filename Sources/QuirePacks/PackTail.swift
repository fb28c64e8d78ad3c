import QuireFiles
import QuireTensors

/// The frame before the seek table: the manifest's size and hash, and the totals of the rest of the file.
///
/// Its last eight bytes are the hash of its other bytes, so that damage is detected.
struct PackTail: Equatable {
  var version: UInt32 = PackLayout.version
  var flags: UInt32 = 0
  var fileBytes: UInt64
  var manifestOffset: UInt64
  var manifestPackedBytes: UInt64
  var manifestRawBytes: UInt64
  var manifestHash: UInt64  // of the manifest's frame as it is in the file
  var seekTableHash: UInt64  // of the whole seek table frame
  var dataRawBytes: UInt64  // all frames but the manifest, unpacked

  var encoded: [UInt8] {
    var bytes = LittleEndianBytes()
    bytes.append(PackLayout.skippableMagic)
    bytes.append(UInt32(PackLayout.tailBytes - PackLayout.skippableHeadBytes))  // bounded: constants
    bytes.append(PackLayout.tailMark)
    bytes.append(version)
    bytes.append(flags)
    for number in [
      fileBytes, manifestOffset, manifestPackedBytes, manifestRawBytes, manifestHash, seekTableHash,
      dataRawBytes,
    ] { bytes.append(number) }
    bytes.append(ContentHash.of(bytes.storage))
    precondition(bytes.storage.count == PackLayout.tailBytes, "the tail's size is fixed")
    return bytes.storage
  }

  /// Reads a tail, or nil when `bytes` do not hold an intact one.
  init?(_ bytes: UnsafeRawBufferPointer) {
    // bounded: offsets within the tail's fixed size
    let head = PackLayout.skippableHeadBytes
    let hashed = PackLayout.tailBytes - 8
    guard bytes.count == PackLayout.tailBytes,
      bytes.number(at: 0, as: UInt32.self) == PackLayout.skippableMagic,
      bytes.number(at: 4, as: UInt32.self) == UInt32(PackLayout.tailBytes - head),
      bytes[head..<head + 8].elementsEqual(PackLayout.tailMark),
      bytes.number(at: hashed, as: UInt64.self)
        == ContentHash.of(UnsafeRawBufferPointer(rebasing: bytes.prefix(hashed)))
    else { return nil }
    version = bytes.number(at: head + 8, as: UInt32.self)
    flags = bytes.number(at: head + 12, as: UInt32.self)
    func field(_ index: Int) -> UInt64 { bytes.number(at: head + 16 + 8 * index, as: UInt64.self) }
    fileBytes = field(0)
    manifestOffset = field(1)
    manifestPackedBytes = field(2)
    manifestRawBytes = field(3)
    manifestHash = field(4)
    seekTableHash = field(5)
    dataRawBytes = field(6)
  }

  init(
    flags: UInt32, fileBytes: UInt64, manifestOffset: UInt64, manifestPackedBytes: UInt64,
    manifestRawBytes: UInt64,
    manifestHash: UInt64, seekTableHash: UInt64, dataRawBytes: UInt64
  ) {
    self.flags = flags
    self.fileBytes = fileBytes
    self.manifestOffset = manifestOffset
    self.manifestPackedBytes = manifestPackedBytes
    self.manifestRawBytes = manifestRawBytes
    self.manifestHash = manifestHash
    self.seekTableHash = seekTableHash
    self.dataRawBytes = dataRawBytes
  }
}
