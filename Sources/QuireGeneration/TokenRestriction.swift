package import QuireGrammar

/// The only tokens that a sampler may choose.
package struct TokenRestriction: Sendable {
  package let mask: TokenMask
  /// Tokens besides those of the mask: the ends of an answer, a tag.
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
      let size = min(64, count - start)
      let bits = words[word]
      if bits == 0 {
        (adjusted + start).update(repeating: -.infinity, count: size)
        continue
      }
      if bits == .max {
        if row != UnsafePointer(adjusted) { (adjusted + start).update(from: row + start, count: size) }
        continue
      }
      for index in 0..<size {
        adjusted[start + index] = bits &>> UInt64(index) & 1 != 0 ? row[start + index] : -.infinity
      }
    }
    for (index, id) in extras.enumerated() { adjusted[Int(id)] = kept[index] }
  }
}
