import QuireFiles
import QuireJSON
import QuireTensors

/// Reads the numbers and texts of a GGUF header in order, never beyond the end of the file.
struct GGUFCursor {
  /// Far more than the tokenizer of any model needs.
  static let headerBytesMax = 256 << 20
  /// Far more than any chat template needs.
  static let textBytesMax = 16 << 20
  private static let windowBytes = 1 << 20

  let path: String
  private let file: InputFile
  private(set) var offset = 0
  private var window: [UInt8] = []
  private var windowStart = 0

  init(path: String, file: InputFile) {
    self.path = path
    self.file = file
  }

  // bounded: the offset never passes the end of the file
  var remaining: Int { file.byteCount - offset }

  /// - Parameter what: what is read, for the sentence when the file ends before it.
  mutating func number<Number: FixedWidthInteger>(
    _: Number.Type, _ what: @autoclosure () -> String
  ) throws(CheckpointError) -> Number {
    let size = MemoryLayout<Number>.size
    try fill(size, what)
    defer { advance(size) }
    let start = offset - windowStart  // bounded: the window begins at or before the offset
    return window.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: Number.self))
    }
  }

  /// A length and as many bytes; nil when they are not UTF-8.
  mutating func text(_ what: @autoclosure () -> String) throws(CheckpointError) -> String? {
    let length = try number(UInt64.self, what())
    guard let count = CheckedCount(length).value(atMost: min(remaining, Self.textBytesMax)) else {
      throw malformed(
        "\(what()) of at most \(min(remaining, Self.textBytesMax)) bytes", "a length of \(length)")
    }
    try fill(count, what)
    defer { advance(count) }
    let start = offset - windowStart  // bounded: the window begins at or before the offset
    // bounded: the window holds the text
    return String(validating: window[start..<start + count], as: UTF8.self)
  }

  /// Passes over a list of values.
  mutating func skip(_ count: CheckedCount, _ what: @autoclosure () -> String) throws(CheckpointError) {
    guard let count = count.value(atMost: remaining) else {
      throw malformed(what(), "the file's end before it")
    }
    advance(count)
    try checkLength()
  }

  /// Makes `count` bytes from the offset available in the window.
  private mutating func fill(_ count: Int, _ what: () -> String) throws(CheckpointError) {
    guard count <= remaining else { throw malformed(what(), "the file's end before it") }
    try checkLength()
    // bounded: all are within the file
    guard offset + count > windowStart + window.count || offset < windowStart else { return }
    windowStart = offset
    let buffer = HostBuffer<UInt8>(count: min(remaining, max(count, Self.windowBytes)))
    do throws(FileFailure) { try file.read(at: offset, into: buffer.bytes) } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
    window = withExtendedLifetime(buffer) { Array(buffer.buffer) }
  }

  // bounded: the caller has checked that the bytes are in the file
  private mutating func advance(_ count: Int) { offset += count }

  private func checkLength() throws(CheckpointError) {
    guard offset <= Self.headerBytesMax else {
      throw malformed("a GGUF header of at most \(Self.headerBytesMax) bytes", "a longer one")
    }
  }

  func malformed(_ expected: String, _ found: String) -> CheckpointError {
    .malformed(path: path, expected: expected, found: found)
  }
}
