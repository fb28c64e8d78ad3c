import QuireJSON

/// Offset and size of every frame of a pack, from the seek table: head, data frames, manifest, tail.
struct FrameTable: Sendable, Equatable {
  /// A file without frames.
  static let empty = FrameTable()

  /// File offset of each frame, and of the seek table after the last one.
  private let offsets: [Int]  // (frame count + 1)
  /// Decompressed size of each frame, 0 for skippable ones.
  let rawBytes: [Int]  // (frame count)

  private init() { (offsets, rawBytes) = ([0], []) }

  /// nil when the sums exceed the size of any file.
  init?(_ table: SeekTable) {
    var offsets = [0]
    offsets.reserveCapacity(table.entries.count + 1)
    var end = CheckedCount(0)
    for entry in table.entries {
      end += CheckedCount(entry.packedBytes)
      guard let offset = end.value else { return nil }
      offsets.append(offset)
    }
    self.offsets = offsets
    rawBytes = table.entries.map(\.rawBytes)
  }

  /// The frames that hold tensors: all but the head, the manifest and the tail.
  var dataFrames: Range<Int> { 1..<max(1, rawBytes.count - 2) }
  var manifestFrame: Int { rawBytes.count - 2 }
  /// Total size of the frames in the file.
  var packedBytes: Int { offsets[offsets.count - 1] }

  /// The byte range of consecutive frames in the file.
  func bytes(of frames: Range<Int>) -> Range<Int> { offsets[frames.lowerBound]..<offsets[frames.upperBound] }
  func bytes(of frame: Int) -> Range<Int> { bytes(of: frame..<frame + 1) }  // bounded: an index of this table
}
