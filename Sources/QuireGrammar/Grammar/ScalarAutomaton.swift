/// What a text has to be: combinations of expressions, which must have no rules and no tags.
indirect enum TextCondition {
  case expression(GrammarExpression)
  case not(TextCondition)
  case all([TextCondition])
  case any([TextCondition])

  var expressions: [GrammarExpression] {
    switch self {
    case .expression(let expression): [expression]
    case .not(let condition): condition.expressions
    case .all(let conditions), .any(let conditions): conditions.flatMap(\.expressions)
    }
  }

  /// Whether a text satisfies it.
  ///
  /// - Parameter matches: whether each of `expressions` matches the text; these are taken from it
  fileprivate func holds(_ matches: inout ArraySlice<Bool>) -> Bool {
    switch self {
    case .expression: return matches.popFirst() ?? false
    case .not(let condition): return !condition.holds(&matches)
    case .all(let conditions): return !conditions.map { $0.holds(&matches) }.contains(false)
    case .any(let conditions): return conditions.map { $0.holds(&matches) }.contains(true)
    }
  }
}

/// Several conditions as one deterministic automaton over Unicode scalars: where a text ends, it is known which of them
/// it satisfies. (The subset construction: Rabin and Scott, 1959.)
///
///     let automaton = try ScalarAutomaton([.expression(.text("ab")), .not(.expression(.text("b")))])
///     automaton.satisfied(by: "ab")   // [true, true]
struct ScalarAutomaton {
  struct State {
    /// Which conditions a text satisfies that ends here.
    let satisfied: [Bool]  // (condition)
    /// The state after a scalar of each set; the sets are apart.
    fileprivate(set) var steps: [(set: ScalarSet, target: Int)] = []
  }

  /// Why there is no automaton: it would have too many states or take too much work.
  struct TooLarge: Error {}

  /// The first one is the start.
  private(set) var states: [State] = []
  /// Nodes, edges and ranges that were looked at to make it.
  let workCount: Int

  init(_ conditions: [TextCondition]) throws(TooLarge) {
    var builder = Builder()
    var starts: [Int32] = []
    for expression in conditions.flatMap(\.expressions) {
      let (start, end) = (try builder.addNode(), try builder.addNode())
      try builder.add(expression, from: start, to: end)
      starts.append(start)
      builder.ends.append(end)
    }
    states = try builder.determined(from: starts) { matches in
      var left = matches[...]
      return conditions.map { $0.holds(&left) }
    }
    workCount = builder.work
  }

  /// Which conditions a text satisfies.
  func satisfied(by text: String) -> [Bool] {
    let last = text.unicodeScalars.reduce(0) { state, scalar in
      states[state].steps.first { $0.set.contains(scalar) }?.target ?? state
    }
    return states[last].satisfied
  }

  /// The texts of the automaton as a rule for each state.
  ///
  /// - Parameters:
  ///   - written: what a scalar of a set is written as
  ///   - ending: what follows a text by the conditions that it satisfies; nil where no text ends
  func rules(
    in grammar: inout Grammar, written: (ScalarSet) -> GrammarExpression,
    ending: (_ satisfied: [Bool]) -> GrammarExpression?
  ) -> GrammarExpression {
    let rules = states.map { _ in grammar.declare("text") }
    for (state, rule) in zip(states, rules) {
      let further = state.steps.map {
        GrammarExpression.sequence([written($0.set), .rule(rules[$0.target])])
      }
      grammar.define(rule, .choice(further + (ending(state.satisfied).map { [$0] } ?? [])))
    }
    return .rule(rules[0])
  }
}

extension ScalarAutomaton {
  /// Nodes with edges, as in `NetworkBuilder`, and the sets of them that a text can lead to.
  private struct Builder {
    private var frees: [[Int32]] = []  // (node)
    private var reads: [[(set: ScalarSet, target: Int32)]] = []  // (node)
    /// The last node of each expression.
    var ends: [Int32] = []
    private(set) var work = 0

    private mutating func count(_ steps: Int) throws(TooLarge) {
      // bounded: by the limit, and by the size of what has been built
      work += steps
      if work > GrammarLimits.automatonWorkMaximum { throw TooLarge() }
    }

    mutating func addNode() throws(TooLarge) -> Int32 {
      try count(1)
      frees.append([])
      reads.append([])
      return Int32(truncatingIfNeeded: frees.count - 1)
    }

