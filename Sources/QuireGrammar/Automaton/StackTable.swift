/// Stacks of nodes to return to, as chains in one table. Equal stacks are one number.
struct StackTable {
  struct Frame {
    /// Where the rule on top returns to.
    let node: Int32
    let parent: Int32
    /// Frames down to the bottom, this one included.
    let depth: Int32
  }

  private struct Key: Hashable {
    let node: Int32
    let parent: Int32
  }

  /// Nothing to return to: the end of the rule is the end of the text.
  static let empty: Int32 = 0
  /// Something to return to that is left out.
  static let cut: Int32 = 1

  private var frames = [Frame(node: 0, parent: -1, depth: 0), Frame(node: 0, parent: -1, depth: 0)]
  private var numbers: [Key: Int32] = [:]

  var count: Int { frames.count }

  subscript(stack: Int32) -> Frame { frames[Int(stack)] }

  /// Nil when the stack would be too deep.
  mutating func push(_ node: Int32, on parent: Int32) -> Int32? {
    let key = Key(node: node, parent: parent)
    if let known = numbers[key] { return known }
    let depth = frames[Int(parent)].depth + 1
    guard depth <= Int32(GrammarLimits.stackDepthMaximum) else { return nil }
    let stack = Int32(truncatingIfNeeded: frames.count)
    frames.append(Frame(node: node, parent: parent, depth: depth))
    numbers[key] = stack
    return stack
  }

  /// A stack of another table as one of this one.
  mutating func copy(_ stack: Int32, of other: StackTable) -> Int32 {
    rebuild(stack, of: other, above: StackTable.empty, on: nil) { $0 }
  }

  /// A stack with everything from `base` down replaced by `bottom`, and its nodes by others.
  ///
  /// - Parameter bottom: nil keeps what the stack ends with
  mutating func rebuild(
    _ stack: Int32, of other: StackTable, above base: Int32, on bottom: Int32?, _ change: (Int32) -> Int32
  ) -> Int32 {
    var nodes: [Int32] = []
    var current = stack
    while current != base && current > StackTable.cut {
      nodes.append(change(other[current].node))
      current = other[current].parent
    }
    var result = bottom ?? current
    // No deeper than the other one was.
    for node in nodes.reversed() { result = push(node, on: result) ?? result }
    return result
  }

  /// The deepest stack that both have in common.
  func common(_ left: Int32, _ right: Int32) -> Int32 {
    var (left, right) = (left, right)
    while left != right {
      let (leftDepth, rightDepth) = (frames[Int(left)].depth, frames[Int(right)].depth)
      if leftDepth == 0 && rightDepth == 0 { return StackTable.empty }
      if leftDepth >= rightDepth { left = frames[Int(left)].parent }
      if rightDepth > leftDepth { right = frames[Int(right)].parent }
    }
    return left
  }
}

/// A node and what to return to.
struct Position: Hashable, Comparable {
  let node: Int32
  let stack: Int32

  static func < (left: Position, right: Position) -> Bool {
    left.stack == right.stack ? left.node < right.node : left.stack < right.stack
  }
}

/// Positions under collection: each is looked at once.
struct PositionSet {
  private var list: [Position] = []
  /// Positions before this one have been looked at.
  private var doneCount = 0
  /// Used once the list is too long to search.
  private var members: Set<Position> = []
  private static let searchedCount = 16

  mutating func removeAll() {
    list.removeAll(keepingCapacity: true)
    if !members.isEmpty { members.removeAll(keepingCapacity: true) }
    doneCount = 0
  }

  /// Adds a position to be looked at, unless there are too many.
  mutating func add(_ position: Position) {
    guard list.count < GrammarLimits.positionCountMaximum else { return }
    if list.count < Self.searchedCount {
      if list.contains(position) { return }
    } else {
      if members.isEmpty { members = Set(list) }
      guard members.insert(position).inserted else { return }
    }
    list.append(position)
  }

  /// Adds a position that needs no look.
  mutating func addFinal(_ position: Position) { list.append(position) }

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
