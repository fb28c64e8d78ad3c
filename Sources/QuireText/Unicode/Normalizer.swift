/// Converts UTF-8 text to normalization form C.
///
/// Almost all text is already in that form, so the text is first searched for runs that might not be. Only such runs
/// are decomposed, reordered and recomposed.
package struct Normalizer: Sendable {
  private let table = CharacterTable.shared
  private let normalization = Normalization.shared

  package init() {}

  /// The text in normalization form C, or nil when it already is. The bytes must be valid UTF-8.
  package func normalized(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var output: [UInt8]?
    /// End of the text that has been copied to the output.
    var copied = 0
    var index = 0
    while let run = nextRun(in: bytes, from: index) {
      index = run.upperBound
      guard let changed = normalizedRun(bytes, run) else { continue }
      output = output ?? []
      output?.append(contentsOf: bytes[copied..<run.lowerBound])
      output?.append(contentsOf: changed)
      copied = run.upperBound
    }
    output?.append(contentsOf: bytes[copied...])
    return output
  }

  /// The next run of code points that normalization may change, with the starter before them that may combine.
  private func nextRun(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Range<Int>? {
    var index = start
    var starter = start
    while index < bytes.count {
      // Code points below U+0300 (lead byte 0xCC) are never changed by normalization.
      if bytes[index] < 0xCC {
        starter = index
        index += bytes[index] < 0x80 ? 1 : 2
        continue
      }
      let (scalar, length) = UTF8Text.scalar(in: bytes, at: index)
      if table.traits(of: scalar).concernsNormalization {
        return starter..<endOfRun(in: bytes, from: index + length)
      }
      starter = index
      index += length
    }
    return nil
  }

  private func endOfRun(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start
    while index < bytes.count && bytes[index] >= 0xCC {
      let (scalar, length) = UTF8Text.scalar(in: bytes, at: index)
      guard table.traits(of: scalar).concernsNormalization else { break }
      index += length
    }
    return index
  }

  /// The run in normalization form C, or nil when it already is.
  private func normalizedRun(_ bytes: UnsafeBufferPointer<UInt8>, _ run: Range<Int>) -> [UInt8]? {
    if isOrderedMarks(bytes, run) { return nil }
    var original: [UInt32] = []
    var decomposed: [UInt32] = []
    var index = run.lowerBound
    while index < run.upperBound {
      let (scalar, length) = UTF8Text.scalar(in: bytes, at: index)
      original.append(scalar)
      normalization.appendDecomposition(of: scalar, to: &decomposed)
      index += length
    }
    let composed = recomposed(decomposed)
    if composed == original { return nil }
    var output: [UInt8] = []
    for scalar in composed { UTF8Text.append(scalar, to: &output) }
    return output
  }

  /// Whether the run has only marks that do not compose, in canonical order, so that it needs no change.
  private func isOrderedMarks(_ bytes: UnsafeBufferPointer<UInt8>, _ run: Range<Int>) -> Bool {
    var index = run.lowerBound
    var lastMark: UInt32?
    while index < run.upperBound {
      let (scalar, length) = UTF8Text.scalar(in: bytes, at: index)
      let traits = table.traits(of: scalar)
      if traits.mayChange { return false }
      if traits.concernsNormalization {
        if let lastMark, normalization.combiningClass(of: lastMark) > normalization.combiningClass(of: scalar)
        {
          return false
        }
        lastMark = scalar
      }
      index += length
    }
    return true
  }

  /// Canonical ordering, then canonical composition (Unicode Standard, D109 and D117).
  private func recomposed(_ decomposed: [UInt32]) -> [UInt32] {
    var scalars = decomposed
    var classes = scalars.map(normalization.combiningClass(of:))
    sortMarks(&scalars, &classes)
    var output: [UInt32] = []
    /// Index of the last starter in the output.
    var starter: Int?
    /// Combining class of the last code point that was kept after the starter; -1 for none.
    var lastClass = -1
    for (scalar, combiningClass) in zip(scalars, classes) {
      if let starterIndex = starter, lastClass < Int(combiningClass),
        let composite = normalization.composition(output[starterIndex], scalar)
      {
        output[starterIndex] = composite
        continue
      }
      if combiningClass == 0 {
        starter = output.count
        lastClass = -1
      } else {
        lastClass = Int(combiningClass)
      }
      output.append(scalar)
    }
    return output
  }

  /// Stable sort by combining class of every run of marks.
  private func sortMarks(_ scalars: inout [UInt32], _ classes: inout [UInt8]) {
    var start = 0
    while start < classes.count {
      guard classes[start] != 0 else {
        start += 1
        continue
      }
      var end = start
      while end < classes.count && classes[end] != 0 { end += 1 }
      // Sorted by class, then position: the library's sort is not guaranteed to be stable, and a run may be long.
      let order = (start..<end).sorted { (classes[$0], $0) < (classes[$1], $1) }
      let sortedScalars = order.map { scalars[$0] }
      let sortedClasses = order.map { classes[$0] }
      scalars.replaceSubrange(start..<end, with: sortedScalars)
      classes.replaceSubrange(start..<end, with: sortedClasses)
      start = end
    }
  }
}
