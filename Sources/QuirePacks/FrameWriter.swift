import QuireFiles
import QuireTensors
import Synchronization

/// Cuts streams into frames, compresses them on a team of threads and appends them to a file in order.
///
/// A stream whose bytes are already in the file, or in the parent of a delta pack, is not written again.
final class FrameWriter {
  /// Frames written so far, the head first.
  private(set) var entries: [SeekTable.Entry] = []

  private typealias Contents = PackTensor.Stream.Contents

  private let file: AtomicFile
  private let team: ThreadTeam?
  private let encoders: [FrameEncoder]  // (thread)
  private let batchSize: Int
  private let frames: [[PackedFrame]]  // (2, batch)
  private let decoder: FrameDecoder
  private let parent: PackReader?
  private let parentStreams: [Contents: PackTensor.Stream]
  private var streamOfContent: [Contents: PackTensor.Stream] = [:]

  /// Throws when there is not enough memory for the threads' encoders.
  ///
  /// - Parameter parent: the pack that a delta pack takes tensors from.
  init(file: AtomicFile, team: ThreadTeam?, parent: PackReader?) throws(FileFailure) {
    self.file = file
    self.parent = parent
    parentStreams = parent?.streamOfContents ?? [:]
    self.team = team
    let threadCount = team?.threadCount ?? 1
    var encoders: [FrameEncoder] = []
    for _ in 0..<threadCount { encoders.append(try FrameEncoder()) }
    self.encoders = encoders
    decoder = try FrameDecoder()
    let batchSize = 2 * threadCount
    self.batchSize = batchSize
    frames = (0..<2).map { _ in (0..<batchSize).map { _ in PackedFrame() } }
  }

  func writeHead() throws(FileFailure) {
    try append(PackLayout.head(flags: flags)[...], rawBytes: 0)
  }

  private var flags: UInt32 { parent == nil ? 0 : PackLayout.parentFlag }

  /// Continues after the data that an earlier run has written.
  func adopt(_ progress: PackJournal.Progress) {
    entries = progress.entries
    streamOfContent = [:]
    for stream in progress.tensors.flatMap(\.storedStreams) { remember(stream) }
  }

