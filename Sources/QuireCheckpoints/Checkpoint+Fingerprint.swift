import QuireFiles
import QuireTensors

extension Checkpoint {
  private static let pieceBytes = 4096
  private static let pieceCount = 16

  /// A hash that identifies the weights that a measurement was made on: of each tensor its name, type and shape,
  /// and sixteen pieces of 4 KiB spread over its bytes, or all of them if it has no more.
  ///
  /// It is equal for a copy of the folder and for other shards, takes little time at any size, and differs after
  /// further training, which changes every tensor. It does not prove that all bytes are equal.
  package func fingerprint(of names: [String]) throws(CheckpointError) -> String {
    var hash = ContentHash()
    for name in names {
      for (file, record) in try parts(of: name) {
        Array("\(record.name) \(record.element.rawValue) \(record.shape)\n".utf8).withUnsafeBytes {
          hash.update($0)
        }
        for range in Self.pieces(of: record.range) {
          withUnsafeBytes(of: try file.hash(range).littleEndian) { hash.update($0) }
        }
      }
    }
    if !adapters.isEmpty { Array(try adapterIdentity().utf8).withUnsafeBytes { hash.update($0) } }
    return hash.hexadecimal
  }

  /// The tensors of the files that hold a weight, by name.
  private func parts(of name: String) throws(CheckpointError) -> [(
    file: any TensorFile, record: TensorRecord
  )] {
    guard let matrix = encoded[name] else { return [try find(name)] }
    return matrix.parts.sorted { $0.key < $1.key }.map { ($0.value.file, $0.value.record) }
  }

  private static func pieces(of range: Range<Int>) -> [Range<Int>] {
    guard range.count > pieceCount * pieceBytes else { return [range] }
    return (0..<pieceCount).map { piece in
      let start = range.lowerBound + piece * (range.count - pieceBytes) / (pieceCount - 1)
      return start..<start + pieceBytes
    }
  }
}
