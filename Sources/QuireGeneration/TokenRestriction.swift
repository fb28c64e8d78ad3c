package import QuireGrammar

/// The only tokens that a sampler may choose.
package struct TokenRestriction: Sendable {
  package let mask: TokenMask
  /// Tokens in addition to the mask: the ends of an answer, a tag.
  package var extras: [Int32]

  package init(mask: TokenMask, extras: [Int32] = []) {
    self.mask = mask
    self.extras = extras
  }

  /// Whether no token at all may be chosen.
  package var isEmpty: Bool { mask.isEmpty && extras.isEmpty }
}

extension SamplerWorkspace {
  /// Leaves in `adjusted` a row whose other tokens are −infinity. The row may be `adjusted` itself.
  func restrict(_ row: UnsafePointer<Float>, count: Int, to tokens: TokenRestriction) {
    precondition(tokens.mask.wordCount * 64 >= count && tokens.extras.count <= capacity)
    // `weights` is free until candidates are weighed.
    let (adjusted, kept, extras) = (adjusted, weights, tokens.extras)
    for (index, id) in extras.enumerated() { kept[index] = row[Int(id)] }
    let words = tokens.mask.words
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
