import QuireFiles
import QuireJSON

// Metadata.
extension GGUFHeader {
  /// One key with its value.
  static func field(_ cursor: inout GGUFCursor) throws(CheckpointError) -> (key: String, value: GGUFField) {
    guard let key = try cursor.text("a metadata key") else {
      throw cursor.malformed("a metadata key in UTF-8", "other bytes")
    }
    return (key, try value(try kind(&cursor, key), key, &cursor))
  }

  private static func kind(_ cursor: inout GGUFCursor, _ key: String) throws(CheckpointError) -> GGUFKind {
    let number = try cursor.number(UInt32.self, "the type of \(key.prefix(80))")
    guard let kind = GGUFKind(rawValue: number) else {
      throw cursor.malformed("a type from 0 to 12 for the value of \(key.prefix(80))", "\(number)")
    }
    return kind
  }

  private static func value(
    _ kind: GGUFKind, _ key: String, _ cursor: inout GGUFCursor
  ) throws(CheckpointError) -> GGUFField {
    let what = "the value of \(key.prefix(80))"
    switch kind {
    case .float32: return .float(Double(Float(bitPattern: try cursor.number(UInt32.self, what))))
    case .float64: return .float(Double(bitPattern: try cursor.number(UInt64.self, what)))
    case .bool: return .bool(try cursor.number(UInt8.self, what) != 0)
    case .string: return try cursor.text(what).map { .text($0) } ?? .other("a text that is not UTF-8")
    case .array: return try list(key, &cursor)
    default: return try integer(kind, what, &cursor).map { .integer($0) } ?? .other("a number beyond 2^63")
    }
  }

  /// Nil beyond 2^63, and for other types.
  private static func integer(
    _ kind: GGUFKind, _ what: @autoclosure () -> String, _ cursor: inout GGUFCursor
  ) throws(CheckpointError) -> Int? {
    switch kind {
    case .uint8: Int(try cursor.number(UInt8.self, what()))
    case .int8: Int(try cursor.number(Int8.self, what()))
    case .uint16: Int(try cursor.number(UInt16.self, what()))
    case .int16: Int(try cursor.number(Int16.self, what()))
    case .uint32: Int(try cursor.number(UInt32.self, what()))
    case .int32: Int(try cursor.number(Int32.self, what()))
    case .uint64: Int(exactly: try cursor.number(UInt64.self, what()))
    case .int64: Int(try cursor.number(Int64.self, what()))
    case .float32, .float64, .bool, .string, .array: nil
    }
  }

  private static func list(_ key: String, _ cursor: inout GGUFCursor) throws(CheckpointError) -> GGUFField {
    let kind = try kind(&cursor, key)
    let count = try cursor.number(UInt64.self, "the length of \(key.prefix(80))")
    let bytes = CheckedCount(count) * CheckedCount(kind.byteCount)
    guard bytes.value(atMost: cursor.remaining) != nil else {
      throw cursor.malformed(
        "a list under \(key.prefix(80)) that fits into \(cursor.remaining) bytes", "a length of \(count)")
    }
    switch kind {
    case .array:
      throw cursor.malformed("a list of numbers or texts under \(key.prefix(80))", "a list of lists")
    case .string: return try texts(count, key, &cursor)
    case .uint32, .int32, .uint64, .int64:
      var numbers: [Int] = []
      for _ in 0..<count {
        let number = try integer(kind, "the values of \(key.prefix(80))", &cursor)
        // Beyond 2^63: no key that Quire reads has such a value.
        numbers.append(number ?? .max)
      }
      return .integers(numbers)
    default:
      // Of small numbers and floats no key is used.
      try cursor.skip(bytes, "the values of \(key.prefix(80))")
      return .other("a list of \(count) numbers of type \(kind)")
    }
  }

  private static func texts(
    _ count: UInt64, _ key: String, _ cursor: inout GGUFCursor
  ) throws(CheckpointError) -> GGUFField {
    var texts: [String] = []
    var areValid = true
    for _ in 0..<count {
      let text = try cursor.text("the texts of \(key.prefix(80))")
      areValid = areValid && text != nil
      texts.append(text ?? "")
    }
    return areValid ? .texts(texts) : .other("texts that are not UTF-8")
  }
}
