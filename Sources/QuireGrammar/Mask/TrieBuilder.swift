/// Builds a trie from texts in order.
struct TrieBuilder {
  private(set) var bytes: [UInt8] = [0]
  private(set) var depths: [UInt16] = [0]
  private(set) var ends: [Int32] = [0]
  private(set) var parents: [Int32] = [0]
  private(set) var tokens: [Int32] = [-1]
  /// Nodes from the root to the last one.
  private var path: [Int] = [0]

  /// Adds a token; gives the one that has the same bytes, if there is one.
  mutating func add(_ text: ArraySlice<UInt8>, _ id: Int32) -> Int32? {
    var shared = 0
    for byte in text {
      guard shared + 1 < path.count, bytes[path[shared + 1]] == byte else { break }
      shared += 1
    }
    leave(downTo: shared + 1)
    for byte in text.dropFirst(shared) {
      parents.append(Int32(truncatingIfNeeded: path[path.count - 1]))
      path.append(bytes.count)
      bytes.append(byte)
      depths.append(UInt16(truncatingIfNeeded: path.count - 1))
      ends.append(0)
      tokens.append(-1)
    }
    let node = path[path.count - 1]
    if tokens[node] >= 0 { return tokens[node] }
    tokens[node] = id
    return nil
  }

  mutating func finish() { leave(downTo: 0) }

  private mutating func leave(downTo count: Int) {
    while path.count > count, let node = path.popLast() {
      ends[node] = Int32(truncatingIfNeeded: bytes.count)
    }
  }
}
