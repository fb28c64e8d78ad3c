import QuireCalibration
import QuireOptimization
import QuireModel
import QuireCheckpoints

/// One step from a JSON value to a value inside it.
enum RecipePathStep: Sendable, Equatable {
  case key(String)
  case index(Int)
}

/// Finds the line on which a value of a recipe stands, for error sentences.
///
/// The text must be JSON5 that has been parsed before: the locator trusts brackets and quotes and only counts.
/// Keys written with escapes are not found; then the line of the value around them is given.
struct RecipeLocator {
  private let bytes: [UInt8]
  private var index = 0

  init(_ text: [UInt8]) {
    bytes = text
  }

  /// The line, counted from 1, of the value at `path`; of a member, the line of its key.
  func line(of path: [RecipePathStep]) -> Int {
    var walker = self
    walker.skipSpace()
    var offset = walker.index
    for step in path {
      guard let inner = walker.enter(step) else { break }
      offset = inner
    }
    return 1 + bytes[..<min(offset, bytes.count)].count { $0 == UInt8(ascii: "\n") }
  }

  /// Moves to the value that `step` leads to; returns where its key, or itself, begins.
  private mutating func enter(_ step: RecipePathStep) -> Int? {
    skipSpace()
    switch step {
    case .key(let key):
      guard take(UInt8(ascii: "{")) else { return nil }
      while let found = nextKey() {
        if found.name == key { return found.offset }
        skipValue()
      }
      return nil
    case .index(let wanted):
      guard take(UInt8(ascii: "[")) else { return nil }
      for _ in 0..<wanted {
        skipValue()
        guard take(UInt8(ascii: ",")) else { return nil }
      }
      skipSpace()
      return index
    }
  }

  /// Reads the next `key:` of an object; nil at its end.
  private mutating func nextKey() -> (name: String, offset: Int)? {
    skipSpace()
    if take(UInt8(ascii: ",")) { skipSpace() }
    let start = index
    guard index < bytes.count, bytes[index] != UInt8(ascii: "}") else { return nil }
    let name: ArraySlice<UInt8>
    if isQuote(bytes[index]) {
      skipString()
      name = bytes[(start + 1)..<(index - 1)]
    } else {
      while index < bytes.count, !isSpace(bytes[index]), !":/".utf8.contains(bytes[index]) { index += 1 }
      name = bytes[start..<index]
    }
    skipSpace()
    guard take(UInt8(ascii: ":")) else { return nil }
    return (String(decoding: name, as: UTF8.self), start)
  }

  /// Skips the next value whole, with everything inside it, up to the comma or bracket behind it.
  private mutating func skipValue() {
    var depth = 0
    while index < bytes.count {
      let byte = bytes[index]
      let start = index
      skipSpace()
      if index > start { continue }
      if isQuote(byte) {
        skipString()
      } else if "{[".utf8.contains(byte) {
        depth += 1
        index += 1
      } else if "}],".utf8.contains(byte) {
        if depth == 0 { return }
        if byte != UInt8(ascii: ",") { depth -= 1 }
        index += 1
      } else {
        index += 1
      }
    }
  }

  /// Skips white space and comments.
  private mutating func skipSpace() {
    while index < bytes.count {
      if isSpace(bytes[index]) {
        index += 1
      } else if starts(with: "//") {
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
      } else if starts(with: "/*") {
        index += 2
        while index < bytes.count, !starts(with: "*/") { index += 1 }
        index = min(index + 2, bytes.count)
      } else {
        return
      }
    }
  }

  private mutating func skipString() {
    let quote = bytes[index]
    index += 1
    while index < bytes.count, bytes[index] != quote {
      index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    index = min(index + 1, bytes.count)
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  private func starts(with text: StaticString) -> Bool {
    text.withUTF8Buffer { bytes[index...].starts(with: $0) }
  }

  private func isQuote(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
  }

  private func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte)
  }
}
