/// Stacks of nodes to return to, as chains in one table. Equal stacks are one number.
struct StackTable {
  struct Frame {
    /// Where the rule on top returns to.
    let node: Int32
    let parent: Int32
    /// Frames down to the bottom, this one included.
    let depth: Int32
  }

  /// Nothing to return to: the end of the rule is the end of the text.
  static let empty: Int32 = 0
  /// Something to return to that is left out.
  static let cut: Int32 = 1

  private var frames = [Frame(node: 0, parent: -1, depth: 0), Frame(node: 0, parent: -1, depth: 0)]
  /// Stack by hash of its top node and parent; 0 for an empty slot. A power of two.
  private var slots = [Int32](repeating: 0, count: 64)

  var count: Int { frames.count }
  var byteCount: Int { count * MemoryLayout<Frame>.stride + slots.count * MemoryLayout<Int32>.stride }

  subscript(stack: Int32) -> Frame { frames[Int(stack)] }

  /// Nil when the stack would be too deep.
  mutating func push(_ node: Int32, on parent: Int32) -> Int32? {
    var slot = slot(of: node, on: parent)
    if slots[slot] != 0 { return slots[slot] }
    let depth = frames[Int(parent)].depth + 1
    guard depth <= Int32(GrammarLimits.stackDepthMaximum) else { return nil }
    let stack = Int32(truncatingIfNeeded: frames.count)
    frames.append(Frame(node: node, parent: parent, depth: depth))
    if 2 * count > slots.count {
      rehash()
      slot = self.slot(of: node, on: parent)
    }
    slots[slot] = stack
    return stack
  }

  /// The slot of a stack, or the empty slot to put it into.
  private func slot(of node: Int32, on parent: Int32) -> Int {
    var slot = Position(node: node, stack: parent).hash & (slots.count - 1)
    while slots[slot] != 0 {
      let frame = frames[Int(slots[slot])]
      if frame.node == node && frame.parent == parent { break }
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private mutating func rehash() {
    slots = [Int32](repeating: 0, count: 2 * slots.count)
    // The last frame has no slot yet.
    for stack in 2..<frames.count - 1 {
      slots[slot(of: frames[stack].node, on: frames[stack].parent)] = Int32(truncatingIfNeeded: stack)
    }
  }

  /// Marks a stack and all that it stands on.
  func mark(_ stack: Int32, in marks: inout [Bool]) {
    var current = Int(stack)
    while current > StackTable.cut && !marks[current] {
      marks[current] = true
      current = Int(frames[current].parent)
    }
  }

  /// Forgets all stacks but those that are marked; gives the new number of each of these, by its old one. Their order
  /// stays.
  mutating func keep(_ marks: [Bool]) -> [Int32] {
    let old = frames
    self = StackTable()
    var numbers = [Int32](repeating: StackTable.cut, count: old.count)
    numbers[Int(StackTable.empty)] = StackTable.empty
    // A stack comes after what it stands on, and is no deeper than it was.
    for stack in old.indices where marks[stack] {
      let frame = old[stack]
      numbers[stack] = push(frame.node, on: numbers[Int(frame.parent)]) ?? StackTable.cut
    }
    return numbers
  }

  /// A stack whose nodes are replaced by others, down to a stack that is known.
  ///
  /// - Parameter known: what stacks become; each of those that are looked at is added
  mutating func rebuild(
    _ stack: Int32, known: inout [Int32: Int32], _ change: (Int32) -> Int32
  ) -> Int32 {
    var chain: [Int32] = []
    var current = stack
    while known[current] == nil && current > StackTable.cut {
      chain.append(current)
      current = frames[Int(current)].parent
    }
    var result = known[current] ?? current
    for stack in chain.reversed() {
      // No deeper than it was.
      result = push(change(frames[Int(stack)].node), on: result) ?? result
      known[stack] = result
    }
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
