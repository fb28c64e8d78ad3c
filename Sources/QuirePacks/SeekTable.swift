import QuireJSON

/// The seek table: sizes of every frame, in the public zstd seekable format, without checksums (the frames
/// carry their own).
struct SeekTable: Equatable {
  /// One frame. Skippable frames have `rawBytes` 0.
  struct Entry: Equatable {
    var packedBytes: Int
    var rawBytes: Int
  }

  /// Frames in file order, without the seek table's own frame.
  var entries: [Entry]

  /// Bytes of a seek table frame with `count` entries.
  static func frameBytes(count: Int) -> CheckedCount {
    CheckedCount(count) * CheckedCount(PackLayout.seekEntryBytes)
      + CheckedCount.sum([PackLayout.skippableHeadBytes, PackLayout.seekFooterBytes])
  }

  /// The whole frame as it ends the file.
  var encoded: [UInt8] {
    var bytes = LittleEndianBytes()
    // bounded: the writer's own frames, whose sizes and number have 32 bits
    let size = Self.frameBytes(count: entries.count).value ?? 0
    bytes.storage.reserveCapacity(size)
    bytes.append(PackLayout.seekTableFrameMagic)
    bytes.append(UInt32(size - PackLayout.skippableHeadBytes))
    for entry in entries {
      bytes.append(UInt32(entry.packedBytes))
      bytes.append(UInt32(entry.rawBytes))
    }
    bytes.append(UInt32(entries.count))
    bytes.append(UInt8(0))
    bytes.append(PackLayout.seekTableMagic)
    return bytes.storage
  }

  /// The number of entries that a footer announces, or nil when `footer` is not one of a seek table.
  static func count(footer: UnsafeRawBufferPointer) -> Int? {
    guard footer.count == PackLayout.seekFooterBytes,
      footer.number(at: 5, as: UInt32.self) == PackLayout.seekTableMagic,
      footer[4] == 0
    else { return nil }
    return Int(footer.number(at: 0, as: UInt32.self))
  }

  init(entries: [Entry]) { self.entries = entries }

  /// Reads a whole frame, or nil when its head, size or footer is not that of a seek table.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let fixed = Self.frameBytes(count: 0).value(atMost: bytes.count), fixed > 8,
      bytes.number(at: 0, as: UInt32.self) == PackLayout.seekTableFrameMagic,
      CheckedCount(bytes.number(at: 4, as: UInt32.self))
        == CheckedCount(bytes.count) - CheckedCount(PackLayout.skippableHeadBytes),
      let count = Self.count(
        footer: UnsafeRawBufferPointer(rebasing: bytes.suffix(PackLayout.seekFooterBytes))),
      Self.frameBytes(count: count) == CheckedCount(bytes.count)
    else { return nil }
    // bounded: the frame has this many entries
    entries = (0..<count).map { index in
      let offset = PackLayout.skippableHeadBytes + index * PackLayout.seekEntryBytes
      return Entry(
        packedBytes: Int(bytes.number(at: offset, as: UInt32.self)),
        rawBytes: Int(bytes.number(at: offset + 4, as: UInt32.self)))
    }
  }
}
