import Foundation

/// The tensors of a safetensors file read as plain arrays, for golden values. Independent of the reader
/// under test.
package struct GoldenFile: Sendable {
  package struct Entry: Sendable {
    package let element: String
    package let shape: [Int]
    package let bytes: [UInt8]
  }

  package let path: String
  package let entries: [String: Entry]

  /// Read the file at `path`; stops the test run when it is not a well-formed safetensors file.
  package init(path: String) {
    self.path = path
    guard let data = FileManager.default.contents(atPath: path) else {
      preconditionFailure("cannot read \(path)")
    }
    let bytes = [UInt8](data)
    let headerBytes = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
    let header = try? JSONSerialization.jsonObject(with: Data(bytes[8..<8 + headerBytes]))
    guard let members = header as? [String: [String: Any]] else {
      preconditionFailure("\(path) has no safetensors header")
    }
    var entries: [String: Entry] = [:]
    for (name, member) in members where name != "__metadata__" {
      guard let element = member["dtype"] as? String, let shape = member["shape"] as? [Int],
        let offsets = member["data_offsets"] as? [Int], offsets.count == 2
      else { preconditionFailure("\(path): \(name) is malformed") }
      let start = 8 + headerBytes
      entries[name] = Entry(
        element: element, shape: shape, bytes: Array(bytes[start + offsets[0]..<start + offsets[1]]))
    }
    self.entries = entries
  }

  package var names: [String] { entries.keys.sorted() }
  package func has(_ name: String) -> Bool { entries[name] != nil }
  package func shape(_ name: String) -> [Int] { entry(name).shape }

  /// A tensor of F32, F16, BF16 or F64 elements as float32.
  package func floats(_ name: String) -> [Float] {
    let entry = entry(name)
    switch entry.element {
    case "F32": return Self.load(entry.bytes, as: UInt32.self).map { Float(bitPattern: $0) }
    case "BF16": return Self.load(entry.bytes, as: UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
    case "F16": return Self.load(entry.bytes, as: UInt16.self).map(Self.float(halfBits:))
    case "F64": return doubles(name).map { Float($0) }
    default: preconditionFailure("\(path): \(name) is \(entry.element), not a float tensor")
    }
  }

  /// A tensor of F64 elements.
  package func doubles(_ name: String) -> [Double] {
    let entry = entry(name)
    precondition(entry.element == "F64", "\(path): \(name) is \(entry.element), expected F64")
    return Self.load(entry.bytes, as: UInt64.self).map { Double(bitPattern: $0) }
  }

  /// A tensor of I32 elements.
  package func int32s(_ name: String) -> [Int32] {
    let entry = entry(name)
    precondition(entry.element == "I32", "\(path): \(name) is \(entry.element), expected I32")
    return Self.load(entry.bytes, as: UInt32.self).map { Int32(bitPattern: $0) }
  }

  private func entry(_ name: String) -> Entry {
    guard let entry = entries[name] else { preconditionFailure("\(path) has no tensor \(name)") }
    return entry
  }

  private static func load<Bits: FixedWidthInteger>(_ bytes: [UInt8], as type: Bits.Type) -> [Bits] {
    bytes.withUnsafeBytes { raw in
      (0..<raw.count / MemoryLayout<Bits>.size).map { index in
        Bits(littleEndian: raw.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self))
      }
    }
  }

  private static func float(halfBits: UInt16) -> Float {
    let exponent = Int(halfBits >> 10) & 31
    let fraction = Float(halfBits & 1023)
    precondition(exponent < 31, "infinite or NaN half value")
    let magnitude =
      exponent == 0 ? fraction * pow(2, -24) : (1024 + fraction) * pow(2, Float(exponent - 25))
    return halfBits & 0x8000 == 0 ? magnitude : -magnitude
  }
}

/// The largest absolute difference of two equally long sequences (infinite when one holds a NaN).
package func largestDifference(_ left: some Collection<Float>, _ right: some Collection<Float>) -> Float {
  precondition(left.count == right.count, "comparing \(left.count) values with \(right.count)")
  var largest: Float = 0
  for (a, b) in zip(left, right) {
    let difference = abs(a - b)
    if !(difference <= largest) { largest = difference.isNaN ? .infinity : difference }
  }
  return largest
}
