extension JSONParser {
  /// Skips white space, and comments in JSON5.
  mutating func skipWhitespace() throws(JSONError) {
    while let byte = next {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
        index += 1
      case _ where syntax == .json:
        return
      case 0x0B, 0x0C:
        index += 1
      case UInt8(ascii: "/"):
        try skipComment()
      case 0x80...:
        guard let scalar = scalar(at: index), isJSON5Space(scalar) else { return }
        index += scalar.utf8.count
      default:
        return
      }
    }
  }

  private mutating func skipComment() throws(JSONError) {
    let start = index
    index += 1
    if skip(UInt8(ascii: "/")) {
      while let scalar = scalar(at: index), !isLineTerminator(scalar) { index += scalar.utf8.count }
      return
    }
    guard skip(UInt8(ascii: "*")) else {
      throw .unexpected(
        expected: "'//' or '/*' to start a comment", found: foundDescription(), at: position())
    }
    while let byte = next {
      index += 1
      if byte == UInt8(ascii: "*") && skip(UInt8(ascii: "/")) { return }
    }
    throw .unterminated(what: "a comment", at: position(of: start))
  }

  func isLineTerminator(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0A, 0x0D, 0x2028, 0x2029: true
    default: false
    }
  }

  private func isJSON5Space(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0xA0, 0x2028, 0x2029, 0xFEFF: true
    default: scalar.properties.generalCategory == .spaceSeparator
    }
  }
}
