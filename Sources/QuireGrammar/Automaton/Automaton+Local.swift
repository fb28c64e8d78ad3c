extension Automaton {
  /// The stack that all positions of a state stand on, with what lies above it in each. Nil for the dead state.
  func commonStack(of state: Int32) -> Int32? {
    var common: Int32?
    for position in states.positions(of: state) {
      guard let known = common else {
        common = position.stack
        continue
      }
      common = stacks.common(known, position.stack)
    }
    return common
  }

  /// The state without what its positions have in common: the same wherever the same part of the grammar is being read.
  /// Where the text leaves that part, the local state has the escape node. Nodes are replaced by those that are alike.
  func localState(of state: Int32, above base: Int32) -> Int32 {
    let positions = states.positions(of: state)
    var local = Set<Position>()
    // Nothing follows the end of the text.
    for position in positions where position.node != Network.acceptNode {
      count(work: Int(stacks[position.stack].depth))
      let stack = stacks.rebuild(position.stack, of: stacks, above: base, on: StackTable.cut) {
        network.alikes[Int($0)]
      }
      local.insert(Position(node: network.alikes[Int(position.node)], stack: stack))
    }
    return add(local.sorted())
  }
}
