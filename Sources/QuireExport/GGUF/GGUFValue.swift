import QuireCheckpoints

/// A value of a GGUF file's metadata.
enum GGUFValue: Equatable, Sendable {
  case uint32(UInt32)
  case int32(Int32)
  case float32(Float)
  case bool(Bool)
  case string(String)
  case strings([String])
  case int32s([Int32])

  private var kind: GGUFKind {
    switch self {
    case .uint32: .uint32
    case .int32: .int32
    case .float32: .float32
    case .bool: .bool
    case .string: .string
    case .strings, .int32s: .array
    }
  }

  /// Appends the type and the value.
  func append(to bytes: inout GGUFBytes) {
    bytes.append(kind.rawValue)
    switch self {
    case .uint32(let number): bytes.append(number)
    case .int32(let number): bytes.append(number)
    case .float32(let number): bytes.append(number.bitPattern)
    case .bool(let value): bytes.append(UInt8(value ? 1 : 0))
    case .string(let text): bytes.append(text)
    case .strings(let texts):
      bytes.append(GGUFKind.string.rawValue)
      bytes.append(UInt64(texts.count))
      for text in texts { bytes.append(text) }
    case .int32s(let numbers):
      bytes.append(GGUFKind.int32.rawValue)
      bytes.append(UInt64(numbers.count))
      for number in numbers { bytes.append(number) }
    }
  }
}

/// Bytes of a GGUF file under construction: little-endian numbers, and texts after their length.
struct GGUFBytes {
  private(set) var storage: [UInt8] = []

  mutating func append<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.littleEndian) { storage.append(contentsOf: $0) }
  }

  mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    storage.append(contentsOf: text.utf8)
  }

  mutating func append(bytes: [UInt8]) { storage.append(contentsOf: bytes) }

  /// Zeros up to a multiple of `alignment`.
  mutating func pad(to alignment: Int) {
    storage.append(
      contentsOf: [UInt8](repeating: 0, count: (alignment - storage.count % alignment) % alignment))
  }
}
