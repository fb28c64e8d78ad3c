/// The printable characters with which byte-level tokenizers write bytes. Bytes that are printable in Latin-1 map to
/// themselves, the others to U+0100 and following, in order.
enum ByteAlphabet {
  /// Scalar of each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (0..<256).map { (byte: UInt32) in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// Byte of each scalar up to U+0143; nil for unused scalars.
  private static let bytes: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt8(byte) }
    return bytes
  }()

  /// Appends the bytes that a token's text represents; false when a character is not in the alphabet.
  static func appendBytes(of text: String, to output: inout [UInt8]) -> Bool {
    for scalar in text.unicodeScalars {
      guard scalar.value < 0x144, let byte = bytes[Int(scalar.value)] else { return false }
      output.append(byte)
    }
    return true
  }

  /// The text that represents bytes.
  static func text(of bytes: some Sequence<UInt8>) -> String {
    var output: [UInt8] = []
    for byte in bytes { UTF8Text.append(scalars[Int(byte)], to: &output) }
    return String(decoding: output, as: UTF8.self)
  }
}
