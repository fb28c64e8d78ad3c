import QuireFiles
import QuireJSON
import QuireTensors

/// Records next to an unfinished pack which parts are complete, so that a killed conversion can be resumed.
///
/// After the key there is, for each part, a line per tensor with its manifest entry and the sizes of the frames it
/// added, and a line with the writer's note, which ends the part. A line is written after its frames. It is used
/// only if the frames have the recorded hash, since after a power cut the line may exist without the bytes.
final class PackJournal {
  /// The work that an earlier run has finished.
  struct Progress {
    var entries: [SeekTable.Entry] = []
    var tensors: [PackTensor] = []
    /// One for each part.
    var notes: [String] = []
    /// The key of an unfinished pack that was discarded because it belongs to other work.
    var discardedKey: String?
  }

  /// The part that one note ends.
  private struct Part {
    let tensors: [Line]
    let note: String
    /// The end of the note's line in the journal.
    let end: LineJournal.Mark
  }

  private struct Line {
    let tensor: JSONValue
    let newFrames: [SeekTable.Entry]
  }

  private static let chunkBytes = 1 << 20
  private static let tensorKey = "tensor"
  private static let framesKey = "frames"
  private static let noteKey = "note"

  private let path: String
  private let parent: PackReader?
  private let lines: LineJournal

  private static func path(nextTo path: String) -> String { path + ".journal" }

  static func discard(nextTo path: String) throws(FileFailure) {
    try LineJournal.discard(path: Self.path(nextTo: path))
  }

  /// The key of the unfinished pack at `path`; nil where no part of one is complete. A journal alone is left of a run that
  /// was killed between renaming the pack and removing it, and nothing can be resumed from it.
  static func unfinishedKey(nextTo path: String) -> String? {
    guard UnfinishedFiles(of: path).found.contains(.contents),
      let contents = LineJournal.found(path: Self.path(nextTo: path))
    else { return nil }
    return parts(contents.lines).isEmpty ? nil : contents.key
  }

  /// Opens or creates the journal of the pack at `path`.
  ///
  /// - Parameter parent: the pack that the unfinished one takes tensors from.
  init(path: String, parent: PackReader? = nil) throws(FileFailure) {
    self.path = path
    self.parent = parent
    lines = try LineJournal(path: Self.path(nextTo: path))
  }

  /// Keeps what has been written for a later run.
  var isKept: Bool {
    get { lines.isKept }
    set { lines.isKept = newValue }
  }

  func append(_ tensor: PackTensor, newFrames: ArraySlice<SeekTable.Entry>) throws(FileFailure) {
    try lines.append([
      Self.tensorKey: tensor.json(hasParent: parent != nil),
      Self.framesKey: .array(newFrames.map { [.int($0.packedBytes), .int($0.rawBytes)] }),
    ])
  }

  /// Ends a part: a later run will find everything written before it.
  func append(note: String) throws(FileFailure) {
    try lines.append([Self.noteKey: .string(note)])
  }

  /// Syncs the journal to disk.
  func synchronize() throws(FileFailure) { try lines.synchronize() }

  /// Deletes all lines; `file` becomes empty.
  func restart(key: String, file: AtomicFile) throws(FileFailure) {
    try file.truncate(to: 0)
    try lines.restart(key: key)
  }

  /// The contents of `file` for a pack with this key; cuts file and journal after the last complete part.
  func resume(key: String, file: AtomicFile) throws(FileFailure) -> Progress {
    let contents = try lines.contents()
    let parts = Self.parts(contents.lines)
    var progress = Progress()
    guard contents.key == key, try hasHead(file), let tensors = validated(parts) else {
      if contents.key != key, file.byteCount > 0 { progress.discardedKey = contents.key }
      try restart(key: key, file: file)
      return progress
    }
    var end = PackLayout.headBytes
    var textEnd = contents.keyEnd
    progress.entries = [.init(packedBytes: end, rawBytes: 0)]
    for part in parts {
      let known = progress
      for line in part.tensors {
        let tensor = tensors[progress.tensors.count]
        let firstFrame = progress.entries.count
        guard try isIntact(tensor, firstFrame: firstFrame, from: end, file) else {
          try cut(file, after: known, textEnd)
          return known
        }
        // bounded: these bytes are in the file
        end += line.newFrames.reduce(0) { $0 + $1.packedBytes }
        progress.entries += line.newFrames
        progress.tensors.append(tensor)
      }
      textEnd = part.end
      progress.notes.append(part.note)
    }
    try cut(file, after: progress, textEnd)
    return progress
  }

  private func cut(_ file: AtomicFile, after progress: Progress, _ textEnd: LineJournal.Mark)
    throws(FileFailure)
  {
    // bounded: these bytes are in the file
    try file.truncate(to: progress.entries.reduce(0) { $0 + $1.packedBytes })
    try lines.cut(after: textEnd)
  }

  /// The complete parts up to the first invalid line.
  private static func parts(_ lines: [LineJournal.Line]) -> [Part] {
    var parts: [Part] = []
    var open: [Line] = []
    for line in lines {
      if let tensor = line.value[tensorKey], let frames = frames(line.value[framesKey]) {
        open.append(Line(tensor: tensor, newFrames: frames))
      } else if let note = line.value[noteKey]?.stringValue {
        parts.append(Part(tensors: open, note: note, end: line.end))
        open = []
      } else {
        break
      }
    }
    return parts
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

  /// The tensors, validated against the frames as by a reader; nil when the journal contradicts itself.
  private func validated(_ parts: [Part]) -> [PackTensor]? {
    let lines = parts.flatMap(\.tensors)
    var entries = [SeekTable.Entry(packedBytes: PackLayout.headBytes, rawBytes: 0)]
    entries += lines.flatMap(\.newFrames)
    // The frames that a complete pack has for manifest and tail.
    entries += [.init(packedBytes: 1, rawBytes: 1), .init(packedBytes: PackLayout.tailBytes, rawBytes: 0)]
    guard let frames = FrameTable(SeekTable(entries: entries)) else { return nil }
    // The limit for the complete pack is known when it is finished.
    var validator = ManifestValidator(path: path, frames: frames, parent: parent, totalRawBytesMax: .max)
    return try? validator.tensors([PackTensor.listKey: .array(lines.map(\.tensor))])
  }

  /// Whether the streams that begin at frame `firstFrame` or later, which occupy the file from `start` on, have the
  /// hashes recorded in the journal.
  private func isIntact(
    _ tensor: PackTensor, firstFrame: Int, from start: Int, _ file: AtomicFile
  ) throws(FileFailure) -> Bool {
    let chunk = HostBuffer<UInt8>(count: Self.chunkBytes)
    var offset = start
    var nextFrame = firstFrame
    for stream in tensor.storedStreams.sorted(by: { $0.firstFrame < $1.firstFrame })
    where stream.firstFrame == nextFrame && stream.source != .parent {
      nextFrame = stream.frames.upperBound
      guard
        let range = CheckedCount(offset).range(
          count: CheckedCount(stream.packedBytes), within: file.byteCount)
      else { return false }
      // bounded: within the file
      let end = range.upperBound
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
    return head.buffer.elementsEqual(PackLayout.head(flags: parent == nil ? 0 : PackLayout.parentFlag))
  }
}
