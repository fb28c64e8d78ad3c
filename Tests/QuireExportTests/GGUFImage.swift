import Foundation
import QuireTensors

/// A GGUF file read back by code of its own, written from the format's description.
struct GGUFImage {
  enum Value: Equatable {
    case number(Double)
    case text(String)
    case texts([String])
    case numbers([Int32])
  }

  struct Entry {
    let shape: [Int]  // as in the file: columns, then rows
    let type: UInt32
    let offset: Int
  }

  private(set) var metadata: [String: Value] = [:]
  private(set) var entries: [String: Entry] = [:]
  private(set) var names: [String] = []
  private(set) var dataStart = 0
  let bytes: [UInt8]
  private var position = 0

  init(path: String) throws {
    bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    precondition(Array(bytes[0..<4]) == Array("GGUF".utf8))
    position = 4
    precondition(number(UInt32.self) == 3)
    let tensorCount = number(UInt64.self)
    let metadataCount = number(UInt64.self)
    for _ in 0..<metadataCount {
      let key = text()
      metadata[key] = value(of: number(UInt32.self))
    }
    for _ in 0..<tensorCount {
      let name = text()
      let shape = (0..<number(UInt32.self)).map { _ in Int(number(UInt64.self)) }
      let type = number(UInt32.self)
      entries[name] = Entry(shape: shape, type: type, offset: Int(number(UInt64.self)))
      names.append(name)
    }
    dataStart = (position + 31) / 32 * 32
  }

  private mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number {
    let size = MemoryLayout<Number>.size
    defer { position += size }
    return bytes.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: Number.self))
    }
  }

  private mutating func text() -> String {
    let count = Int(number(UInt64.self))
    defer { position += count }
    return String(decoding: bytes[position..<position + count], as: UTF8.self)
  }

  private mutating func value(of type: UInt32) -> Value {
    switch type {
    case 4: return .number(Double(number(UInt32.self)))
    case 5: return .number(Double(number(Int32.self)))
    case 6: return .number(Double(Float(bitPattern: number(UInt32.self))))
    case 7: return .number(Double(number(UInt8.self)))
    case 8: return .text(text())
    case 9:
      let type = number(UInt32.self)
      let count = number(UInt64.self)
      if type == 8 { return .texts((0..<count).map { _ in text() }) }
      precondition(type == 5)
      return .numbers((0..<count).map { _ in number(Int32.self) })
    default: preconditionFailure("type \(type)")
    }
  }

  /// The weights of a tensor.
  func values(_ name: String) -> [Float] {
    guard let entry = entries[name] else { preconditionFailure("no \(name)") }
    let count = entry.shape.reduce(1, *)
    let start = dataStart + entry.offset
    func half(_ at: Int) -> Float { Float(halfBits: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8) }
    func integer(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) } }
    return (0..<count).map { index in
      let (block, place) = (index / 32, index % 32)
      switch entry.type {
      case 0: return Float(bitPattern: integer(start + 4 * index))
      case 1: return half(start + 2 * index)
      case 30:
        return Float(
          bfloat16Bits: UInt16(bytes[start + 2 * index]) | UInt16(bytes[start + 2 * index + 1]) << 8)
      case 8: return half(start + 34 * block) * Float(Int8(bitPattern: bytes[start + 34 * block + 2 + place]))
      case 2:
        let byte = bytes[start + 18 * block + 2 + place % 16]
        return half(start + 18 * block) * Float(Int(place < 16 ? byte & 15 : byte >> 4) - 8)
      case 20:
        let levels: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
        let byte = bytes[start + 18 * block + 2 + place % 16]
        return half(start + 18 * block) * levels[Int(place < 16 ? byte & 15 : byte >> 4)]
      default: preconditionFailure("type \(entry.type)")
      }
    }
  }
}
