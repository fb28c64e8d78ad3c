/// Lists of integers, one for each index, as chains in two arrays.
struct Lists {
  private var firsts: [Int32]
  private var entries: [(value: Int32, next: Int32)] = []

  init(count: Int) { firsts = [Int32](repeating: -1, count: count) }

  mutating func add(_ value: Int, to list: Int) {
    entries.append((Int32(truncatingIfNeeded: value), firsts[list]))
    firsts[list] = Int32(truncatingIfNeeded: entries.count - 1)
  }

  @inline(__always)
  func forEach(of list: Int, _ body: (Int) -> Void) {
    var entry = firsts[list]
    while entry >= 0 {
      body(Int(entries[Int(entry)].value))
      entry = entries[Int(entry)].next
    }
  }

  /// The entry that a cursor is at, and the cursor after it. A cursor begins with `first(of:)`.
  func first(of list: Int) -> Int32 { firsts[list] }
  func entry(at cursor: Int32) -> (value: Int, next: Int32)? {
    cursor < 0 ? nil : (Int(entries[Int(cursor)].value), entries[Int(cursor)].next)
  }
}

/// Strongly connected components by Tarjan's algorithm (1972), without recursion.
enum StrongComponents {
  /// The component of each node 0 ..< count.
  static func of(count: Int, edges: [(Int, Int)]) -> [Int] {
    var leaving = Lists(count: count)
    for (source, target) in edges { leaving.add(target, to: source) }
    var orders = [Int](repeating: -1, count: count)
    var lows = [Int](repeating: 0, count: count)
    var components = [Int](repeating: -1, count: count)
    var open: [Int] = []
    var orderCount = 0
    var componentCount = 0
    for root in 0..<count where orders[root] < 0 {
      var path: [(node: Int, cursor: Int32)] = []
      func enter(_ node: Int) {
        orders[node] = orderCount
        lows[node] = orderCount
        orderCount += 1
        open.append(node)
        path.append((node, leaving.first(of: node)))
      }
      enter(root)
      while let (node, cursor) = path.last {
        if let (target, next) = leaving.entry(at: cursor) {
          path[path.count - 1].cursor = next
          if orders[target] < 0 {
            enter(target)
          } else if components[target] < 0 {
            lows[node] = min(lows[node], orders[target])
          }
          continue
        }
        path.removeLast()
        if let parent = path.last?.node { lows[parent] = min(lows[parent], lows[node]) }
        guard lows[node] == orders[node] else { continue }
        while let member = open.popLast() {
          components[member] = componentCount
          if member == node { break }
        }
        componentCount += 1
      }
    }
    return components
  }
}