    mutating func add(
      _ expression: GrammarExpression, from source: Int32, to target: Int32
    ) throws(TooLarge) {
      try count(1)
      switch expression {
      case .empty: frees[Int(source)].append(target)
      case .scalars(let set): reads[Int(source)].append((set, target))
      case .literal(let bytes):
        let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars
        try add(.sequence(scalars.map { .scalars(ScalarSet($0)) }), from: source, to: target)
      case .sequence(let parts):
        var node = source
        for part in parts {
          let next = try addNode()
          try add(part, from: node, to: next)
          node = next
        }
        frees[Int(node)].append(target)
      case .choice(let parts):
        for part in parts { try add(part, from: source, to: target) }
      case .repetition(let part, let minimum, let maximum):
        let repetition = Repetition(part: part, minimum: minimum, maximum: maximum).flattened
        try add(repetition, from: source, to: target)
      case .rule, .tag: break
      }
    }

    private mutating func add(
      _ repetition: Repetition, from source: Int32, to target: Int32
    ) throws(TooLarge) {
      var node = source
      func copy() throws(TooLarge) {
        // A part begins at a node of its own, as it may lead back there.
        let (inner, next) = (try addNode(), try addNode())
        frees[Int(node)].append(inner)
        try add(repetition.part, from: inner, to: next)
        node = next
      }
      for _ in 0..<repetition.minimum { try copy() }
      guard let maximum = repetition.maximum else {
        let loop = try addNode()
        frees[Int(node)].append(loop)
        try add(repetition.part, from: loop, to: loop)
        return frees[Int(loop)].append(target)
      }
      for _ in repetition.minimum..<max(repetition.minimum, maximum) {
        frees[Int(node)].append(target)
        try copy()
      }
      frees[Int(node)].append(target)
    }

    // MARK: Sets of nodes

    /// - Parameter satisfied: the conditions by the expressions that match
    mutating func determined(
      from starts: [Int32], satisfied: (_ matches: [Bool]) -> [Bool]
    ) throws(TooLarge) -> [State] {
      var states: [State] = []
      var numbers: [[Int32]: Int] = [:]
      var sets: [[Int32]] = []
      func number(of nodes: [Int32]) throws(TooLarge) -> Int {
        let closed = try closure(of: nodes)
        if let known = numbers[closed] { return known }
        guard states.count < GrammarLimits.automatonStatesMaximum else { throw TooLarge() }
        numbers[closed] = states.count
        sets.append(closed)
        try count(ends.count)
        let reached = Set(closed)
        states.append(State(satisfied: satisfied(ends.map(reached.contains))))
        return states.count - 1
      }
      _ = try number(of: starts)
      var index = 0
      while index < sets.count {
        for (nodes, ranges) in try targets(of: sets[index]) {
          states[index].steps.append((ScalarSet(ranges), try number(of: nodes)))
        }
        index += 1
      }
      return states
    }

    /// The nodes that can be reached without reading, in order.
    private mutating func closure(of nodes: [Int32]) throws(TooLarge) -> [Int32] {
      var reached = Set(nodes)
      var pending = nodes
      while let node = pending.popLast() {
        try count(1 + frees[Int(node)].count)
        for next in frees[Int(node)] where reached.insert(next).inserted { pending.append(next) }
      }
      return reached.sorted()
    }

    /// The nodes after a scalar, and the ranges of scalars that lead to the same ones.
    private mutating func targets(
      of nodes: [Int32]
    ) throws(TooLarge) -> [(nodes: [Int32], ranges: [ClosedRange<UInt32>])] {
      let edges = nodes.flatMap { reads[Int($0)] }
      var all = Set(ScalarSet.all.ranges.flatMap { [$0.lowerBound, $0.upperBound + 1] })
      for edge in edges { all.formUnion(edge.set.ranges.flatMap { [$0.lowerBound, $0.upperBound + 1] }) }
      let borders = all.sorted()
      let indices = Dictionary(uniqueKeysWithValues: zip(borders, borders.indices))
      try count(borders.count)
      // The targets of the scalars from each border to the next one.
      var reached = [[Int32]](repeating: [], count: borders.count)
      for edge in edges {
        for range in edge.set.ranges {
          let (first, end) = (indices[range.lowerBound] ?? 0, indices[range.upperBound + 1] ?? 0)
          try count(end - first)
          for index in first..<end { reached[index].append(edge.target) }
        }
      }
      var ranges: [[Int32]: [ClosedRange<UInt32>]] = [:]
      for (index, border) in borders.enumerated().dropLast() {
        ranges[reached[index], default: []].append(border...borders[index + 1] - 1)
      }
      return ranges.map { (Set($0.key).sorted(), $0.value) }.sorted {
        $0.ranges[0].lowerBound < $1.ranges[0].lowerBound
      }
    }
  }
}
