import QuireTensors

/// Codes and scales of the types that have one float16 scale and no offset for 32 values.
///
/// A weight is a code times the scale, in ggml as in Quire's integer formats, so that they can hold it exactly: Q4_0
/// as int4, Q5_0 and Q8_0 as int8, IQ4_NL as nl4, whose table of levels is the same. The other types have offsets that are no whole codes, or scales of more than 16 bits.
extension GGUFType {
  /// The scheme that holds a type's codes; nil where none does.
  fileprivate var gridScheme: WeightFormat.Scheme? {
    switch self {
    case .q40: .int4
    case .q50, .q80: .int8
    case .iq4NL: .nl4
    default: nil
    }
  }

  func storedFormat(_ record: TensorRecord) -> Checkpoint.StoredFormat {
    let columns = record.shape[record.shape.count - 1]
    let group = gridScheme == nil ? blockValues : record.largeGroup ?? 32
    return Checkpoint.StoredFormat(
      scheme: gridScheme, bits: gridScheme == .int8 ? 8 : 4, group: group, hasOneGroup: columns == group,
      hasZeros: false,
      byteCount: record.byteCount, typeName: name)
  }
}

extension Checkpoint {
  /// Nil for types that no integer format holds.
  func ggufGrid(_ name: String, noting hashes: TensorHashes?) throws(CheckpointError) -> StoredGrid? {
    let (file, record) = try find(name)
    guard let type = record.encoding.flatMap(GGUFType.init(name:)), let scheme = type.gridScheme,
      record.shape.count == 2, let file = file as? GGUFFile
    else { return nil }
    let (blocks, hash) = try file.readBlocks(of: record, hashing: hashes != nil)
    if let hash { hashes?.note(name, hash) }
    let (rows, columns) = (record.shape[0], record.shape[1])
    let codes = HostBuffer<UInt8>(count: rows * columns)
    let scales = type.split(UnsafeRawBufferPointer(blocks.bytes), codes: codes.pointer)
    withExtendedLifetime(blocks) {}
    guard scales.allSatisfy({ $0.isFinite }) else { throw .notFinite(file: record.file, name: name) }
    let (merged, groupCount) = Self.merged(scales, columns: columns, group: record.largeGroup ?? 32)
    return StoredGrid(
      grid: GridScales(
        rows: rows, columns: columns, scheme: scheme, groupCount: groupCount,
        zeros: [Int32](repeating: scheme == .int8 ? 128 : 8, count: merged.count), scales: merged,
        groupOfColumn: nil),
      codes: codes)
  }

  /// One scale for the blocks of a group, if they are equal in every group of the matrix.
  private static func merged(
    _ scales: [Float], columns: Int, group: Int
  ) -> (scales: [Float], groupCount: Int) {
    let (blocks, count) = (columns / 32, group / 32)
    let firsts = stride(from: 0, to: scales.count, by: count)
    let areEqual = firsts.allSatisfy { first in
      scales[first..<first + count].allSatisfy { $0.bitPattern == scales[first].bitPattern }
    }
    return areEqual ? (firsts.map { scales[$0] }, blocks / count) : (scales, blocks)
  }
}

extension TensorRecord {
  /// The group size that the file names, if it is possible: several blocks that divide a row.
  fileprivate var largeGroup: Int? {
    guard let groupSize, let columns = shape.last, groupSize > 32, groupSize % 32 == 0, groupSize <= columns,
      columns % groupSize == 0
    else { return nil }
    return groupSize
  }
}

extension GGUFType {
  /// Writes the unsigned codes of all blocks and returns their scales. Precondition: a type with `gridScheme`.
  fileprivate func split(_ blocks: UnsafeRawBufferPointer, codes: UnsafeMutablePointer<UInt8>) -> [Float] {
    var scales: [Float] = []
    guard let start = blocks.baseAddress else { return [] }
    scales.reserveCapacity(blocks.count / blockBytes)
    for index in 0..<blocks.count / blockBytes {
      let (block, target) = (start + index * blockBytes, codes + index * 32)
      func byte(_ offset: Int) -> UInt8 { block.load(fromByteOffset: offset, as: UInt8.self) }
      let scale = block.loadUnaligned(as: UInt16.self)
      scales.append(Float(halfBits: UInt16(littleEndian: scale)))
      switch self {
      case .q80:
        for j in 0..<32 { target[j] = byte(2 + j) ^ 0x80 }
      case .q40, .iq4NL:
        for j in 0..<16 {
          target[j] = byte(2 + j) & 15
          target[j + 16] = byte(2 + j) >> 4
        }
      default:
        let fifth = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        for j in 0..<16 {
          let (low, high) = (fifth >> UInt32(j) & 1, fifth >> UInt32(j + 16) & 1)
          // Codes of int8 are centred on 128, those of Q5_0 on 16.
          target[j] = (byte(6 + j) & 15 | UInt8(low) << 4) + 112
          target[j + 16] = (byte(6 + j) >> 4 | UInt8(high) << 4) + 112
        }
      }
    }
    return scales
  }
}
