extension NetworkBuilder {
  mutating func addRepetition(
    _ repetition: Repetition, from source: Int32, to target: Int32
  ) throws(GrammarError) {
    let (part, minimum, maximum) = (repetition.part, repetition.minimum, repetition.maximum)
    var node = source
    if let maximum, maximum <= 0 { return try addFree(from: source, to: target) }
    var copies = Copies()
    for _ in 0..<minimum { node = try addCopy(part, after: node, &copies) }
    let hasMarks = readers.alwaysReads(part)
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

/// The rules that are known to read at least one byte, found once for a grammar: a rule may be used very often.
struct ReadingRules {
  private var isReading: [Bool]
  /// Rules that use one another in a longer chain against their order may be taken for such that read nothing.
  private static let roundMaximum = 8

  init(_ grammar: Grammar) {
    isReading = [Bool](repeating: false, count: grammar.rules.count)
    for _ in 0..<Self.roundMaximum {
      var isChanged = false
      for (index, rule) in grammar.rules.enumerated().reversed()
      where !isReading[index] && alwaysReads(rule.expression) {
        isReading[index] = true
        isChanged = true
      }
      if !isChanged { break }
    }
  }

  /// Whether a part is known to read at least one byte.
  func alwaysReads(_ part: GrammarExpression) -> Bool {
    switch part {
    case .empty: false
    case .literal(let bytes): !bytes.isEmpty
    case .scalars, .tag: true
    case .sequence(let parts): parts.contains(where: alwaysReads)
    case .choice(let parts): parts.allSatisfy(alwaysReads)
    case .repetition(let part, let minimum, _): minimum > 0 && alwaysReads(part)
    case .rule(let index): isReading[index]
    }
  }
}
