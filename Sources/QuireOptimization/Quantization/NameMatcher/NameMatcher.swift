/// Finds a pattern in tensor names, in time linear in the name and in the pattern.
///
///     let matcher = try NameMatcher("lm_head|embed_tokens")
///     matcher.occurs(in: "model.embed_tokens.weight")  // true
///
/// All possible matches are followed at once (Thompson 1968; Cox 2007, "Regular Expression Matching Can Be Simple
/// And Fast"), so that there is no backtracking. The syntax is described in `recipes/README.md`.
package struct NameMatcher: Sendable {
  /// One state of the automaton; the numbers are its next states.
  private enum State {
    case character(NameCharacterSet, Int)
    case split(Int, Int)
    case start(Int)
    case end(Int)
    case match
  }

  private let states: [State]
  private let first: Int

  /// The most states of a pattern: repetition counts multiply them.
  package static let stateLimit = 5000

  package init(_ pattern: String) throws(NamePatternError) {
    let tree = try NamePatternParser.parse(pattern)
    guard Self.stateCount(tree) < Self.stateLimit else {
      throw NamePatternError(
        expected: "a pattern of at most \(Self.stateLimit) states", found: "one of more; repeat less",
        position: 1)
    }
    var states: [State] = [.match]
    first = Self.compile(tree, before: 0, &states)
    self.states = states
  }

  /// States needed by a tree; the limit, or a little more, for any larger one.
  private static func stateCount(_ tree: NamePattern) -> Int {
    let count: Int =
      switch tree {
      case .empty: 0
      case .character, .start, .end: 1
      case .sequence(let parts): parts.reduce(0) { min(stateLimit, $0 + stateCount($1)) }
      case .alternatives(let parts): parts.reduce(0) { min(stateLimit, $0 + stateCount($1) + 1) }
      case .repetition(let part, let least, let most):
        // Both factors are bounded: no overflow.
        (stateCount(part) + 1) * max(1, most ?? (least + 1))
      }
    return min(stateLimit, count)
  }

  /// Adds the states of `tree`, which lead to state `next`; returns the first of them.
  private static func compile(_ tree: NamePattern, before next: Int, _ states: inout [State]) -> Int {
    func add(_ state: State) -> Int {
      states.append(state)
      return states.count - 1
    }
    switch tree {
    case .empty: return next
    case .character(let set): return add(.character(set, next))
    case .start: return add(.start(next))
    case .end: return add(.end(next))
    case .sequence(let parts):
      return parts.reversed().reduce(next) { compile($1, before: $0, &states) }
    case .alternatives(let parts):
      let firsts = parts.map { compile($0, before: next, &states) }
      return firsts.dropLast().reversed().reduce(firsts[firsts.count - 1]) { add(.split($1, $0)) }
    case .repetition(let part, let least, let most):
      var start = next
      if let most {
        for _ in least..<most {
          let inner = compile(part, before: start, &states)
          start = add(.split(inner, next))
        }
      } else {
        start = add(.split(next, next))
        let inner = compile(part, before: start, &states)
        states[start] = .split(inner, next)
      }
      for _ in 0..<least { start = compile(part, before: start, &states) }
      return start
    }
  }

  /// Whether the pattern matches anywhere in `name`.
  package func occurs(in name: String) -> Bool {
    let scalars = Array(name.unicodeScalars)
    // The position at which each state was last reached, so that none is followed twice for one character.
    var reached = [Int](repeating: -1, count: states.count)
    var current: [Int] = []
    for position in 0...scalars.count {
      // A match may begin at every position.
      if follow(first, position, scalars.count, &reached, &current) { return true }
      guard position < scalars.count else { break }
      var next: [Int] = []
      for state in current {
        guard case .character(let set, let target) = states[state], set.contains(scalars[position]) else {
          continue
        }
        if follow(target, position + 1, scalars.count, &reached, &next) { return true }
      }
      current = next
    }
    return false
  }

  /// Adds the states that wait for a character and are reached from `state` without one; true when the end of the
  /// pattern is.
  private func follow(
    _ state: Int, _ position: Int, _ end: Int, _ reached: inout [Int], _ waiting: inout [Int]
  ) -> Bool {
    var open = [state]
    while let state = open.popLast() {
      guard reached[state] != position else { continue }
      reached[state] = position
      switch states[state] {
      case .match: return true
      case .character: waiting.append(state)
      case .split(let one, let other): open += [other, one]
      case .start(let next): if position == 0 { open.append(next) }
      case .end(let next): if position == end { open.append(next) }
      }
    }
    return false
  }
}
