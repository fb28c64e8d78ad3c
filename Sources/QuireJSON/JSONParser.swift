/// A recursive-descent parser over bytes that are valid UTF-8 (all bytes are checked before).
///
/// Arrays, objects and words are parsed here; strings, numbers, white space and positions in the extensions.
struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  let syntax: JSONSyntax
  let limits: JSONLimits
  /// Offset of the next unread byte.
  var index = 0
  /// Number of open arrays and objects.
  var depth = 0
  /// Number of values that have started.
  private var valueCount = 0

  init(bytes: UnsafeRawBufferPointer, syntax: JSONSyntax, limits: JSONLimits) {
    self.bytes = bytes
    self.syntax = syntax
    self.limits = limits
  }

  /// The next byte, or nil at the end.
  var next: UInt8? {
    index < bytes.count ? bytes[index] : nil
  }

  /// Skips `byte` if it is next.
  mutating func skip(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    index += 1
    return true
  }

  mutating func parseText() throws(JSONError) -> JSONValue {
    if let offset = firstInvalidUTF8Offset(in: bytes) { throw .invalidUTF8(at: position(of: offset)) }
    if syntax == .json && bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw .byteOrderMark }
    try skipWhitespace()
    let value = try parseValue()
    try skipWhitespace()
    guard index == bytes.count else { throw .trailing(found: foundDescription(), at: position()) }
    return value
  }

  mutating func parseValue() throws(JSONError) -> JSONValue {
    guard let byte = next else {
      throw .unexpected(expected: "a value", found: foundDescription(), at: position())
    }
    guard valueCount < limits.valueCount else {
      throw .tooManyValues(limit: limits.valueCount, at: position())
    }
    valueCount += 1
    switch byte {
    case UInt8(ascii: "{"): return .object(try parseObject())
    case UInt8(ascii: "["): return .array(try parseArray())
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "'") where syntax == .json5: return .string(try parseString())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try parseNumber())
    case UInt8(ascii: "+") where syntax == .json5: return .number(try parseNumber())
    case UInt8(ascii: ".") where syntax == .json5: return .number(try parseNumber())
    default: return try parseWord()
    }
  }

  /// `true`, `false`, `null`; and other words that look like values, for a better message.
  private mutating func parseWord() throws(JSONError) -> JSONValue {
    let start = index
    while let byte = next, isASCIIAlphanumeric(byte) { index += 1 }
    let word = String(decoding: bytes[start..<index], as: UTF8.self)
    switch word {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    default: break
    }
    index = start
    if word == "NaN" || word == "Infinity" { throw .notFinite(found: word, at: position()) }
    throw .unexpected(
      expected: "a value", found: word.isEmpty ? foundDescription() : "the word \(word.prefix(40))",
      at: position())
  }

  private mutating func parseArray() throws(JSONError) -> [JSONValue] {
    try open()
    defer { depth -= 1 }
    var elements: [JSONValue] = []
    try skipWhitespace()
    if skip(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try parseValue())
      try skipWhitespace()
      if skip(UInt8(ascii: "]")) { return elements }
      guard skip(UInt8(ascii: ",")) else {
        throw .unexpected(expected: "',' or ']' after an element", found: foundDescription(), at: position())
      }
      try skipWhitespace()
      if syntax == .json5 && skip(UInt8(ascii: "]")) { return elements }
    }
  }

  private mutating func parseObject() throws(JSONError) -> JSONObject {
    try open()
    defer { depth -= 1 }
    var object = JSONObject()
    try skipWhitespace()
    if skip(UInt8(ascii: "}")) { return object }
    while true {
      let keyStart = index
      let key = try parseKey()
      try skipWhitespace()
      guard skip(UInt8(ascii: ":")) else {
        throw .unexpected(expected: "':' after a key", found: foundDescription(), at: position())
      }
      try skipWhitespace()
      let value = try parseValue()
      if !object.appendIfNew(key, value) {
        guard limits.acceptsAmbiguous else { throw .duplicateKey(key, at: position(of: keyStart)) }
        object[key] = value
      }
      try skipWhitespace()
      if skip(UInt8(ascii: "}")) { return object }
      guard skip(UInt8(ascii: ",")) else {
        throw .unexpected(expected: "',' or '}' after a member", found: foundDescription(), at: position())
      }
      try skipWhitespace()
      if syntax == .json5 && skip(UInt8(ascii: "}")) { return object }
    }
  }

  /// Skips the opening bracket.
  private mutating func open() throws(JSONError) {
    guard depth < limits.depth else { throw .tooDeep(limit: limits.depth, at: position()) }
    depth += 1
    index += 1
  }

  mutating func parseKey() throws(JSONError) -> String {
    if next == UInt8(ascii: "\"") { return try parseString() }
    if syntax == .json5 {
      if next == UInt8(ascii: "'") { return try parseString() }
      return try parseIdentifier()
    }
    throw .unexpected(expected: "a key in double quotes", found: foundDescription(), at: position())
  }

  private func isASCIIAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
