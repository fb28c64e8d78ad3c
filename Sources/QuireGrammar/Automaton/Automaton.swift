/// Runs a network over bytes: a pushdown automaton whose states are made when they are first reached and remembered.
///
/// A position is a node and a stack of nodes to return to. Stacks are chains in one table, where each is stored once; so
/// are states, which are sets of positions. A state is then an integer, a copy is free, and a transition that was
/// taken before is one look into a table.
///
///     let automaton = Automaton(network)
///     var state = automaton.startState(at: network.start)
///     state = automaton.next(state, byte: 0x7B)   // Automaton.deadState when the byte cannot follow
///     automaton.isComplete(state)                 // whether the text may end here
///
/// Not thread-safe; `Constraint` keeps it under a lock.
final class Automaton {
  /// The state after a byte that cannot follow. From every other state a complete text can be reached.
  static let deadState: Int32 = 0
  private static let unknown: Int32 = -1
  /// Set in the table of transitions where the next state is open.
  static let openFlag: Int32 = 1 << 30

  let network: Network
  var stacks = StackTable()
  private(set) var states = StateTable()
  /// State after each symbol, with `openFlag`; `unknown` where nobody has looked.  // (state, symbol)
  private var transitions: UnsafeMutablePointer<Int32>
  private var transitionCapacity: Int
  let symbolCount: Int
  let classes: UnsafeMutablePointer<UInt8>  // (256)
  /// A byte of each class.
  private var representatives: [UInt8]
  /// Positions and edges looked at so far.
  private(set) var work = 0
  /// States that are remembered before all that nobody holds are forgotten.
  private let stateCountMaximum: Int
  private var collecting = PositionSet()

  /// States that others hold on to, by handle; −1 for a handle that is free.
  private var held: [Int32] = []
  private var freeHandles: [Int] = []

  init(_ network: Network, stateCountMaximum: Int = GrammarLimits.stateCountMaximum) {
    self.stateCountMaximum = stateCountMaximum
    self.network = network
    symbolCount = network.symbolCount
    classes = .allocate(capacity: 256)
    representatives = [UInt8](repeating: 0, count: network.byteClassCount)
    for byte in (0..<256).reversed() {
      classes[byte] = network.classes[byte]
      representatives[Int(network.classes[byte])] = UInt8(truncatingIfNeeded: byte)
    }
    transitionCapacity = 64 * network.symbolCount
    transitions = .allocate(capacity: transitionCapacity)
    transitions.update(repeating: Self.unknown, count: transitionCapacity)
  }

  deinit {
    transitions.deallocate()
    classes.deallocate()
  }

  // MARK: States

  /// The state at the start of a rule, with nothing to return to.
  func startState(at node: Int32) -> Int32 {
    collecting.removeAll()
    collect(node, StackTable.empty)
    return intern()
  }

  func isComplete(_ state: Int32) -> Bool { states.isComplete[Int(state)] }
  /// Whether the text has left the part that is known; see `localState`.
  func isOpen(_ state: Int32) -> Bool { states.isOpen[Int(state)] }
  /// Whether the text is complete and nothing can follow.
  func isFinal(_ state: Int32) -> Bool { isComplete(state) && states.positions(of: state).count == 1 }

  @inline(__always)
  func next(_ state: Int32, byte: UInt8) -> Int32 {
    next(state, symbol: Int(classes[Int(byte)]))
  }

  @inline(__always)
  func next(_ state: Int32, symbol: Int) -> Int32 {
    let known = transitions[Int(state) * symbolCount + symbol]
    return known != Self.unknown ? known & ~Self.openFlag : compute(state, symbol: symbol)
  }

  /// The table of transitions as it is now. It moves when states are added.
  var table: UnsafeMutablePointer<Int32> { transitions }

  func compute(_ state: Int32, symbol: Int) -> Int32 {
    guard state != Self.deadState else { return Self.deadState }
    let isTag = symbol >= network.byteClassCount
    let value = isTag ? UInt8(truncatingIfNeeded: symbol - network.byteClassCount) : representatives[symbol]
    let kind = isTag ? Network.EdgeKind.tag : .bytes
    collecting.removeAll()
    for position in states.positions(of: state) {
      let (node, stack) = (Int(position.node), position.stack)
      let edges = Int(network.firstEdges[node])..<Int(network.firstMoves[node])
      work += 1 + edges.count
      for index in edges {
        let edge = network.edges[index]
        guard edge.kind == kind, edge.low <= value, isTag || value <= edge.high else { continue }
        if isTag && edge.low != value { continue }
        collect(edge.target, stack)
      }
    }
    let next = intern()
    transitions[Int(state) * symbolCount + symbol] = isOpen(next) ? next | Self.openFlag : next
    return next
  }

