import Foundation
import QuireCheckpoints
import QuireJSON
import QuireTensors
import Testing

/// An exported folder read back: decodes compressed-tensors by its own code, to compare with the model.
struct ExportedFolder {
  let path: String
  let files: [SafetensorsFile]

  init(_ path: String) throws {
    self.path = path
    let names = try FileManager.default.contentsOfDirectory(atPath: path).filter {
      $0.hasSuffix(".safetensors")
    }
    files = try names.sorted().map { try SafetensorsFile(path: path + "/" + $0) }
  }

  var names: Set<String> { Set(files.flatMap { $0.records.map(\.name) }) }

  func json(_ name: String) throws -> JSONValue {
    try JSONValue.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path + "/" + name))))
  }

  /// Type, shape and bytes of a tensor.
  func tensor(_ name: String) throws -> (element: ElementType, shape: [Int], bytes: [UInt8]) {
    let file = try #require(files.first { $0.record(name) != nil }, "\(name)")
    let record = try #require(file.record(name))
    let view = try file.read(record).view
    return (record.element, record.shape, withExtendedLifetime(view.owner) { Array(view.bytes) })
  }

  func floats(_ name: String) throws -> [Float] {
    let tensor = try tensor(name)
    switch tensor.element {
    case .bfloat16: return numbers(tensor.bytes, UInt16.self).map { Float(bfloat16Bits: $0) }
    case .float16: return numbers(tensor.bytes, UInt16.self).map { Float(halfBits: $0) }
    case .float32: return numbers(tensor.bytes, UInt32.self).map { Float(bitPattern: $0) }
    default:
      Issue.record("\(name) has type \(tensor.element)")
      return []
    }
  }

  /// The signed codes of a packed matrix of `bits`, by the lowest bits first.
  func packedCodes(_ name: String, bits: Int) throws -> [Int8] {
    let packed = try tensor(name)
    #expect(packed.element == .int32)
    let mask = (UInt32(1) << UInt32(bits)) - 1
    return numbers(packed.bytes, UInt32.self).flatMap { word in
      (0..<32 / bits).map { Int8(Int(word >> UInt32($0 * bits) & mask) - (1 << (bits - 1))) }
    }
  }
}

/// Little-endian numbers.
func numbers<Number: FixedWidthInteger>(_ bytes: [UInt8], _: Number.Type) -> [Number] {
  let size = MemoryLayout<Number>.size
  return bytes.withUnsafeBytes { raw in
    (0..<raw.count / size).map {
      Number(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * size, as: Number.self))
    }
  }
}
