extension JSONParser {
  /// The position of the next unread byte.
  func position() -> JSONPosition { position(of: index) }

  /// Line and column of a byte offset. Lines end only at LF, CR or CR LF, as in editors. Columns count scalars, but not
  /// a byte order mark at the start.
  func position(of offset: Int) -> JSONPosition {
    var line = 1
    var column = 1
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let start = offset >= mark.count && bytes.starts(with: mark) ? mark.count : 0
    for at in start..<offset {
      let byte = bytes[at]
      let isLineEnd =
        byte == UInt8(ascii: "\n")
        || (byte == UInt8(ascii: "\r") && (at + 1 >= bytes.count || bytes[at + 1] != UInt8(ascii: "\n")))
      if isLineEnd {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return JSONPosition(line: line, column: column)
  }

  /// A description of the next character, for messages.
  func foundDescription() -> String {
    guard let scalar = scalar(at: index) else { return "the end of the text" }
    if scalar.value < 0x20 || scalar.value == 0x7F || (!scalar.isASCII && scalar.properties.isWhitespace) {
      let digits = String(scalar.value, radix: 16, uppercase: true)
      return "the character U+" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
    return "'\(scalar)'"
  }

  /// The scalar that starts at an offset; nil at the end. The bytes are known to be valid UTF-8.
  func scalar(at offset: Int) -> Unicode.Scalar? {
    guard offset < bytes.count else { return nil }
    let tail = bytes[offset..<min(bytes.count, offset + 4)]
    return String(decoding: tail, as: UTF8.self).unicodeScalars.first
  }
}
