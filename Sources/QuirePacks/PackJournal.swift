import QuireJSON
import QuireTensors

/// Remembers beside an unfinished pack which tensors it holds whole, so that a killed conversion can go on.
///
/// A text file of JSON lines: first the key, then a line per tensor with its manifest entry and the sizes of the
/// frames it added. A line is written after the frames it speaks of; what it says is believed only as far as
/// the frames' hash confirms it, since a power cut may keep a line and lose the bytes.
final class PackJournal {
  /// What an earlier run has finished.
  struct Progress {
    var entries: [SeekTable.Entry] = []
    var tensors: [PackTensor] = []
  }

  private struct Line {
    let tensor: JSONValue
    let newFrames: [SeekTable.Entry]
    /// Where the line ends in the journal.
    let end: Int
  }

  private static let keyKey = "key"
  private static let tensorKey = "tensor"
  private static let framesKey = "frames"

  private let path: String
  private let text: AtomicFile

  private static func place(beside path: String) -> String { path + ".journal" }

  static func discard(beside path: String) throws(FileFailure) {
    try AtomicFile.discardTemporary(for: place(beside: path))
  }

  /// Opens or creates the journal of the pack at `path`.
  init(path: String) throws(FileFailure) {
    self.path = path
    text = try AtomicFile(path: Self.place(beside: path), resumes: true)
    text.keepsTemporary = true
  }

  /// The pack is whole: nobody needs the journal any more.
  func discardOnRelease() { text.keepsTemporary = false }

  func append(_ tensor: PackTensor, newFrames: ArraySlice<SeekTable.Entry>) throws(FileFailure) {
    try write([
      Self.tensorKey: PackManifest.json(tensor: tensor),
      Self.framesKey: .array(newFrames.map { [.int($0.packedBytes), .int($0.rawBytes)] }),
    ])
  }

  /// What `file` holds of a pack with this key; cuts file and journal behind the last tensor that is whole.
  func resume(key: String, file: AtomicFile) throws(FileFailure) -> Progress {
    let (isSameKey, keyEnd, lines) = parse(try contents(), key: key)
    var progress = Progress()
    guard isSameKey, try hasHead(file), let tensors = validated(lines) else {
      try file.truncate(to: 0)
      try text.truncate(to: 0)
      try write([Self.keyKey: .string(key)])
      return progress
    }
    var end = PackLayout.headBytes
    var textEnd = keyEnd
    progress.entries = [.init(packedBytes: end, rawBytes: 0)]
    for (line, tensor) in zip(lines, tensors) {
      let firstFrame = progress.entries.count
      guard try isIntact(tensor, firstFrame: firstFrame, from: end, file) else { break }
      end += line.newFrames.reduce(0) { $0 + $1.packedBytes }
      textEnd = line.end
      progress.entries += line.newFrames
      progress.tensors.append(tensor)
    }
    try file.truncate(to: end)
    try text.truncate(to: textEnd)
    return progress
  }

  private func write(_ line: JSONValue) throws(FileFailure) {
    try text.write(line.serializedBytes() + [UInt8(ascii: "\n")])
  }

  private func contents() throws(FileFailure) -> [UInt8] {
    let buffer = HostBuffer<UInt8>(count: text.byteCount)
    try text.read(at: 0, into: buffer.bytes)
    return Array(buffer.buffer)
  }

  /// The lines up to the first that is cut or none of ours.
  private func parse(_ text: [UInt8], key: String) -> (isSameKey: Bool, keyEnd: Int, lines: [Line]) {
    var lines: [Line] = []
    var keyEnd = 0
    var start = 0
    while let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard let value = try? JSONValue.parse(text[start..<end]) else { break }
      if start == 0 {
        guard value == [Self.keyKey: .string(key)] else { return (false, 0, []) }
        keyEnd = end + 1
      } else {
        guard let tensor = value[Self.tensorKey], let frames = Self.frames(value[Self.framesKey]) else {
          break
        }
        lines.append(Line(tensor: tensor, newFrames: frames, end: end + 1))
      }
      start = end + 1
    }
    return (keyEnd > 0, keyEnd, lines)
  }

  private static func frames(_ value: JSONValue?) -> [SeekTable.Entry]? {
    guard let list = value?.arrayValue else { return nil }
    var frames: [SeekTable.Entry] = []
    for pair in list {
      guard let packed = pair[0]?.intValue, let raw = pair[1]?.intValue, packed > 0, raw > 0,
        raw <= PackLayout.frameRawBytesMax, packed <= PackLayout.packedBytesMax(rawBytes: raw)
      else { return nil }
      frames.append(.init(packedBytes: packed, rawBytes: raw))
    }
    return frames
  }

  /// The tensors, held against the frames as a reader would; nil when the journal contradicts itself.
  private func validated(_ lines: [Line]) -> [PackTensor]? {
    var entries = [SeekTable.Entry(packedBytes: PackLayout.headBytes, rawBytes: 0)]
    entries += lines.flatMap(\.newFrames)
    // Where a whole pack has manifest and tail.
    entries += [.init(packedBytes: 1, rawBytes: 1), .init(packedBytes: PackLayout.tailBytes, rawBytes: 0)]
    var validator = ManifestValidator(path: path, frames: FrameTable(SeekTable(entries: entries)))
    return try? validator.tensors([PackManifest.tensorsKey: .array(lines.map(\.tensor))])
  }

  /// Whether the streams that begin at frame `firstFrame` or later, which fill the file from `start` on, have the
  /// hashes that the journal gives them.
  private func isIntact(
    _ tensor: PackTensor, firstFrame: Int, from start: Int, _ file: AtomicFile
  ) throws(FileFailure) -> Bool {
    let chunk = HostBuffer<UInt8>(count: 1 << 20)
    var offset = start
    var nextFrame = firstFrame
    for stream in tensor.streams.sorted(by: { $0.firstFrame < $1.firstFrame })
    where stream.firstFrame == nextFrame {
      nextFrame = stream.frames.upperBound
      let end = offset + stream.packedBytes
      guard end <= file.byteCount else { return false }
      var hash = ContentHash()
      while offset < end {
        let part = UnsafeMutableRawBufferPointer(rebasing: chunk.bytes.prefix(end - offset))
        try file.read(at: offset, into: part)
        hash.update(UnsafeRawBufferPointer(part))
        offset += part.count
      }
      if hash.value != stream.packedHash { return false }
    }
    return true
  }

  private func hasHead(_ file: AtomicFile) throws(FileFailure) -> Bool {
    guard file.byteCount >= PackLayout.headBytes else { return false }
    let head = HostBuffer<UInt8>(count: PackLayout.headBytes)
    try file.read(at: 0, into: head.bytes)
    return head.buffer.elementsEqual(PackLayout.head)
  }
}
