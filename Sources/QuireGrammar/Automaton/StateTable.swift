/// States as sets of positions. Equal sets are one number; 0 is the empty set.
struct StateTable {
  private var all: [Position] = []
  private var firsts: [Int32] = [0, 0]
  private(set) var isComplete = [false]
  private(set) var isOpen = [false]
  /// Number + 1 by hash; 0 for an empty slot. A power of two.
  private var slots = [Int32](repeating: 0, count: 256)

  var count: Int { isComplete.count }
  /// Positions of all states together.
  var positionCount: Int { all.count }

  var byteCount: Int {
    // Four bytes for where a state begins, two for what it is.
    positionCount * MemoryLayout<Position>.stride + count * 6 + slots.count * MemoryLayout<Int32>.stride
  }

  func positions(of state: Int32) -> ArraySlice<Position> {
    all[Int(firsts[Int(state)])..<Int(firsts[Int(state) + 1])]
  }

  /// The state of these positions, which must be in order and different.
  mutating func intern(_ positions: [Position]) -> Int32 {
    if positions.isEmpty { return Automaton.deadState }
    if 2 * count > slots.count { rehash() }
    var slot = Self.hash(positions[...]) & (slots.count - 1)
    while slots[slot] != 0 {
      if self.positions(of: slots[slot] - 1).elementsEqual(positions) { return slots[slot] - 1 }
      slot = (slot + 1) & (slots.count - 1)
    }
    let state = Int32(truncatingIfNeeded: count)
    slots[slot] = state + 1
    all += positions
    firsts.append(Int32(truncatingIfNeeded: all.count))
    isComplete.append(positions.contains { $0.node == Network.acceptNode })
    isOpen.append(positions.contains { $0.node == Network.escapeNode })
    return state
  }

  private mutating func rehash() {
    slots = [Int32](repeating: 0, count: 2 * slots.count)
    for state in 1..<count {
      var slot = Self.hash(positions(of: Int32(truncatingIfNeeded: state))) & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(truncatingIfNeeded: state + 1)
    }
  }

  private static func hash(_ positions: ArraySlice<Position>) -> Int {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    for position in positions {
      let key = UInt64(UInt32(bitPattern: position.stack)) << 32 | UInt64(UInt32(bitPattern: position.node))
      hash = (hash ^ key) &* 0xFF51_AFD7_ED55_8CCD
      hash ^= hash >> 32
    }
    return Int(truncatingIfNeeded: hash >> 1)
  }
}
