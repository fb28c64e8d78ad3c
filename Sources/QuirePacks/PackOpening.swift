import QuireFiles
import QuireJSON
import QuireTensors

/// Opens and validates a pack in steps, each of which uses only what the steps before have checked: head, footer,
/// tail, seek table, sizes, manifest, parent, tensors.
struct PackOpening {
  let path: String
  let file: InputFile
  private(set) var frames: FrameTable
  private(set) var manifest = PackManifest()
  private(set) var tensors: [PackTensor] = []
  private(set) var parent: PackReader?
  private(set) var parentNotice: String?
  private var flags: UInt32 = 0

  /// What messages call the standard input.
  static let standardInputName = "the standard input"

  /// The standard input, which can be copied only once.
  private static let standardInput: Result<InputFile, FileFailure> = {
    do throws(FileFailure) {
      return .success(
        try InputFile.stream(0, startBytes: PackLayout.headBytes) { start in
          start.prefix(markedBytes).elementsEqual(PackLayout.head(flags: 0).prefix(markedBytes))
        })
    } catch {
      return .failure(error)
    }
  }()

  /// Magic number, size and mark.
  private static var markedBytes: Int {
    PackLayout.skippableHeadBytes + PackLayout.headMark.count  // bounded: constants
  }

  /// - Parameters:
  ///   - path: `-` for the standard input.
  ///   - parents: where to look for the parent of a delta pack; nil: delta packs are refused.
  init(path: String, parents: ParentSearch?) throws(PackError) {
    let isStream = path == InputFile.standardInputPath
    self.path = isStream ? Self.standardInputName : path
    do throws(FileFailure) {
      file = isStream ? try Self.standardInput.get() : try InputFile(path: path)
    } catch {
      // A stream is copied to a file first, which has faults of its own.
      throw .unreadable(
        path: self.path, reason: error.reason, remedy: isStream ? error.remedy : PackError.readablePath)
    }
    frames = .empty
    try checkHead()
    guard flags == 0 || parents != nil else { throw .isDelta(path: self.path) }
    let tableStart = try seekTableStart()
    let tail = try tail(before: tableStart)
    frames = try frameTable(tail, tableStart: tableStart)
    let json = try readManifest(tail)
    manifest = PackManifest(members: json.objectValue ?? JSONObject())
    let found = try findParent(parents)
    (parent, parentNotice) = (found?.pack, found?.notice)
    var validator = ManifestValidator(
      path: self.path, frames: frames, parent: parent,
      totalRawBytesMax: PackLayout.totalRawBytesMax(fileBytes: file.byteCount, parent?.fileBytes))
    tensors = try validator.tensors(json)
    try LevelTables.check(json, tensors, path: self.path)
  }

  /// The pack that this one takes tensors from, if its flags say so.
  private func findParent(
    _ parents: ParentSearch?
  ) throws(PackError) -> (pack: PackReader, notice: String?)? {
    guard flags == PackLayout.parentFlag, let parents else {
      guard !manifest.namesParent else {
        throw invalid("manifest of a whole pack", "the member \"parent\"")
      }
      return nil
    }
    guard let named = manifest.parent else {
      throw invalid(
        "member \"parent\"", manifest.namesParent ? "something else than a file and a hash" : "none")
    }
    return try parents.find(named, of: path)
  }

  private mutating func checkHead() throws(PackError) {
    guard file.byteCount > 0 else { throw .notAPack(path: path, found: "an empty file") }
    let expected = PackLayout.head(flags: 0)
    let found = try bytes(0..<min(expected.count, file.byteCount))
    let marked = Self.markedBytes
    guard found.prefix(marked).elementsEqual(expected.prefix(min(marked, found.count))) else {
      let start = found.prefix(8).map { "0" + String($0, radix: 16) }.map { $0.suffix(2) }
      throw .notAPack(path: path, found: "a file that starts with the bytes \(start.joined(separator: " "))")
    }
    guard found.count == expected.count else {
      throw .incomplete(path: path, found: "its first \(found.count) bytes")
    }
    let version = found.withUnsafeBytes { $0.number(at: marked, as: UInt32.self) }
    guard version == PackLayout.version else { throw .otherVersion(path: path, found: version) }
    flags = found.withUnsafeBytes { $0.number(at: expected.count - 4, as: UInt32.self) }
    guard found == PackLayout.head(flags: flags), flags & ~PackLayout.parentFlag == 0 else {
      throw .damaged(path: path, part: "head", found: "flags that version \(version) does not have")
    }
  }

  /// The offset of the seek table's frame, from the footer at the end of the file. Head and tail fit before it.
  private func seekTableStart() throws(PackError) -> Int {
    func start(frameCount: Int) -> Int? {
      let start = CheckedCount(file.byteCount) - SeekTable.frameBytes(count: frameCount)
      let spare = start - CheckedCount.sum([PackLayout.headBytes, PackLayout.tailBytes])
      return spare.value == nil ? nil : start.value
    }
    guard start(frameCount: 3) != nil else {
      throw .incomplete(path: path, found: "its first \(file.byteCount) bytes")
    }
    // bounded: the file is larger than the footer
    let footer = try bytes(file.byteCount - PackLayout.seekFooterBytes..<file.byteCount)

    guard let count = footer.withUnsafeBytes({ SeekTable.count(footer: $0) }) else {
      throw .incomplete(
        path: path,
        found:
          "no seek table at the end of its \(file.byteCount) bytes (cut short, or something was appended)")
    }
    guard (3...PackLayout.frameCountMax).contains(count), let start = start(frameCount: count) else {
      throw .damaged(path: path, part: "seek table", found: "one of \(count) frames")
    }
    return start
  }

