extension Automaton {
  /// The stack that all positions of a state stand on, with what lies above it in each. Nil for the dead state.
  ///
  /// Each stack above it is looked at once.
  func commonStack(of state: Int32) -> Int32? {
    guard var common = states.positions(of: state).first?.stack else { return nil }
    // These stand on the common stack.
    var seen: Set<Int32> = []
    for position in states.positions(of: state) {
      var current = position.stack
      while stacks[current].depth > stacks[common].depth && seen.insert(current).inserted {
        current = stacks[current].parent
      }
      if !seen.contains(current) { common = stacks.common(common, current) }
    }
    count(work: seen.count)
    return common
  }

  /// The state without what its positions have in common: the same wherever the same part of the grammar is being read.
  /// Where the text leaves that part, the local state has the escape node. Nodes are replaced by those that are alike.
  func localState(of state: Int32, above base: Int32) -> Int32 {
    var local = Set<Position>()
    var known = [base: StackTable.cut]
    // Nothing follows the end of the text.
    for position in states.positions(of: state) where position.node != Network.acceptNode {
      let stack = stacks.rebuild(position.stack, known: &known) { network.alikes[Int($0)] }
      local.insert(Position(node: network.alikes[Int(position.node)], stack: stack))
    }
    count(work: local.count + known.count)
    return add(local.sorted())
  }
}
