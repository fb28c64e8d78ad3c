/// A node and what to return to.
struct Position: Hashable, Comparable {
  let node: Int32
  let stack: Int32

  /// Spreads positions over tables whose size is a power of two.
  var hash: Int {
    let key = UInt64(UInt32(bitPattern: stack)) << 32 | UInt64(UInt32(bitPattern: node))
    let mixed = (key ^ key >> 29) &* 0xFF51_AFD7_ED55_8CCD
    return Int(truncatingIfNeeded: (mixed ^ mixed >> 32) >> 1)
  }

  static func < (left: Position, right: Position) -> Bool {
    left.stack == right.stack ? left.node < right.node : left.stack < right.stack
  }
}

/// Positions under collection: each is looked at once.
struct PositionSet {
  private var list: [Position] = []
  /// Positions before this one have been looked at.
  private var doneCount = 0
  /// The positions of the list by hash, once it is too long to search: those with the current stamp. A power of two.
  private var slots: [Slot] = []
  private var stamp: UInt32 = 0
  private var hasSlots = false
  private static let searchedCount = 16

  private struct Slot {
    var stamp: UInt32 = 0
    var position = Position(node: 0, stack: 0)
  }

  mutating func removeAll() {
    list.removeAll(keepingCapacity: true)
    hasSlots = false
    doneCount = 0
  }

  /// Adds a position to be looked at, unless there are too many.
  mutating func add(_ position: Position) {
    guard list.count < GrammarLimits.positionCountMaximum else { return }
    if list.count < Self.searchedCount {
      if list.contains(position) { return }
    } else {
      if !hasSlots || 2 * list.count >= slots.count { fillSlots() }
      guard insert(position) else { return }
    }
    list.append(position)
  }

  /// Whether the position is new.
  private mutating func insert(_ position: Position) -> Bool {
    var slot = position.hash & (slots.count - 1)
    while slots[slot].stamp == stamp {
      if slots[slot].position == position { return false }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Slot(stamp: stamp, position: position)
    return true
  }

  /// Puts the list into slots, twice as many if they were too few. A new stamp empties them.
  private mutating func fillSlots() {
    var count = max(8 * Self.searchedCount, slots.count)
    while count <= 2 * list.count { count *= 2 }
    stamp &+= 1
    if count > slots.count || stamp == 0 {
      slots = [Slot](repeating: Slot(), count: count)
      stamp = 1
    }
    for position in list { _ = insert(position) }
    hasSlots = true
  }

  mutating func popPending() -> Position? {
    guard doneCount < list.count else { return nil }
    defer { doneCount += 1 }
    return list[doneCount]
  }

  mutating func keepReading(_ isKept: (Position) -> Bool) {
    list.removeAll { !isKept($0) }
  }

  /// In order; the set is to be emptied before it is used again.
  mutating func sorted() -> [Position] {
    list.sort()
    return list
  }
}
