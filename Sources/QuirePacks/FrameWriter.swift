import QuireFiles
import QuireTensors
import Synchronization

/// Cuts streams into frames, compresses them on a team of threads and appends them to a file in order.
///
/// A stream whose bytes are already in the file is not written again.
final class FrameWriter {
  /// Frames written so far, the head first.
  private(set) var entries: [SeekTable.Entry] = []

  private struct ContentKey: Hashable {
    let rawBytes: Int
    let hash: UInt64
    let splitsBrainFloats: Bool
  }

  private let file: AtomicFile
  private let team: ThreadTeam?
  private let encoders: [FrameEncoder]  // (thread)
  private let batchSize: Int
  private let frames: [[PackedFrame]]  // (2, batch)
  private let decoder: FrameDecoder
  private var streamOfContent: [ContentKey: PackTensor.Stream] = [:]

  /// Throws when there is not enough memory for the threads' encoders.
  init(file: AtomicFile, team: ThreadTeam?) throws(FileFailure) {
    self.file = file
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
    try append(PackLayout.head[...], rawBytes: 0)
  }

  /// Continues after the data that an earlier run has written.
  func adopt(_ progress: PackJournal.Progress) {
    entries = progress.entries
    streamOfContent = [:]
    for stream in progress.tensors.flatMap(\.streams) { remember(stream) }
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
    for stream in pack.tensors.flatMap(\.streams) { remember(stream) }
  }

  /// Appends a stream's frames, or finds the stream that has the same bytes.
  func store(_ stream: PackStream) throws(FileFailure) -> PackTensor.Stream {
    let hash = ContentHash.of(stream.bytes)
    let key = ContentKey(rawBytes: stream.bytes.count, hash: hash, splitsBrainFloats: stream.kind == .bf16)
    if let twin = streamOfContent[key], try holdsBytes(of: stream, twin) {
      return PackTensor.Stream(
        kind: stream.kind, rawBytes: twin.rawBytes, frameBytes: twin.frameBytes, firstFrame: twin.firstFrame,
        hash: twin.hash, packedHash: twin.packedHash, packedBytes: twin.packedBytes)
    }
    let frameBytes = PackLayout.frameBytes(rawBytes: stream.bytes.count, rowBytes: stream.rowBytes)
    precondition(stream.kind != .bf16 || frameBytes % 2 == 0, "rows of bf16 have an even number of bytes")
    let firstFrame = entries.count
    let start = file.byteCount
    let packedHash = try writeFrames(stream, frameBytes: frameBytes)
    let stored = PackTensor.Stream(
      kind: stream.kind, rawBytes: stream.bytes.count, frameBytes: frameBytes, firstFrame: firstFrame,
      hash: hash, packedHash: packedHash, packedBytes: file.byteCount - start)
    remember(stored)
    return stored
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
      fileBytes: UInt64(file.byteCount + PackLayout.tailBytes + table.count), manifestOffset: UInt64(offset),
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
    let key = ContentKey(
      rawBytes: stream.rawBytes, hash: stream.hash, splitsBrainFloats: stream.kind == .bf16)
    if streamOfContent[key] == nil { streamOfContent[key] = stream }
  }

  /// Returns the hash of the frames as written. While the team compresses one batch, its first thread writes the
  /// batch before, so that frames are written in order and two batches are in memory.
  private func writeFrames(_ stream: PackStream, frameBytes: Int) throws(FileFailure) -> UInt64 {
    let count = PackLayout.frameCount(rawBytes: stream.bytes.count, frameBytes: frameBytes)
    var packedHash = ContentHash()
    var failure: FileFailure?
    var finished: ArraySlice<PackedFrame> = []
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
          let rows = stream.bytes[start..<min(start + frameBytes, stream.bytes.count)]
          encoders[thread].encode(
            UnsafeRawBufferPointer(rebasing: rows), content: .weights,
            splitsBrainFloats: stream.kind == .bf16, into: batch[slot])
        }
      }
      if let team, count > 1 { team.run(work) } else { work(0, 1) }
      finished = batch
    }
    failure = failure ?? write(finished, &packedHash)
    if let failure { throw failure }
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
}
