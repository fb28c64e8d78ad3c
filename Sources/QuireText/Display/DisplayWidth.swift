extension Character {
  /// The number of terminal columns of this character: 0, 1 or 2. East Asian wide characters and emoji take two.
  package var displayWidth: Int {
    min(2, unicodeScalars.reduce(0) { $0 + $1.displayWidth })
  }
}

extension StringProtocol {
  /// The number of terminal columns of this text. Precondition: it has no control characters.
  package var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

  /// The longest prefix that takes at most `columns` columns.
  package func prefix(columns: Int) -> SubSequence {
    var used = 0
    let end = indices.first { index in
      used += self[index].displayWidth
      return used > columns
    }
    return self[..<(end ?? endIndex)]
  }
}

extension Unicode.Scalar {
  /// Columns of this scalar alone, by Unicode's East Asian Width (UAX #11) and the general category.
  fileprivate var displayWidth: Int {
    if value < 0x300 { return value < 0x20 || (0x7F..<0xA0).contains(value) ? 0 : 1 }
    if Self.medialJamo.contains(value) { return 0 }
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    let isWide = Self.wideRanges.contains { $0.contains(value) } || properties.isEmojiPresentation
    return isWide ? 2 : 1
  }

  /// Vowels and final consonants of Korean syllables, which are drawn inside the preceding consonant's cell.
  private static let medialJamo: ClosedRange<UInt32> = 0x1160...0x11FF

  /// Blocks of wide characters (UAX #11: W and F); emoji are found by their property.
  private static let wideRanges: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F,
    0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
    0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F265, 0x20000...0x3FFFD,
  ]
}
