import QuireFiles
import QuireTensors

/// A safetensors file whose header has been checked in full; tensors are read on request.
///
///     let file = try SafetensorsFile(path: "model.safetensors")
///     let norm = try file.record("model.norm.weight").map { try file.read($0).view }
///
/// Files are read, not mapped: a file that is truncated, replaced or unreadable gives an error, where a mapping
/// would end the process. Reading costs about a tenth of a second per GB in the page cache, and weights in huge
/// pages are multiplied faster afterwards.
///
/// For a whole checkpoint use `Checkpoint`, which handles shards.
package final class SafetensorsFile: TensorFile {
  package let path: String
  /// In the order of their bytes.
  package let records: [TensorRecord]
  /// The header's `__metadata__`.
  package let metadata: [String: String]
  private let file: InputFile
  private let indexOfName: [String: Int]

  /// Bytes that are checked and hashed while they are in the CPU cache.
  private static let chunkBytes = 1 << 20

  /// Opens the file at `path` and checks its header against the file's size.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    do throws(FileFailure) { file = try InputFile(path: path) } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
    let header = try SafetensorsHeader(path: path, file: file)
    records = header.records
    metadata = header.metadata
    indexOfName = Dictionary(uniqueKeysWithValues: header.records.enumerated().map { ($1.name, $0) })
  }

  package var byteCount: Int { file.byteCount }

  package func record(_ name: String) -> TensorRecord? { indexOfName[name].map { records[$0] } }

  /// A tensor of this file in memory, and the hash of its bytes if requested.
  ///
  /// Throws when the file has been truncated, or when a value is NaN, infinite or far too large to compute with.
  ///
  /// - Parameter checking: false for a caller that checks the values itself, after the hash.
  package func read(
    _ record: TensorRecord, hashing: Bool = false, checking: Bool = true
  ) throws(CheckpointError) -> (view: TensorView, hash: UInt64?) {
    precondition(record.file == path, "the record is of this file")
    let copy = HostBuffer<UInt8>(count: record.byteCount)
    var hash = ContentHash()
    var check = FiniteCheck(record.element)
    for offset in stride(from: 0, to: record.byteCount, by: Self.chunkBytes) {
      // bounded: a part of the range that is read
      let end = min(offset + Self.chunkBytes, record.byteCount)
      let part = UnsafeMutableRawBufferPointer(rebasing: copy.bytes[offset..<end])
      try read(at: record.range.lowerBound + offset, into: part)
      if checking { check.add(UnsafeRawBufferPointer(part)) }
      if hashing { hash.update(UnsafeRawBufferPointer(part)) }
    }
    let largest = check.largestMagnitude
    guard largest.isFinite else { throw .notFinite(file: path, name: record.name) }
    guard largest <= FiniteCheck.limit else {
      throw .tooLarge(file: path, name: record.name, value: largest)
    }
    let view = TensorView(record: record, bytes: UnsafeRawBufferPointer(copy.bytes), owner: copy)
    return (view, hashing ? hash.value : nil)
  }

  func read(_ record: TensorRecord, hashing: Bool) throws(CheckpointError) -> (
    view: TensorView, hash: UInt64?
  ) {
    try read(record, hashing: hashing, checking: true)
  }

  func readRows(_ rows: Range<Int>, of record: TensorRecord) throws(CheckpointError) -> TensorView {
    // bounded: a part of the tensor's range, which is in the file
    let rowBytes = record.shape[1] * record.element.byteCount
    let start = record.range.lowerBound + rows.lowerBound * rowBytes
    let end = start + rows.count * rowBytes

    let part = TensorRecord(
      name: record.name, element: record.element, shape: [rows.count, record.shape[1]], file: record.file,
      range: start..<end)
    return try read(part).view
  }

  /// The hash of the bytes before the first tensor: the header.
  package func headerHash() throws(CheckpointError) -> UInt64 {
    let end = records.map(\.range.lowerBound).min() ?? file.byteCount
    return try hash(0..<end)
  }

  /// The hash of some bytes of the file.
  func hash(_ range: Range<Int>) throws(CheckpointError) -> UInt64 {
    let chunk = HostBuffer<UInt8>(count: min(Self.chunkBytes, range.count))
    var hash = ContentHash()
    for offset in stride(from: 0, to: range.count, by: Self.chunkBytes) {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: chunk.bytes.prefix(min(Self.chunkBytes, range.count - offset)))
      // bounded: within the file
      try read(at: range.lowerBound + offset, into: part)
      hash.update(UnsafeRawBufferPointer(part))
    }
    withExtendedLifetime(chunk) {}
    return hash.value
  }

  private func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    do throws(FileFailure) {
      try file.read(at: offset, into: target)
    } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
  }
}
