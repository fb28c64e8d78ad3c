import QuireFiles
import QuireTensors

/// A GGUF file whose header has been checked in full; tensors are read on request, by the names that checkpoints
/// give them. Tensors of blocks are given as float32.
final class GGUFFile: TensorFile {
  let path: String
  let metadata: GGUFFields
  let records: [TensorRecord]
  private let file: InputFile
  private let types: [String: GGUFType]
  private let dataStart: Int

  /// Bytes that are hashed and computed with while they are in the CPU cache.
  private static let chunkBytes = 1 << 18

  /// Opens the file at `path` and checks its header against the file's size.
  init(path: String) throws(CheckpointError) {
    self.path = path
    do throws(FileFailure) { file = try InputFile(path: path) } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
    let header = try GGUFHeader(path: path, file: file)
    metadata = header.metadata
    dataStart = header.dataStart
    var types: [String: GGUFType] = [:]
    records = header.tensors.map { tensor in
      let name = GGUFNames.checkpointName(tensor.name)
      types[name] = tensor.type
      return TensorRecord(
        name: name, element: tensor.type.element ?? .float32, shape: tensor.shape, file: path,
        range: tensor.range, encoding: tensor.type.element == nil ? tensor.type.name : nil,
        groupSize: tensor.groupSize)
    }
    self.types = types
    guard types.count == records.count else {
      throw .malformed(
        path: path, expected: "tensors with names of their own", found: "two names of one tensor")
    }
  }

  var byteCount: Int { file.byteCount }

  func headerHash() throws(CheckpointError) -> UInt64 { try hash(0..<dataStart) }

  func hash(_ range: Range<Int>) throws(CheckpointError) -> UInt64 {
    var hash = ContentHash()
    try forEachChunk(of: range, chunkBytes: Self.chunkBytes) { hash.update($0) }
    return hash.value
  }

  func read(
    _ record: TensorRecord, hashing: Bool
  ) throws(CheckpointError) -> (view: TensorView, hash: UInt64?) {
    try read(record, record.range, hashing: hashing)
  }

  func readRows(_ rows: Range<Int>, of record: TensorRecord) throws(CheckpointError) -> TensorView {
    // bounded: parts of the tensor's range, which is in the file and holds whole rows
    let rowBytes = record.range.count / record.shape[0]
    let start = record.range.lowerBound + rows.lowerBound * rowBytes
    let range = start..<start + rows.count * rowBytes

    let part = TensorRecord(
      name: record.name, element: record.element, shape: [rows.count, record.shape[1]], file: path,
      range: range, encoding: record.encoding)
    return try read(part, range, hashing: false).view
  }

  /// The stored bytes of a tensor.
  func readBlocks(
    of record: TensorRecord, hashing: Bool
  ) throws(CheckpointError) -> (blocks: HostBuffer<UInt8>, hash: UInt64?) {
    let blocks = HostBuffer<UInt8>(count: record.byteCount)
    var hash = ContentHash()
    var done = 0
    try forEachChunk(of: record.range, chunkBytes: Self.chunkBytes) { chunk in
      if hashing { hash.update(chunk) }
      // bounded: the chunks are the parts of the tensor
      UnsafeMutableRawBufferPointer(rebasing: blocks.bytes[done..<done + chunk.count]).copyMemory(from: chunk)
      done += chunk.count
    }
    return (blocks, hashing ? hash.value : nil)
  }

  private func read(
    _ record: TensorRecord, _ range: Range<Int>, hashing: Bool
  ) throws(CheckpointError) -> (view: TensorView, hash: UInt64?) {
    guard let type = types[record.name] else { preconditionFailure("the record is of this file") }
    // bounded: a block has at most 16 bytes of floats for one of its own
    let values = HostBuffer<UInt8>(
      count: range.count / type.blockBytes * type.blockValues * record.element.byteCount)
    var hash = ContentHash()
    var check = FiniteCheck(record.element)
    var done = 0
    let chunkBytes = Self.chunkBytes / type.blockBytes * type.blockBytes
    try forEachChunk(of: range, chunkBytes: chunkBytes) { chunk in
      if hashing { hash.update(chunk) }
      // bounded: the share of this chunk of the buffer
      let count = chunk.count / type.blockBytes * type.blockValues * record.element.byteCount
      let target = UnsafeMutableRawBufferPointer(rebasing: values.bytes[done..<done + count])
      done += count

      if type.element != nil {
        target.copyMemory(from: chunk)
      } else if let floats = target.bindMemory(to: Float.self).baseAddress {
        GGUFBlocks.dequantize(type, chunk, into: floats)
      }
      check.add(UnsafeRawBufferPointer(target))
    }
    let largest = check.largestMagnitude
    guard largest.isFinite else { throw .notFinite(file: path, name: record.name) }
    guard largest <= FiniteCheck.limit else {
      throw .tooLarge(file: path, name: record.name, value: largest)
    }
    let view = TensorView(record: record, bytes: UnsafeRawBufferPointer(values.bytes), owner: values)
    return (view, hashing ? hash.value : nil)
  }

  /// Reads a part of the file in pieces of a fixed size.
  private func forEachChunk(
    of range: Range<Int>, chunkBytes: Int, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(CheckpointError) {
    let chunk = HostBuffer<UInt8>(count: min(chunkBytes, range.count))
    for offset in stride(from: 0, to: range.count, by: chunkBytes) {
      // bounded: a part of the range, which is within the file
      let part = UnsafeMutableRawBufferPointer(
        rebasing: chunk.bytes.prefix(min(chunkBytes, range.count - offset)))
      do throws(FileFailure) {
        try file.read(at: range.lowerBound + offset, into: part)
      } catch {
        throw .unreadable(path: path, reason: error.reason)
      }
      body(UnsafeRawBufferPointer(part))
    }
    withExtendedLifetime(chunk) {}
  }
}
