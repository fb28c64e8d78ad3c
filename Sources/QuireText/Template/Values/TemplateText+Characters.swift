// Code points of a text. Python counts, indexes and slices strings by them.

extension TemplateText {
  var isASCII: Bool { bytes.allSatisfy { $0 < 0x80 } }

  var scalarCount: Int { bytes.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) } }

  /// The byte offset of each code point, and the end.
  var scalarOffsets: [Int] {
    var offsets: [Int] = []
    offsets.reserveCapacity(bytes.count + 1)
    for (offset, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 { offsets.append(offset) }
    offsets.append(bytes.count)
    return offsets
  }

  /// The code points with their byte ranges.
  var scalars: [(scalar: Unicode.Scalar, range: Range<Int>)] {
    var result: [(scalar: Unicode.Scalar, range: Range<Int>)] = []
    var start = 0
    for scalar in string.unicodeScalars {
      let end = start + UTF8.width(scalar)
      result.append((scalar, start..<end))
      start = end
    }
    return result
  }

  /// The text of each code point.
  var characters: [TemplateText] {
    let offsets = scalarOffsets
    return zip(offsets, offsets.dropFirst()).map { self[$0..<$1] }
  }

  /// A text in which each code point is replaced; provenance is that of the original.
  func mapScalars(_ transform: (_ index: Int, _ all: [Unicode.Scalar]) -> String) -> TemplateText {
    let all = Array(string.unicodeScalars)
    var builder = TemplateTextBuilder()
    var index = 0
    forEachRun { range, isTemplate in
      var end = range.lowerBound
      while end < range.upperBound {
        builder.append(transform(index, all), isTemplate: isTemplate)
        end += UTF8.width(all[index])
        index += 1
      }
    }
    var result = builder.text
    result.isMarkup = isMarkup
    return result
  }
}

extension Unicode.Scalar {
  /// Python's `str.isspace`.
  var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
      0x3000:
      true
    default: false
    }
  }

  /// The line ends of Python's `str.splitlines`; a carriage return with a line feed is one.
  var isPythonLineEnd: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }
}

extension TemplateText {
  /// The bytes of the white space character that starts at an offset; 0 for another character.
  func spaceWidth(at offset: Int) -> Int {
    let byte = bytes[offset]
    if byte < 0x80 { return (0x09...0x0D).contains(byte) || (0x1C...0x20).contains(byte) ? 1 : 0 }
    if byte == 0xC2 { return bytes[offset + 1] == 0x85 || bytes[offset + 1] == 0xA0 ? 2 : 0 }
    guard byte == 0xE1 || byte == 0xE2 || byte == 0xE3 else { return 0 }
    let value =
      UInt32(byte & 0x0F) << 12 | UInt32(bytes[offset + 1] & 0x3F) << 6 | UInt32(bytes[offset + 2] & 0x3F)
    return Unicode.Scalar(value)?.isPythonSpace == true ? 3 : 0
  }

  /// The start of the character that ends before an offset.
  func startOfCharacter(before offset: Int) -> Int {
    var start = offset - 1
    while start > 0 && bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  /// The range without white space at the asked sides.
  func rangeWithoutSpace(left: Bool, right: Bool) -> Range<Int> {
    var lower = 0
    var upper = bytes.count
    while left && lower < upper {
      let width = spaceWidth(at: lower)
      if width == 0 { break }
      lower += width
    }
    while right && upper > lower {
      let start = startOfCharacter(before: upper)
      if spaceWidth(at: start) == 0 { break }
      upper = start
    }
    return lower..<upper
  }

  /// The range without the characters of `set` at the asked sides.
  func range(without set: TemplateText, left: Bool, right: Bool) -> Range<Int> {
    let members = Set(set.string.unicodeScalars)
    var scalars = Array(string.unicodeScalars)[...]
    var lower = 0
    var upper = bytes.count
    while left, let first = scalars.first, members.contains(first) {
      lower += UTF8.width(first)
      scalars.removeFirst()
    }
    while right, let last = scalars.last, members.contains(last) {
      upper -= UTF8.width(last)
      scalars.removeLast()
    }
    return lower..<upper
  }
}
