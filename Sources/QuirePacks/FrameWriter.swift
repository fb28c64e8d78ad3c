import QuireTensors

/// Cuts streams into frames, compresses them on a team of threads and appends them to a file in order.
///
/// A stream whose bytes are in the file already is not written again.
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
  private let decoder = FrameDecoder()
  private var streamOfContent: [ContentKey: PackTensor.Stream] = [:]

  init(file: AtomicFile, team: ThreadTeam?) {
    self.file = file
    self.team = team
    encoders = (0..<(team?.threadCount ?? 1)).map { _ in FrameEncoder() }
  }

  func writeHead() throws(FileFailure) {
    try append(PackLayout.head, rawBytes: 0)
  }

  /// Goes on behind what an earlier run has left in the file.
  func adopt(_ progress: PackJournal.Progress) {
    entries = progress.entries
    for stream in progress.tensors.flatMap(\.streams) { remember(stream) }
  }

  /// Copies head and data frames of another pack.
  func copy(_ pack: PackReader) throws(FileFailure) {
    precondition(entries.isEmpty, "a copy comes first")
    let end = pack.frames.place(pack.frames.manifestFrame).lowerBound
    let chunk = HostBuffer<UInt8>(count: min(end, 4 << 20))
    while file.byteCount < end {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk.bytes.prefix(end - file.byteCount))
      try pack.file.read(at: file.byteCount, into: part)
      try file.write(UnsafeRawBufferPointer(part))
    }
    entries = (0..<pack.frames.manifestFrame).map {
      SeekTable.Entry(packedBytes: pack.frames.place($0).count, rawBytes: pack.frames.rawBytes[$0])
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
    let frame = manifest.withUnsafeBytes { encoders[0].frame($0, content: .text) }
    let offset = file.byteCount
    try append(frame, rawBytes: manifest.count)
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

  private func append(_ frame: [UInt8], rawBytes: Int) throws(FileFailure) {
    try file.write(frame)
    entries.append(.init(packedBytes: frame.count, rawBytes: rawBytes))
  }

  private func remember(_ stream: PackTensor.Stream) {
    let key = ContentKey(
      rawBytes: stream.rawBytes, hash: stream.hash, splitsBrainFloats: stream.kind == .bf16)
    if streamOfContent[key] == nil { streamOfContent[key] = stream }
  }

  /// The hash of the frames as written. Batches bound the memory and keep the order.
  private func writeFrames(_ stream: PackStream, frameBytes: Int) throws(FileFailure) -> UInt64 {
    var packedHash = ContentHash()
    let count = PackLayout.frameCount(rawBytes: stream.bytes.count, frameBytes: frameBytes)
    let batch = 4 * encoders.count
    for first in stride(from: 0, to: count, by: batch) {
      let numbers = first..<min(first + batch, count)
      for (number, frame) in zip(numbers, encode(numbers, of: stream, frameBytes: frameBytes)) {
        frame.withUnsafeBytes { packedHash.update($0) }
        try append(frame, rawBytes: min(frameBytes, stream.bytes.count - number * frameBytes))
      }
    }
    return packedHash.value
  }

  private func encode(_ numbers: Range<Int>, of stream: PackStream, frameBytes: Int) -> [[UInt8]] {
    var frames = [[UInt8]](repeating: [], count: numbers.count)
    frames.withUnsafeMutableBufferPointer { frames in
      func encode(_ thread: Int, _ count: Int) {
        for slot in stride(from: thread, to: frames.count, by: count) {
          let start = (numbers.lowerBound + slot) * frameBytes
          let rows = stream.bytes[start..<min(start + frameBytes, stream.bytes.count)]
          frames[slot] = self.encoders[thread].frame(
            UnsafeRawBufferPointer(rebasing: rows), content: .weights,
            splitsBrainFloats: stream.kind == .bf16)
        }
      }
      if let team, numbers.count > 1 { team.run(encode) } else { encode(0, 1) }
    }
    return frames
  }

  /// Equal hashes are not yet equal bytes: reads the twin back and compares.
  private func holdsBytes(of stream: PackStream, _ twin: PackTensor.Stream) throws(FileFailure) -> Bool {
    var offset = entries[..<twin.firstFrame].reduce(0) { $0 + $1.packedBytes }
    let scratch = HostBuffer<UInt8>(count: min(twin.frameBytes, twin.rawBytes))
    for (position, index) in twin.frames.enumerated() {
      let start = position * twin.frameBytes
      let expected = UnsafeRawBufferPointer(
        rebasing: stream.bytes[start..<min(start + twin.frameBytes, twin.rawBytes)])
      let target = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes.prefix(expected.count))
      let place = offset..<offset + entries[index].packedBytes
      try decoder.load(place, read: file.read)
      guard decoder.unpack(into: target, joinsBrainFloats: twin.kind == .bf16) == nil,
        UnsafeRawBufferPointer(target).elementsEqual(expected)
      else { return false }
      offset = place.upperBound
    }
    return true
  }
}
