/// Builds the network of a grammar: Thompson's construction, with a call for each use of a rule.
struct NetworkBuilder {
  struct DraftEdge {
    let source: Int32
    var edge: Network.Edge
  }

  let grammar: Grammar
  let readers: ReadingRules
  /// Bytes of the longest token.
  let tokenBytesMaximum: Int
  private(set) var drafts: [DraftEdge] = []
  private(set) var isEnd = [false, false]
  var alikes: [Int32] = [Network.acceptNode, Network.escapeNode]
  private(set) var starts: [Int32] = []
  private(set) var ends: [Int32] = []
  /// Nodes of the set under construction by the bytes that follow them.
  private var tails: [[ArraySlice<ClosedRange<UInt8>>]: Int32] = [:]

  /// Line feeds that Qwen3's template puts between a thought and the answer, at most.
  private static let lineFeedCountAfterThought = 2

  /// Throws when the network is too large, matches nothing or has left recursion.
  static func build(_ grammar: Grammar, tokenBytesMaximum: Int) throws(GrammarError) -> Network {
    var grammar = grammar
    let root = grammar.add("root", grammar.root)
    let lineFeeds = GrammarExpression.repetition(
      .text("\n"), minimum: 0, maximum: lineFeedCountAfterThought)
    _ = grammar.add("root", .sequence([lineFeeds, .rule(root)]))
    guard grammar.tags.count <= GrammarLimits.tagCountMaximum else {
      throw GrammarError("expected at most \(GrammarLimits.tagCountMaximum) tags, found more; use fewer")
    }
    var builder = NetworkBuilder(grammar: grammar, tokenBytesMaximum: tokenBytesMaximum)
    try builder.addRules()
    return try NetworkCheck.finish(builder, grammar: grammar, root: root)
  }

  private init(grammar: Grammar, tokenBytesMaximum: Int) {
    self.grammar = grammar
    readers = ReadingRules(grammar)
    self.tokenBytesMaximum = tokenBytesMaximum
  }

  private mutating func addRules() throws(GrammarError) {
    for _ in grammar.rules {
      starts.append(try addNode())
      ends.append(try addNode())
      isEnd[isEnd.count - 1] = true
    }
    for (index, rule) in grammar.rules.enumerated() {
      try add(rule.expression, from: starts[index], to: ends[index])
    }
  }

  mutating func addNode() throws(GrammarError) -> Int32 {
    try checkSize()
    let node = Int32(truncatingIfNeeded: isEnd.count)
    isEnd.append(false)
    alikes.append(node)
    return node
  }

  private mutating func add(_ edge: Network.Edge, from source: Int32) throws(GrammarError) {
    try checkSize()
    drafts.append(DraftEdge(source: source, edge: edge))
  }

  mutating func addFree(from source: Int32, to target: Int32) throws(GrammarError) {
    if source != target { try add(Network.Edge(kind: .free, target: target), from: source) }
  }

  private func checkSize() throws(GrammarError) {
    guard drafts.count + isEnd.count < GrammarLimits.networkSizeMaximum else {
      throw GrammarError(
        """
        expected a constraint of at most \(GrammarLimits.networkSizeMaximum) states, found more; use fewer fields, \
        shorter lists or smaller repetition counts
        """)
    }
  }
}

// MARK: - Expressions

extension NetworkBuilder {
  /// Connects two nodes by an expression. Nothing leads back to `source`, and nothing is added to what leads away from
  /// `target`.
  mutating func add(
    _ expression: GrammarExpression, from source: Int32, to target: Int32
  ) throws(GrammarError) {
    switch expression {
    case .empty: try addFree(from: source, to: target)
    case .literal(let bytes): try addLiteral(bytes[...], from: source, to: target)
    case .scalars(let set): try addScalars(set, from: source, to: target)
    case .sequence(let parts): try addSequence(parts, from: source, to: target)
    case .choice(let parts): try addChoice(parts, from: source, to: target)
    case .repetition(let part, let minimum, let maximum):
      let repetition = Repetition(part: part, minimum: minimum, maximum: maximum).flattened
      try addRepetition(repetition, from: source, to: target)
    case .rule(let index):
      // The target is a rule until the edges are put in order.
      try add(
        Network.Edge(kind: .call, target: Int32(truncatingIfNeeded: index), returnNode: target), from: source)
    case .tag(let index):
      try add(
        Network.Edge(kind: .tag, low: UInt8(truncatingIfNeeded: index), target: target), from: source)
    }
  }

  private mutating func addSequence(
    _ parts: [GrammarExpression], from source: Int32, to target: Int32
  ) throws(GrammarError) {
    guard let last = parts.last else { return try addFree(from: source, to: target) }
    var node = source
    for part in parts.dropLast() {
      let next = try addNode()
      try add(part, from: node, to: next)
      node = next
    }
    try add(last, from: node, to: target)
  }

  private mutating func addLiteral(
    _ bytes: ArraySlice<UInt8>, from source: Int32, to target: Int32
  ) throws(GrammarError) {
    guard let last = bytes.last else { return try addFree(from: source, to: target) }
    var node = source
    for byte in bytes.dropLast() {
      let next = try addNode()
      try add(Network.Edge(kind: .bytes, low: byte, high: byte, target: next), from: node)
      node = next
    }
    try add(Network.Edge(kind: .bytes, low: last, high: last, target: target), from: node)
  }

  private mutating func addScalars(
    _ set: ScalarSet, from source: Int32, to target: Int32
  ) throws(GrammarError) {
    tails.removeAll(keepingCapacity: true)
    var sequences: [ArraySlice<ClosedRange<UInt8>>] = []
    for range in set.ranges {
      try UTF8Ranges.forEach(in: range) { (bytes) throws(GrammarError) in sequences.append(bytes[...]) }
    }
    try addBytes(sequences[...], from: source, to: target)
  }

  /// The UTF-8 of a set as a trie in which equal parts are one, so that a node has few edges and a state one position.
  /// The first bytes of two sequences, which are in order, are the same range or apart.
  private mutating func addBytes(
    _ sequences: ArraySlice<ArraySlice<ClosedRange<UInt8>>>, from source: Int32, to target: Int32
  ) throws(GrammarError) {
    var rest = sequences
    while let sequence = rest.first, let byte = sequence.first {
      let group = rest.prefix { $0.first == byte }
      rest = rest.dropFirst(group.count)
      var next = target
      if sequence.count > 1 {
        let tail = group.map { $0.dropFirst() }
        if let known = tails[tail] {
          next = known
        } else {
          next = try addNode()
          tails[tail] = next
          try addBytes(tail[...], from: next, to: target)
        }
      }
      try add(
        Network.Edge(kind: .bytes, low: byte.lowerBound, high: byte.upperBound, target: next), from: source)
    }
  }

  /// Literals become a trie, so that the state after some bytes has one position and not one for each of them.
  private mutating func addChoice(
    _ parts: [GrammarExpression], from source: Int32, to target: Int32
  ) throws(GrammarError) {
    var children: [Int64: Int32] = [:]
    for part in parts {
      guard case .literal(let bytes) = part, let last = bytes.last else {
        try add(part, from: source, to: target)
        continue
      }
      var node = source
      for byte in bytes.dropLast() {
        let key = Int64(node) << 8 | Int64(byte)
        if let child = children[key] {
          node = child
          continue
        }
        let child = try addNode()
        try add(Network.Edge(kind: .bytes, low: byte, high: byte, target: child), from: node)
        children[key] = child
        node = child
      }
      try add(Network.Edge(kind: .bytes, low: last, high: last, target: target), from: node)
    }
  }
}
