/// Where every frame of a pack lies, from the seek table: head, data frames, manifest, tail.
struct FrameTable: Sendable, Equatable {
  /// File offset of each frame, and of the seek table behind the last one.
  private let offsets: [Int]  // (frame count + 1)
  /// Unpacked size of each frame, 0 for skippable ones.
  let rawBytes: [Int]  // (frame count)

  init(_ table: SeekTable) {
    var offsets = [0]
    offsets.reserveCapacity(table.entries.count + 1)
    for entry in table.entries { offsets.append(offsets[offsets.count - 1] + entry.packedBytes) }
    self.offsets = offsets
    rawBytes = table.entries.map(\.rawBytes)
  }

  /// The frames that hold tensors: all but the head, the manifest and the tail.
  var dataFrames: Range<Int> { 1..<max(1, rawBytes.count - 2) }
  var manifestFrame: Int { rawBytes.count - 2 }
  /// Total size of the frames in the file.
  var packedBytes: Int { offsets[offsets.count - 1] }

  /// The bytes of the file that consecutive frames take.
  func place(_ frames: Range<Int>) -> Range<Int> { offsets[frames.lowerBound]..<offsets[frames.upperBound] }
  func place(_ frame: Int) -> Range<Int> { place(frame..<frame + 1) }
}
