/// The non-empty lines of a JSON Lines text with their numbers.
///
///     for line in JSONLines(bytes) { print(line.number, JSONValue.parse(line.bytes)) }
///
/// Lines end with LF or CR LF; a line of only white space is skipped, but counted.
package struct JSONLines: Sequence {
  package struct Line {
    /// From 1.
    package let number: Int
    /// Without the line end.
    package let bytes: ArraySlice<UInt8>
  }

  private let lines: [Line]

  package init(_ bytes: [UInt8]) {
    lines = Self.split(bytes).enumerated().compactMap { index, line in
      let bytes = Self.withoutReturn(line)
      return bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        ? nil : Line(number: index + 1, bytes: bytes)
    }
  }

  package func makeIterator() -> IndexingIterator<[Line]> { lines.makeIterator() }

  /// The line without the CR of a CR LF.
  package static func withoutReturn(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    line.last == 0x0D ? line.dropLast() : line
  }

  private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
  }

  /// Precondition: some of the bytes are not UTF-8.
  static func firstInvalidLine(_ bytes: [UInt8]) -> Int {
    let index = split(bytes).firstIndex { String(validating: $0, as: UTF8.self) == nil }
    return (index ?? 0) + 1
  }
}