  /// Copies head and data frames of another pack.
  func copy(_ pack: PackReader) throws(FileFailure) {
    precondition(entries.isEmpty, "a copy comes first")
    let end = pack.frames.bytes(of: pack.frames.manifestFrame).lowerBound
    let chunk = HostBuffer<UInt8>(count: min(end, 4 << 20))
    while file.byteCount < end {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk.bytes.prefix(end - file.byteCount))
      try pack.file.read(at: file.byteCount, into: part)
      try file.write(UnsafeRawBufferPointer(part))
    }
    entries = (0..<pack.frames.manifestFrame).map {
      SeekTable.Entry(packedBytes: pack.frames.bytes(of: $0).count, rawBytes: pack.frames.rawBytes[$0])
    }
    for stream in pack.tensors.flatMap(\.storedStreams) { remember(stream) }
  }

  /// The stream with the same bytes that is in the file or in the parent's.
  func twin(of stream: PackStream, hash: UInt64) throws(PackError) -> PackTensor.Stream? {
    let contents = Contents(
      rawBytes: stream.bytes.count, hash: hash, splitsBrainFloats: stream.kind == .bf16)
    if let twin = streamOfContent[contents],
      try writing({ () throws(FileFailure) in
        try holdsBytes(of: stream, twin)
      })
    {
      return PackTensor.Stream(
        kind: stream.kind, rawBytes: twin.rawBytes, frameBytes: twin.frameBytes, firstFrame: twin.firstFrame,
        hash: twin.hash, packedHash: twin.packedHash, packedBytes: twin.packedBytes)
    }
    guard let parent, let twin = parentStreams[contents], try holdsBytes(of: stream, twin, of: parent) else {
      return nil
    }
    return twin.inherited(as: stream.kind)
  }

  /// The size of a stream's frames, unpacked.
  static func frameBytes(of stream: PackStream) -> Int {
    PackLayout.frameBytes(rawBytes: stream.bytes.count, rowBytes: stream.rowBytes)
  }

  /// Appends a stream's frames.
  ///
  /// - Parameter differences: stores codes as these differences, for the tensor of index `tensor`.
  func append(
    _ stream: PackStream, hash: UInt64, differences: CodeDifferences? = nil, tensor: Int = 0
  ) throws(PackError) -> PackTensor.Stream {
    let frameBytes = Self.frameBytes(of: stream)
    precondition(stream.kind != .bf16 || frameBytes % 2 == 0, "rows of bf16 have an even number of bytes")
    let firstFrame = entries.count
    let start = file.byteCount
    let packedHash = try writeFrames(stream, frameBytes: frameBytes, differences)
    var stored = PackTensor.Stream(
      kind: stream.kind, rawBytes: stream.bytes.count, frameBytes: frameBytes, firstFrame: firstFrame,
      hash: hash, packedHash: packedHash, packedBytes: file.byteCount - start)
    if differences == nil { remember(stored) } else { stored.source = .difference(tensor: tensor) }
    return stored
  }

  private func writing<Value>(_ body: () throws(FileFailure) -> Value) throws(PackError) -> Value {
    do throws(FileFailure) {
      return try body()
    } catch {
      throw .unwritable(path: file.path, reason: error.reasonAndRemedy)
    }
  }

  /// Appends manifest, tail and seek table.
  func writeEnd(manifest: [UInt8]) throws(FileFailure) {
    let dataRawBytes = entries.reduce(0) { $0 + $1.rawBytes }
    let packed = PackedFrame()
    manifest.withUnsafeBytes { encoders[0].encode($0, content: .text, into: packed) }
    let frame = Array(packed.bytes)
    let offset = file.byteCount
    try append(packed.bytes, rawBytes: manifest.count)
    entries.append(.init(packedBytes: PackLayout.tailBytes, rawBytes: 0))
    let table = SeekTable(entries: entries).encoded
    let tail = PackTail(
      flags: flags, fileBytes: UInt64(file.byteCount + PackLayout.tailBytes + table.count),
      manifestOffset: UInt64(offset),
      manifestPackedBytes: UInt64(frame.count), manifestRawBytes: UInt64(manifest.count),
      manifestHash: ContentHash.of(frame), seekTableHash: ContentHash.of(table),
      dataRawBytes: UInt64(dataRawBytes))
    try file.write(tail.encoded)
    try file.write(table)
  }

  private func append(_ frame: ArraySlice<UInt8>, rawBytes: Int) throws(FileFailure) {
    try file.write(frame)
    entries.append(.init(packedBytes: frame.count, rawBytes: rawBytes))
  }

  private func remember(_ stream: PackTensor.Stream) {
    guard stream.source == .file else { return }
    if streamOfContent[stream.contents] == nil { streamOfContent[stream.contents] = stream }
  }

  /// Returns the hash of the frames as written. While the team compresses one batch, its first thread writes the
  /// batch before, so that frames are written in order and two batches are in memory.
  private func writeFrames(
    _ stream: PackStream, frameBytes: Int, _ differences: CodeDifferences?
  ) throws(PackError) -> UInt64 {
    let count = PackLayout.frameCount(rawBytes: stream.bytes.count, frameBytes: frameBytes)
    var packedHash = ContentHash()
    var failure: FileFailure?
    var finished: ArraySlice<PackedFrame> = []
    let unreadable = Mutex<PackError?>(nil)
    for first in stride(from: 0, to: count, by: batchSize) {
      let numbers = first..<min(first + batchSize, count)
      let batch = frames[first / batchSize % 2].prefix(numbers.count)
      let next = Atomic<Int>(0)
      func work(_ thread: Int, _: Int) {
        if thread == 0 { failure = failure ?? write(finished, &packedHash) }
        while true {
          let slot = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard slot < numbers.count else { return }
          let start = (first + slot) * frameBytes
          let range = start..<min(start + frameBytes, stream.bytes.count)
          let rows = UnsafeRawBufferPointer(rebasing: stream.bytes[range])
          guard let differences else {
            encoders[thread].encode(
              rows, content: .weights, splitsBrainFloats: stream.kind == .bf16, into: batch[slot])
            continue
          }
          let scratch = HostBuffer<UInt8>(count: rows.count)
          scratch.bytes.copyMemory(from: rows)
          do throws(PackError) {
            try differences.apply(.subtract, to: scratch.bytes, of: range)
          } catch {
            unreadable.withLock { $0 = $0 ?? error }
          }
          encoders[thread].encode(UnsafeRawBufferPointer(scratch.bytes), content: .weights, into: batch[slot])
        }
      }
      if let team, count > 1 { team.run(work) } else { work(0, 1) }
      if let error = unreadable.withLock({ $0 }) { throw error }
      finished = batch
    }
    failure = failure ?? write(finished, &packedHash)
    if let failure { throw .unwritable(path: file.path, reason: failure.reasonAndRemedy) }
    return packedHash.value
  }

  /// Appends frames in order; returns the error, if any.
  private func write(_ frames: ArraySlice<PackedFrame>, _ hash: inout ContentHash) -> FileFailure? {
    for frame in frames {
      frame.bytes.withUnsafeBytes { hash.update($0) }
      do throws(FileFailure) { try append(frame.bytes, rawBytes: frame.rawBytes) } catch { return error }
    }
    return nil
  }

  /// Equal hashes do not prove equal bytes: reads the earlier stream back and compares.
  private func holdsBytes(of stream: PackStream, _ twin: PackTensor.Stream) throws(FileFailure) -> Bool {
    var offset = entries[..<twin.firstFrame].reduce(0) { $0 + $1.packedBytes }
    let scratch = HostBuffer<UInt8>(count: min(twin.frameBytes, twin.rawBytes))
    for (position, index) in twin.frames.enumerated() {
      let start = position * twin.frameBytes
      let expected = UnsafeRawBufferPointer(
        rebasing: stream.bytes[start..<min(start + twin.frameBytes, twin.rawBytes)])
      let target = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes.prefix(expected.count))
      let range = offset..<offset + entries[index].packedBytes
      try decoder.load(range, read: file.read)
      guard decoder.unpack(into: target, joinsBrainFloats: twin.kind == .bf16) == nil,
        UnsafeRawBufferPointer(target).elementsEqual(expected)
      else { return false }
      offset = range.upperBound
    }
    return true
  }

  /// The same for a stream of the parent.
  private func holdsBytes(
    of stream: PackStream, _ twin: PackTensor.Stream, of parent: PackReader
  ) throws(PackError) -> Bool {
    let scratch = HostBuffer<UInt8>(count: min(twin.frameBytes, twin.rawBytes))
    for frame in parent.frames(of: twin) {
      let target = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes.prefix(frame.range.count))
      try parent.readFrame(frame, into: target)
      guard UnsafeRawBufferPointer(target).elementsEqual(stream.bytes[frame.range]) else { return false }
    }
    return true
  }
}