  private func tail(before end: Int) throws(PackError) -> PackTail {
    // bounded: the tail fits before the seek table
    let bytes = try bytes(end - PackLayout.tailBytes..<end)

    guard let tail = bytes.withUnsafeBytes({ PackTail($0) }) else {
      throw .damaged(path: path, part: "tail", found: "a wrong checksum")
    }
    guard tail.version == PackLayout.version, tail.flags == flags else {
      throw .invalid(path: path, member: "tail", found: "version \(tail.version) and flags \(tail.flags)")
    }
    guard tail.fileBytes == UInt64(file.byteCount) else {
      throw .incomplete(path: path, found: "\(file.byteCount) bytes where \(tail.fileBytes) belong")
    }
    return tail
  }

  private func frameTable(_ tail: PackTail, tableStart start: Int) throws(PackError) -> FrameTable {
    let encoded = try bytes(start..<file.byteCount)
    guard ContentHash.of(encoded) == tail.seekTableHash,
      let table = encoded.withUnsafeBytes({ SeekTable($0) })
    else { throw .damaged(path: path, part: "seek table", found: "a wrong checksum") }
    guard let frames = FrameTable(table), frames.packedBytes == start else {
      throw invalid("seek table", "frames of another size than the \(start) bytes before it")
    }
    // bounded: a seek table has three entries or more
    let last = table.entries.count - 1
    guard table.entries[0] == .init(packedBytes: PackLayout.headBytes, rawBytes: 0),
      table.entries[last] == .init(packedBytes: PackLayout.tailBytes, rawBytes: 0)
    else { throw invalid("seek table", "other sizes for head and tail") }
    let manifest = table.entries[last - 1]
    guard UInt64(frames.bytes(of: last - 1).lowerBound) == tail.manifestOffset,
      UInt64(manifest.packedBytes) == tail.manifestPackedBytes,
      UInt64(manifest.rawBytes) == tail.manifestRawBytes
    else { throw invalid("seek table", "another manifest than the tail") }

    try checkSizes(table.entries[1..<last], tail)
    return frames
  }

  /// Checks sizes that bound the cost of reading the pack, before anything is decompressed.
  private func checkSizes(_ entries: ArraySlice<SeekTable.Entry>, _ tail: PackTail) throws(PackError) {
    var dataRawBytes = CheckedCount(0)
    for (index, entry) in zip(entries.indices, entries) {
      let isManifest = index == entries.indices.last
      let most = isManifest ? PackLayout.manifestRawBytesMax : PackLayout.frameRawBytesMax
      guard (1...most).contains(entry.rawBytes) else {
        throw invalid("size of frame \(index) (1 to \(most) bytes)", "\(entry.rawBytes)")
      }
      let unpackedMost = CheckedCount(entry.packedBytes) * CheckedCount(PackLayout.expansionMax)
      guard let unpackedMost = unpackedMost.value, entry.rawBytes <= unpackedMost,
        entry.packedBytes <= PackLayout.packedBytesMax(rawBytes: entry.rawBytes)
      else {
        throw invalid(
          "ratio of frame \(index)", "\(entry.rawBytes) bytes from \(entry.packedBytes) in the file")
      }
      if !isManifest { dataRawBytes += CheckedCount(entry.rawBytes) }
    }
    guard dataRawBytes.value != nil, dataRawBytes == CheckedCount(tail.dataRawBytes) else {
      throw invalid("total of \(tail.dataRawBytes) bytes", "frames of \(dataRawBytes.value ?? .max)")
    }
  }

  private func readManifest(_ tail: PackTail) throws(PackError) -> JSONValue {
    let decoder: FrameDecoder
    do throws(FileFailure) {
      decoder = try FrameDecoder()
      try decoder.load(frames.bytes(of: frames.manifestFrame), read: file.read)
    } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
    guard decoder.withPacked({ ContentHash.of($0) }) == tail.manifestHash else {
      throw .damaged(path: path, part: "manifest", found: "a wrong checksum")
    }
    var text = [UInt8](repeating: 0, count: frames.rawBytes[frames.manifestFrame])
    if let fault = text.withUnsafeMutableBytes({ decoder.unpack(into: $0, joinsBrainFloats: false) }) {
      throw .damaged(path: path, part: "manifest", found: fault)
    }
    do throws(JSONError) {
      return try JSONValue.parse(
        text, limits: JSONLimits(valueCount: PackLayout.manifestValueCountMax))
    } catch {
      throw invalid("JSON text", "a fault at \(error)")
    }
  }

  private func bytes(_ range: Range<Int>) throws(PackError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    let failure: FileFailure? = bytes.withUnsafeMutableBytes { buffer in
      do throws(FileFailure) { try file.read(at: range.lowerBound, into: buffer) } catch { return error }
      return nil
    }
    if let failure { throw .unreadable(path: path, reason: failure.reason) }
    return bytes
  }

  private func invalid(_ member: String, _ found: String) -> PackError {
    .invalid(path: path, member: member, found: found)
  }
}
