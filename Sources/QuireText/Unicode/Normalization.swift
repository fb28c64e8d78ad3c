/// Canonical decomposition and composition of code points (Unicode Standard, sections 3.11 and 3.12), with the tables
/// of the Unicode version that Hugging Face's tokenizer uses for normalization.
struct Normalization: Sendable {
  static let shared = Normalization()

  /// Sorted by code point: code << 42 | first << 21 | second, with second 0 for a singleton.
  private let decompositions: [UInt64]
  /// Sorted by parts: first << 42 | second << 21 | composite.
  private let compositions: [UInt64]

  private init() {
    var decompositions: [UInt64] = []
    var compositions: [UInt64] = []
    let rows = NormalizationData.compositions
    for index in stride(from: 0, to: rows.count, by: 3) {
      decompositions.append(Self.packed(rows[index], rows[index + 1], rows[index + 2]))
      compositions.append(Self.packed(rows[index + 1], rows[index + 2], rows[index]))
    }
    let oneWay = NormalizationData.oneWayDecompositions
    for index in stride(from: 0, to: oneWay.count, by: 3) {
      decompositions.append(Self.packed(oneWay[index], oneWay[index + 1], oneWay[index + 2]))
    }
    let singletons = NormalizationData.singletons
    for index in stride(from: 0, to: singletons.count, by: 2) {
      decompositions.append(Self.packed(singletons[index], singletons[index + 1], 0))
    }
    self.decompositions = decompositions.sorted()
    self.compositions = compositions.sorted()
  }

  /// Every code point whose combining class is not 0.
  static func marks() -> [UInt32] {
    let classes = NormalizationData.combiningClasses
    return stride(from: 0, to: classes.count, by: 3).flatMap { classes[$0]...classes[$0 + 1] }
  }

  /// Every code point that NFC can replace or merge into the one before it.
  static func changing() -> [UInt32] {
    func column(_ column: Int, of width: Int, _ rows: [UInt32]) -> [UInt32] {
      stride(from: column, to: rows.count, by: width).map { rows[$0] }
    }
    return column(2, of: 3, NormalizationData.compositions)
      + column(0, of: 3, NormalizationData.oneWayDecompositions)
      + column(0, of: 2, NormalizationData.singletons)
      + Array(Hangul.vowelBase..<Hangul.vowelBase + Hangul.vowelCount)
      + Array(Hangul.tailBase + 1..<Hangul.tailBase + Hangul.tailCount)
  }

  /// The canonical combining class; 0 for a starter.
  func combiningClass(of code: UInt32) -> UInt8 {
    let classes = NormalizationData.combiningClasses
    var low = 0
    var high = classes.count / 3
    while low < high {
      let middle = (low + high) / 2
      if classes[3 * middle + 1] < code { low = middle + 1 } else { high = middle }
    }
    guard low < classes.count / 3, classes[3 * low] <= code else { return 0 }
    return UInt8(classes[3 * low + 2])
  }

  /// Appends the full canonical decomposition of a code point.
  func appendDecomposition(of code: UInt32, to output: inout [UInt32]) {
    if let parts = Hangul.decomposition(of: code) {
      output += parts
      return
    }
    guard let (first, second) = parts(of: code) else {
      output.append(code)
      return
    }
    appendDecomposition(of: first, to: &output)
    if second != 0 { appendDecomposition(of: second, to: &output) }
  }

  /// The primary composite of two code points, if there is one.
  func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if let syllable = Hangul.composition(first, second) { return syllable }
    let wanted = Self.packed(first, second, 0)
    let index = lowerBound(of: wanted, in: compositions)
    guard index < compositions.count, compositions[index] >> 21 == wanted >> 21 else { return nil }
    return UInt32(compositions[index] & 0x1F_FFFF)
  }

  private func parts(of code: UInt32) -> (UInt32, UInt32)? {
    let index = lowerBound(of: Self.packed(code, 0, 0), in: decompositions)
    guard index < decompositions.count, decompositions[index] >> 42 == UInt64(code) else { return nil }
    return (UInt32(decompositions[index] >> 21 & 0x1F_FFFF), UInt32(decompositions[index] & 0x1F_FFFF))
  }

  private func lowerBound(of value: UInt64, in rows: [UInt64]) -> Int {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if rows[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static func packed(_ first: UInt32, _ second: UInt32, _ third: UInt32) -> UInt64 {
    UInt64(first) << 42 | UInt64(second) << 21 | UInt64(third)
  }
}

/// Hangul syllables are composed by arithmetic (Unicode Standard, section 3.12).
private enum Hangul {
  static let syllableBase: UInt32 = 0xAC00
  static let leadBase: UInt32 = 0x1100
  static let vowelBase: UInt32 = 0x1161
  static let tailBase: UInt32 = 0x11A7
  static let leadCount: UInt32 = 19
  static let vowelCount: UInt32 = 21
  static let tailCount: UInt32 = 28
  static let syllableCount = leadCount * vowelCount * tailCount

  static func decomposition(of code: UInt32) -> [UInt32]? {
    let index = code &- syllableBase
    guard index < syllableCount else { return nil }
    let lead = leadBase + index / (vowelCount * tailCount)
    let vowel = vowelBase + index % (vowelCount * tailCount) / tailCount
    let tail = index % tailCount
    return tail == 0 ? [lead, vowel] : [lead, vowel, tailBase + tail]
  }

  static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    let lead = first &- leadBase
    let vowel = second &- vowelBase
    if lead < leadCount && vowel < vowelCount {
      return syllableBase + (lead * vowelCount + vowel) * tailCount
    }
    let syllable = first &- syllableBase
    let tail = second &- tailBase
    guard syllable < syllableCount, syllable % tailCount == 0, tail > 0, tail < tailCount else { return nil }
    return first + tail
  }
}
