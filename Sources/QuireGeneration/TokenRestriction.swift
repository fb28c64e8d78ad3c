package import QuireGrammar

/// The only tokens that a sampler may choose: those of a mask and of a second mask, without the excluded ones.
package struct TokenRestriction: Sendable {
  /// Nil: all tokens.
  package let mask: TokenMask?
  /// Tokens in addition to the mask: the ends of an answer, a tag.
  package var extras: [Int32]
  /// A mask that also the extras have to be in; nil: all tokens.
  package let limit: TokenMask?
  /// Tokens that must not be chosen, whatever the masks say.
  package let excluded: [Int32]

  package init(
    mask: TokenMask?, extras: [Int32] = [], limit: TokenMask? = nil, excluded: [Int32] = []
  ) {
    self.mask = mask
    self.extras = extras
    self.limit = limit
    self.excluded = excluded
  }
}

extension SamplerWorkspace {
  /// Leaves in `adjusted` a row whose other tokens are −infinity. The row may be `adjusted` itself.
  func restrict(_ row: UnsafePointer<Float>, count: Int, to tokens: TokenRestriction) {
    var row = row
    if let mask = tokens.mask {
      keep(mask, tokens.extras, of: row, count: count)
      row = UnsafePointer(adjusted)
    }
    if let mask = tokens.limit {
      keep(mask, [], of: row, count: count)
      row = UnsafePointer(adjusted)
    }
    if row != UnsafePointer(adjusted) { adjusted.update(from: row, count: count) }
    for id in tokens.excluded { adjusted[Int(id)] = -.infinity }
  }

  private func keep(_ mask: TokenMask, _ extras: [Int32], of row: UnsafePointer<Float>, count: Int) {
    precondition(mask.wordCount * 64 >= count && extras.count <= capacity)
    // `weights` is free until candidates are weighed.
    let (adjusted, kept) = (adjusted, weights)
    for (index, id) in extras.enumerated() { kept[index] = row[Int(id)] }
    let words = mask.words
    for word in 0..<(count + 63) / 64 {
      let start = word * 64
      Self.restrict(
        row + start, count: min(64, count - start), to: words[word], into: adjusted + start)
    }
    for (index, id) in extras.enumerated() { adjusted[Int(id)] = kept[index] }
  }

  /// Up to 64 logits. Visits only the rarer kind of bit, because a branch on each bit would take most of the time.
  @inline(__always)
  private static func restrict(
    _ row: UnsafePointer<Float>, count: Int, to bits: UInt64, into adjusted: UnsafeMutablePointer<Float>
  ) {
    let inUse = count == 64 ? UInt64.max : (1 << UInt64(count)) - 1
    let isInPlace = row == UnsafePointer(adjusted)
    if isInPlace || bits.nonzeroBitCount > 32 {
      if !isInPlace { adjusted.update(from: row, count: count) }
      var refused = ~bits & inUse
      while refused != 0 {
        adjusted[refused.trailingZeroBitCount] = -.infinity
        refused &= refused &- 1
      }
    } else {
      adjusted.update(repeating: -.infinity, count: count)
      var allowed = bits & inUse
      while allowed != 0 {
        adjusted[allowed.trailingZeroBitCount] = row[allowed.trailingZeroBitCount]
        allowed &= allowed &- 1
      }
    }
  }
}
