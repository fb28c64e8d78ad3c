import Foundation

/// A safetensors file built in memory, for tests. It has no code in common with the readers and writers
/// under test, and can therefore also build malformed files (`headerOverride`).
package struct SafetensorsImage: Sendable {
  package struct Tensor: Sendable {
    package var name: String
    package var element: String
    package var shape: [Int]
    package var bytes: [UInt8]

    package init(name: String, element: String, shape: [Int], bytes: [UInt8]) {
      self.name = name
      self.element = element
      self.shape = shape
      self.bytes = bytes
    }
  }

  package var tensors: [Tensor] = []
  /// Replaces the header text when not nil.
  package var headerOverride: String?

  package init() {}

  /// Append float32 values stored as `element` ("F32", "F16" or "BF16", rounded to nearest even).
  package mutating func add(_ name: String, shape: [Int], element: String = "F32", _ values: [Float]) {
    precondition(values.count == shape.reduce(1, *), "\(name): \(values.count) values for shape \(shape)")
    tensors.append(
      Tensor(name: name, element: element, shape: shape, bytes: Self.encode(values, as: element)))
  }

  /// Append int32 values.
  package mutating func add(_ name: String, shape: [Int], _ values: [Int32]) {
    let bytes = values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    tensors.append(Tensor(name: name, element: "I32", shape: shape, bytes: bytes))
  }

  /// The bytes of `values` in the named element type.
  package static func encode(_ values: [Float], as element: String) -> [UInt8] {
    switch element {
    case "F32":
      return values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    case "F16":
      return values.flatMap { value in
        withUnsafeBytes(of: halfBits(value).littleEndian) { Array($0) }
      }
    case "BF16":
      return values.flatMap { value in
        withUnsafeBytes(of: bfloat16Bits(value).littleEndian) { Array($0) }
      }
    default: preconditionFailure("no encoding for \(element)")
    }
  }

  /// The nearest bfloat16 of a finite value, ties to even.
  package static func bfloat16Bits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }

  /// The nearest IEEE half of a finite value within half's range, ties to even; subnormals included.
  package static func halfBits(_ value: Float) -> UInt16 {
    let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
    let magnitude = abs(value)
    if magnitude == 0 { return sign }
    let exponent = max(Int(magnitude.exponent), -14)
    // In units of the last place at this exponent: 2^10 for normal values, fewer for subnormal ones.
    let units = (Double(magnitude) * pow(2, Double(10 - exponent))).rounded(.toNearestOrEven)
    let bits = (exponent + 14) * 1024 + Int(units)
    precondition(bits < 0x7C00, "\(value) is outside half's range")
    return sign | UInt16(bits)
  }

  /// The whole file.
  package var bytes: [UInt8] {
    var header = headerOverride ?? headerText
    while header.utf8.count % 8 != 0 { header += " " }
    var result = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    result += Array(header.utf8)
    for tensor in tensors { result += tensor.bytes }
    return result
  }

  private var headerText: String {
    var offset = 0
    let entries = tensors.map { tensor in
      let end = offset + tensor.bytes.count
      defer { offset = end }
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      return
        "\"\(tensor.name)\":{\"dtype\":\"\(tensor.element)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
    }
    return "{" + entries.joined(separator: ",") + "}"
  }
}
