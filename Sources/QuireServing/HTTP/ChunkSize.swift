/// The line before the bytes of a chunk (RFC 9112, 7.1): a size in hexadecimal digits, then perhaps extensions, which
/// are read and ignored.
struct ChunkSize {
  /// The longest line; a longer one is refused.
  static let lineBytesMax = 1024

  /// The size in bytes; `Int.max` where the number is larger than that.
  let bytes: Int

  /// - Parameter line: without CR and LF.
  init(_ line: ArraySlice<UInt8>) throws(ServingError) {
    let digits = line.prefix {
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0 | 0x20
    }
    let rest = line.dropFirst(digits.count)
    let isExtension = rest.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } == UInt8(ascii: ";")
    guard !digits.isEmpty, rest.isEmpty || isExtension,
      rest.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") })
    else {
      throw .refused(
        400, "expected the size of a chunk in hexadecimal digits, found a line of another form; correct it")
    }
    bytes = Int(String(decoding: digits, as: UTF8.self), radix: 16) ?? .max
  }
}