  /// Adds what can be reached from a position without reading.
  private func collect(_ node: Int32, _ stack: Int32) {
    collecting.add(Position(node: node, stack: stack))
    while let position = collecting.popPending() {
      let node = Int(position.node)
      if network.isEnd[node] {
        switch position.stack {
        case StackTable.empty: collecting.add(Position(node: Network.acceptNode, stack: StackTable.empty))
        case StackTable.cut: collecting.add(Position(node: Network.escapeNode, stack: StackTable.cut))
        default:
          let frame = stacks[position.stack]
          collecting.add(Position(node: frame.node, stack: frame.parent))
        }
        continue
      }
      let moves = Int(network.firstMoves[node])..<Int(network.firstEdges[node + 1])
      work += 1 + moves.count
      for index in moves {
        let edge = network.edges[index]
        if edge.kind == .free {
          collecting.add(Position(node: edge.target, stack: position.stack))
        } else if network.isEnd[Int(edge.returnNode)] {
          collecting.add(Position(node: edge.target, stack: position.stack))
        } else if let stack = stacks.push(edge.returnNode, on: position.stack) {
          collecting.add(Position(node: edge.target, stack: stack))
        }
      }
    }
  }

  /// The state of the positions that were collected.
  private func intern() -> Int32 {
    collecting.keepReading { position in
      position.node <= Network.escapeNode
        || network.firstEdges[Int(position.node)] < network.firstMoves[Int(position.node)]
    }
    let state = states.intern(collecting.sorted())
    growTable()
    return state
  }

  /// The state of positions that need no further look.
  func add(_ positions: [Position]) -> Int32 {
    let state = states.intern(positions)
    growTable()
    return state
  }

  private func growTable() {
    let needed = states.count * symbolCount
    guard needed > transitionCapacity else { return }
    let larger = UnsafeMutablePointer<Int32>.allocate(capacity: 2 * needed)
    larger.update(from: transitions, count: transitionCapacity)
    (larger + transitionCapacity).update(repeating: Self.unknown, count: 2 * needed - transitionCapacity)
    transitions.deallocate()
    transitions = larger
    transitionCapacity = 2 * needed
  }

  /// Counts what was done for the automaton elsewhere.
  func count(work more: Int) { work += 1 + more }

  // MARK: Handles

  /// Holds on to a state, so that it survives `forget`.
  func hold(_ state: Int32) -> Int {
    if let handle = freeHandles.popLast() {
      held[handle] = state
      return handle
    }
    held.append(state)
    return held.count - 1
  }

  func state(of handle: Int) -> Int32 { held[handle] }
  func move(_ handle: Int, to state: Int32) { held[handle] = state }

  func release(_ handle: Int) {
    held[handle] = -1
    freeHandles.append(handle)
  }

  // MARK: Memory

  /// Bytes of the network and of what is remembered, about.
  var byteCount: Int {
    network.byteCount + states.byteCount + stacks.byteCount
      + transitionCapacity * MemoryLayout<Int32>.stride
  }

  /// Whether so much is remembered that it is time to forget.
  var isFull: Bool {
    states.count >= stateCountMaximum
      || states.count * symbolCount >= GrammarLimits.transitionCountMaximum
      || states.positionCount >= GrammarLimits.memoryMaximum || stacks.count >= GrammarLimits.memoryMaximum
  }

  /// Forgets all states but those that are held and those given, which get new numbers.
  ///
  /// Stacks keep their order, and so do the positions of a state: each kept position and stack is looked at once, and
  /// nothing is sorted.
  func forget(except kept: UnsafeMutableBufferPointer<Int32>) {
    let old = states
    var isUsed = [Bool](repeating: false, count: stacks.count)
    for state in Set(kept).union(held.filter { $0 >= 0 }) {
      for position in old.positions(of: state) { stacks.mark(position.stack, in: &isUsed) }
    }
    let numbers = stacks.keep(isUsed)
    states = StateTable()
    transitions.update(repeating: Self.unknown, count: transitionCapacity)
    var moved: [Int32: Int32] = [Self.deadState: Self.deadState]
    func move(_ state: Int32) -> Int32 {
      if let known = moved[state] { return known }
      let new = states.intern(
        old.positions(of: state).map { Position(node: $0.node, stack: numbers[Int($0.stack)]) })
      moved[state] = new
      return new
    }
    for index in kept.indices { kept[index] = move(kept[index]) }
    for handle in held.indices where held[handle] >= 0 { held[handle] = move(held[handle]) }
    count(work: states.positionCount + stacks.count)
    growTable()
  }
}
