extension NetworkBuilder {
  mutating func addRepetition(
    _ part: GrammarExpression, minimum: Int, maximum: Int?, from source: Int32, to target: Int32
  ) throws(GrammarError) {
    var node = source
    if let maximum, maximum <= 0 { return try addFree(from: source, to: target) }
    var copies = Copies()
    for _ in 0..<minimum { node = try addCopy(part, after: node, &copies) }
    let hasMarks = grammar.alwaysReads(part)
    if hasMarks { markAlikes(copies, reserve: tokenBytesMaximum) }
    guard let maximum else {
      let loop = try addNode()
      try addFree(from: node, to: loop)
      try add(part, from: loop, to: loop)
      return try addFree(from: loop, to: target)
    }
    copies = Copies()
    for _ in minimum..<max(minimum, maximum) {
      try addFree(from: node, to: target)
      node = try addCopy(part, after: node, &copies)
    }
    if hasMarks { markAlikes(copies, reserve: tokenBytesMaximum) }
    try addFree(from: node, to: target)
  }

  /// The nodes of the copies of one part: those of copy i are firsts[i] ..< firsts[i + 1].
  private struct Copies {
    var firsts: [Int] = []
    var end = 0
  }

  private mutating func addCopy(
    _ part: GrammarExpression, after node: Int32, _ copies: inout Copies
  ) throws(GrammarError) -> Int32 {
    copies.firsts.append(isEnd.count)
    let inner = try addNode()
    let next = try addNode()
    try addFree(from: node, to: inner)
    try add(part, from: inner, to: next)
    copies.end = isEnd.count
    return next
  }

  /// Copies with so many after them that no token reaches past the last are alike: one mask serves all of them. Each
  /// copy reads at least one byte, or the count would say nothing; a part that may be empty gets no such marks.
  private mutating func markAlikes(_ copies: Copies, reserve: Int) {
    guard copies.firsts.count > reserve + 2, let first = copies.firsts.dropFirst().first else { return }
    let size = first - copies.firsts[0]
    for start in copies.firsts.dropFirst(2).dropLast(reserve) where start - first >= size {
      for offset in 0..<size {
        alikes[start + offset] = alikes[first + offset]
      }
    }
  }
}

extension Grammar {
  /// Whether a part is known to read at least one byte. False where that would take long to find out.
  fileprivate func alwaysReads(_ part: GrammarExpression, depth: Int = 0) -> Bool {
    guard depth < 8 else { return false }
    switch part {
    case .empty: return false
    case .literal(let bytes): return !bytes.isEmpty
    case .scalars, .tag: return true
    case .sequence(let parts): return parts.prefix(8).contains { alwaysReads($0, depth: depth + 1) }
    case .choice(let parts):
      return parts.count <= 64 && parts.allSatisfy { alwaysReads($0, depth: depth + 1) }
    case .repetition(let part, let minimum, _): return minimum > 0 && alwaysReads(part, depth: depth + 1)
    case .rule(let index): return alwaysReads(rules[index].expression, depth: depth + 1)
    }
  }
}
