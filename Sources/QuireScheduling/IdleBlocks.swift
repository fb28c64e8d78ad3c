/// Blocks without holders whose contents are kept, least recently used first: a doubly linked list in arrays, so that a
/// block can be removed from the middle without allocation.
struct IdleBlocks: Sendable, Hashable {
  private static let none: Int32 = -1

  private var first = Self.none
  private var last = Self.none
  private var previous: [Int32]  // (block)
  private var next: [Int32]  // (block)
  private(set) var count = 0

  init(blockCount: Int) {
    previous = [Int32](repeating: Self.none, count: blockCount)
    next = [Int32](repeating: Self.none, count: blockCount)
  }

  /// The least recently used block.
  var oldest: Int32? { first == Self.none ? nil : first }

  /// Adds a block as the most recently used one.
  mutating func append(_ block: Int32) {
    previous[Int(block)] = last
    next[Int(block)] = Self.none
    if last == Self.none { first = block } else { next[Int(last)] = block }
    last = block
    count += 1
  }

  /// Removes a block that is in the list.
  mutating func remove(_ block: Int32) {
    let (before, after) = (previous[Int(block)], next[Int(block)])
    if before == Self.none { first = after } else { next[Int(before)] = after }
    if after == Self.none { last = before } else { previous[Int(after)] = before }
    previous[Int(block)] = Self.none
    next[Int(block)] = Self.none
    count -= 1
  }

  /// Least recently used first.
  var all: [Int32] {
    var blocks: [Int32] = []
    var block = first
    while block != Self.none {
      blocks.append(block)
      block = next[Int(block)]
    }
    return blocks
  }
}
