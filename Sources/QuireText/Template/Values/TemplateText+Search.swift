// Searching, splitting and replacing. UTF-8 is self-synchronizing, so that bytes can be compared.

extension TemplateText {
  /// The offset where `pattern` first starts at `start` or after it, with its end at most `end`.
  func offset(of pattern: [UInt8], from start: Int, end: Int? = nil) -> Int? {
    let end = end ?? bytes.count
    if pattern.isEmpty { return start <= end ? start : nil }
    if end - start < pattern.count { return nil }
    return bytes.withUnsafeBufferPointer { bytes in
      pattern.withUnsafeBufferPointer { pattern in
        pattern.count <= Self.simpleLimit
          ? Self.simpleSearch(bytes, pattern, start, end) : Self.linearSearch(bytes, pattern, start, end)
      }
    }
  }

  /// Longer patterns could make the simple search quadratic.
  private static let simpleLimit = 32

  private static func simpleSearch(
    _ bytes: UnsafeBufferPointer<UInt8>, _ pattern: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
  ) -> Int? {
    let first = pattern[0]
    var offset = start
    while offset <= end - pattern.count {
      if bytes[offset] == first {
        var length = 1
        while length < pattern.count && bytes[offset + length] == pattern[length] { length += 1 }
        if length == pattern.count { return offset }
      }
      offset += 1
    }
    return nil
  }

  /// The algorithm of Knuth, Morris and Pratt.
  private static func linearSearch(
    _ bytes: UnsafeBufferPointer<UInt8>, _ pattern: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
  ) -> Int? {
    /// Length of the longest border of each prefix.
    var borders = [Int](repeating: 0, count: pattern.count)
    var border = 0
    for index in 1..<pattern.count {
      while border > 0 && pattern[index] != pattern[border] { border = borders[border - 1] }
      if pattern[index] == pattern[border] { border += 1 }
      borders[index] = border
    }
    var length = 0
    for offset in start..<end {
      while length > 0 && bytes[offset] != pattern[length] { length = borders[length - 1] }
      if bytes[offset] == pattern[length] { length += 1 }
      if length == pattern.count { return offset + 1 - length }
    }
    return nil
  }

  /// The number of occurrences of a pattern that is not empty.
  func occurrenceCount(of pattern: [UInt8]) -> Int {
    var count = 0
    var start = 0
    while let match = offset(of: pattern, from: start) {
      count += 1
      start = match + pattern.count
    }
    return count
  }

  /// The offset where `pattern` last starts, at `start` or after it, with its end at most `end`.
  func lastOffset(of pattern: [UInt8], start: Int, end: Int) -> Int? {
    var offset = end - pattern.count
    while offset >= start {
      if bytes[offset...].starts(with: pattern) { return offset }
      offset -= 1
    }
    return nil
  }

  func starts(with prefix: TemplateText) -> Bool { bytes.starts(with: prefix.bytes) }
  func ends(with suffix: TemplateText) -> Bool {
    bytes.count >= suffix.bytes.count
      && bytes[(bytes.count - suffix.bytes.count)...].elementsEqual(suffix.bytes)
  }

  func contains(_ part: [UInt8]) -> Bool { offset(of: part, from: 0) != nil }
  func contains(_ part: TemplateText) -> Bool { offset(of: part.bytes, from: 0) != nil }

  /// The parts between occurrences of a separator that is not empty, at most `limit` cuts from the left.
  func split(by separator: TemplateText, limit: Int = .max) -> [TemplateText] {
    var parts: [TemplateText] = []
    var start = 0
    while parts.count < limit, let match = offset(of: separator.bytes, from: start) {
      parts.append(self[start..<match])
      start = match + separator.bytes.count
    }
    parts.append(self[start..<bytes.count])
    return parts
  }

  /// As ``split(by:limit:)`` with cuts from the right.
  func splitFromRight(by separator: TemplateText, limit: Int) -> [TemplateText] {
    var parts: [TemplateText] = []
    var end = bytes.count
    while parts.count < limit, let match = lastOffset(of: separator.bytes, start: 0, end: end) {
      parts.append(self[match + separator.bytes.count..<end])
      end = match
    }
    parts.append(self[0..<end])
    return parts.reversed()
  }

  /// The words between white space; after `limit` cuts, the rest without white space on its cut side.
  func words(limit: Int = .max, fromRight: Bool = false) -> [TemplateText] {
    var parts: [TemplateText] = []
    var rest = rangeWithoutSpace(left: true, right: true)
    if limit < .max {
      rest = fromRight ? 0..<rest.upperBound : rest.lowerBound..<bytes.count
    }
    while !rest.isEmpty {
      if fromRight {
        while rest.upperBound > rest.lowerBound {
          let start = startOfCharacter(before: rest.upperBound)
          if spaceWidth(at: start) == 0 { break }
          rest = rest.lowerBound..<start
        }
      } else {
        while rest.lowerBound < rest.upperBound {
          let width = spaceWidth(at: rest.lowerBound)
          if width == 0 { break }
          rest = rest.lowerBound + width..<rest.upperBound
        }
      }
      if rest.isEmpty { break }
      if parts.count == limit {
        parts.append(self[rest])
        break
      }
      var edge = fromRight ? rest.upperBound : rest.lowerBound
      if fromRight {
        while edge > rest.lowerBound {
          let start = startOfCharacter(before: edge)
          if spaceWidth(at: start) > 0 { break }
          edge = start
        }
        parts.append(self[edge..<rest.upperBound])
        rest = rest.lowerBound..<edge
      } else {
        while edge < rest.upperBound && spaceWidth(at: edge) == 0 { edge += 1 }
        parts.append(self[rest.lowerBound..<edge])
        rest = edge..<rest.upperBound
      }
    }
    return fromRight ? parts.reversed() : parts
  }

  /// Python's `str.splitlines`.
  func lines(keepingEnds: Bool = false) -> [TemplateText] {
    var lines: [TemplateText] = []
    var start = 0
    let all = scalars
    var index = 0
    while index < all.count {
      guard all[index].scalar.isPythonLineEnd else {
        index += 1
        continue
      }
      let contentEnd = all[index].range.lowerBound
      if all[index].scalar == "\r", index + 1 < all.count, all[index + 1].scalar == "\n" { index += 1 }
      let end = all[index].range.upperBound
      lines.append(self[start..<(keepingEnds ? end : contentEnd)])
      start = end
      index += 1
    }
    if start < bytes.count { lines.append(self[start..<bytes.count]) }
    return lines
  }

  /// Python's `str.replace`.
  func replacing(_ old: TemplateText, with new: TemplateText, limit: Int = .max) -> TemplateText {
    var builder = TemplateTextBuilder()
    if old.isEmpty {
      // An empty text occurs before each character and at the end.
      var count = 0
      for character in characters {
        if count < limit {
          builder.append(new)
          count += 1
        }
        builder.append(character)
      }
      if count < limit { builder.append(new) }
    } else {
      for (index, part) in split(by: old, limit: limit).enumerated() {
        if index > 0 { builder.append(new) }
        builder.append(part)
      }
    }
    var result = builder.text
    result.isMarkup = isMarkup
    return result
  }

  func joining(_ parts: [TemplateText]) -> TemplateText {
    var builder = TemplateTextBuilder()
    for (index, part) in parts.enumerated() {
      if index > 0 { builder.append(self) }
      builder.append(part)
    }
    return builder.text
  }
}
