/// Normalizes a text of which some ranges come from a chat template, and finds those ranges in the result.
///
/// A range is cut where normalization cannot reach across: before a code point that it leaves alone. If a message
/// begins with a combining mark, the template's character before it is no longer counted as the template's.
struct RangeNormalizer {
  private let normalizer = Normalizer()
  private let table = CharacterTable.shared

  /// - Parameters:
  ///   - bytes: Valid UTF-8.
  ///   - ranges: In order, disjoint, within the text, at character boundaries.
  func normalized(
    _ bytes: UnsafeBufferPointer<UInt8>, ranges: [Range<Int>]
  ) -> (bytes: [UInt8], ranges: [Range<Int>]) {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var found: [Range<Int>] = []
    var copied = 0
    for range in ranges {
      let range = cut(range, in: bytes)
      if range.isEmpty { continue }
      append(bytes[copied..<range.lowerBound], to: &output)
      let start = output.count
      append(bytes[range], to: &output)
      found.append(start..<output.count)
      copied = range.upperBound
    }
    append(bytes[copied...], to: &output)
    return (output, found)
  }

  private func append(_ part: Slice<UnsafeBufferPointer<UInt8>>, to output: inout [UInt8]) {
    if let normalized = normalizer.normalized(UnsafeBufferPointer(rebasing: part)) {
      output += normalized
    } else {
      output += part
    }
  }

  /// The part of a range that can be normalized alone.
  private func cut(_ range: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>) -> Range<Int> {
    var lower = range.lowerBound
    while lower < range.upperBound && mayJoin(bytes, at: lower) {
      lower += UTF8Text.scalar(in: bytes, at: lower).length
    }
    var upper = range.upperBound
    while upper > lower && upper < bytes.count && mayJoin(bytes, at: upper) {
      upper = max(lower, UTF8Text.start(in: bytes, before: upper) ?? lower)
    }
    return lower..<max(lower, upper)
  }

  /// Whether the code point may change or move by what is before it.
  private func mayJoin(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
    table.traits(of: UTF8Text.scalar(in: bytes, at: index).scalar).concernsNormalization
  }
}
