import QuireFiles
import QuireTensors

/// A safetensors file, mapped into memory and checked in full.
///
///     let file = try SafetensorsFile(path: "model.safetensors")
///     let view = file.record("model.norm.weight").map(file.view)
///
/// For a whole checkpoint use `Checkpoint`, which knows shards.
package final class SafetensorsFile: Sendable {
  package let path: String
  /// In the order of their bytes.
  package let records: [TensorRecord]
  /// The header's `__metadata__`.
  package let metadata: [String: String]
  private let mapping: MappedFile
  private let file: InputFile
  private let indexOfName: [String: Int]

  /// Maps the file at `path` and checks its header against all of it.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    (file, mapping) = try Self.open(path)
    let header = try SafetensorsHeader(path: path, bytes: mapping.bytes)
    records = header.records
    metadata = header.metadata
    indexOfName = Dictionary(uniqueKeysWithValues: header.records.enumerated().map { ($1.name, $0) })
  }

  private static func open(_ path: String) throws(CheckpointError) -> (InputFile, MappedFile) {
    do throws(FileFailure) {
      return (try InputFile(path: path), try MappedFile(path: path))
    } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
  }

  package var byteCount: Int { mapping.byteCount }

  package func record(_ name: String) -> TensorRecord? { indexOfName[name].map { records[$0] } }

  /// The bytes of a tensor of this file. They stay in the mapping, unless they are not aligned to their element:
  /// then they are copied. When the last view of a tensor goes, its pages leave this process's memory.
  package func view(_ record: TensorRecord) -> TensorView {
    precondition(record.file == path, "the record is of this file")
    let bytes = UnsafeRawBufferPointer(rebasing: mapping.bytes[record.range])
    guard record.range.lowerBound % record.element.byteCount != 0 else {
      return TensorView(record: record, bytes: bytes, owner: MappedRange(mapping, record.range))
    }
    let copy = HostBuffer<UInt8>(count: bytes.count)
    copy.bytes.copyMemory(from: bytes)
    mapping.drop(record.range)
    return TensorView(record: record, bytes: UnsafeRawBufferPointer(copy.bytes), owner: copy)
  }
}

// For whoever goes through a whole file once: copies instead of views of the mapping.
extension SafetensorsFile {
  /// Bytes that are hashed while they are in the cache.
  private static let chunkBytes = 1 << 20

  /// A copy of a tensor of this file, and the hash of its bytes.
  ///
  /// Pages of a mapping count as memory of the process and are faulted in one by one, and a file that is cut short or
  /// cannot be read ends the process; a copy costs a tenth of a second per GB.
  package func read(_ record: TensorRecord) throws(CheckpointError) -> (view: TensorView, hash: UInt64) {
    precondition(record.file == path, "the record is of this file")
    let copy = HostBuffer<UInt8>(count: record.byteCount)
    let hash = try read(record.range) { offset, count in
      // bounded: a part of the range that is read
      UnsafeMutableRawBufferPointer(rebasing: copy.bytes[offset..<offset + count])
    }
    return (TensorView(record: record, bytes: UnsafeRawBufferPointer(copy.bytes), owner: copy), hash)
  }

  /// The hash of the bytes in front of the first tensor: the header.
  package func headerHash() throws(CheckpointError) -> UInt64 {
    let end = records.map(\.range.lowerBound).min() ?? file.byteCount
    return try hash(0..<end)
  }

  /// The hash of some bytes of the file.
  func hash(_ range: Range<Int>) throws(CheckpointError) -> UInt64 {
    let chunk = HostBuffer<UInt8>(count: min(Self.chunkBytes, range.count))
    return try read(range) { _, count in UnsafeMutableRawBufferPointer(rebasing: chunk.bytes.prefix(count)) }
  }

  /// Reads a range chunk by chunk into the place that `target` gives for an offset and a size; the hash of all.
  private func read(
    _ range: Range<Int>, into target: (_ offset: Int, _ count: Int) -> UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) -> UInt64 {
    var hash = ContentHash()
    for offset in stride(from: 0, to: range.count, by: Self.chunkBytes) {
      let part = target(offset, min(Self.chunkBytes, range.count - offset))
      do throws(FileFailure) {
        // bounded: within the file
        try file.read(at: range.lowerBound + offset, into: part)
      } catch {
        throw .unreadable(path: path, reason: error.reason)
      }
      hash.update(UnsafeRawBufferPointer(part))
    }
    return hash.value
  }
}

/// Part of a mapped file whose pages are given back with it. Other views of the same pages read them again.
private final class MappedRange: Sendable {
  private let mapping: MappedFile
  private let range: Range<Int>

  init(_ mapping: MappedFile, _ range: Range<Int>) {
    self.mapping = mapping
    self.range = range
  }

  deinit { mapping.drop(range) }
}
