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
  private let indexOfName: [String: Int]

  /// Maps the file at `path` and checks its header against all of it.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    mapping = try Self.map(path)
    let header = try SafetensorsHeader(path: path, bytes: mapping.bytes)
    records = header.records
    metadata = header.metadata
    indexOfName = Dictionary(uniqueKeysWithValues: header.records.enumerated().map { ($1.name, $0) })
  }

  private static func map(_ path: String) throws(CheckpointError) -> MappedFile {
    // Opening it as an input first says in plain words what is no readable file.
    do throws(FileFailure) { _ = try InputFile(path: path) } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
    do throws(TensorError) {
      return try MappedFile(path: path)
    } catch {
      throw .unreadable(path: path, reason: error.description)
    }
  }

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
