/// Byte-pair merging of a long piece in n log n: tokens in a doubly linked list, candidate merges in a heap.
///
/// Ordinary pieces are short, and ``BytePairEncoder`` scans them. A constructed input (a megabyte of one letter) makes
/// one long piece, which must not take n² time.
struct MergeChain {
  private let merges: MergeTable
  /// Token at each position; `gone` where the token was merged into its left neighbor.
  private var ids: [Int32]
  private var previous: [Int32]
  private var next: [Int32]
  /// rank << 32 | position; stale when the pair at the position has another rank now.
  private var heap: [UInt64] = []

  private static let gone: Int32 = -1
  private static let none: Int32 = -1

  init(_ piece: UnsafeRawBufferPointer, merges: MergeTable, byteIDs: [Int32]) {
    self.merges = merges
    ids = piece.map { byteIDs[Int($0)] }
    previous = piece.indices.map { Int32($0) - 1 }
    next = piece.indices.map { $0 + 1 < piece.count ? Int32($0) + 1 : Self.none }
    for position in ids.indices { pushPair(at: position) }
  }

  /// Merges until no pair is left, and appends the tokens.
  mutating func mergeAll(into output: inout [Int32]) {
    while let candidate = pop() {
      let position = Int(candidate & 0xFFFF_FFFF)
      let rank = UInt32(candidate >> 32)
      guard ids[position] != Self.gone, self.rank(at: position) == rank else { continue }
      let absorbed = Int(next[position])
      ids[position] = merges.product(ofRank: rank)
      ids[absorbed] = Self.gone
      next[position] = next[absorbed]
      if next[position] != Self.none { previous[Int(next[position])] = Int32(position) }
      pushPair(at: position)
      if previous[position] != Self.none { pushPair(at: Int(previous[position])) }
    }
    var position: Int32 = ids.isEmpty ? Self.none : 0
    while position != Self.none {
      output.append(ids[Int(position)])
      position = next[Int(position)]
    }
  }

  private func rank(at position: Int) -> UInt32 {
    next[position] == Self.none ? MergeTable.noRank : merges.rank(ids[position], ids[Int(next[position])])
  }

  private mutating func pushPair(at position: Int) {
    let rank = rank(at: position)
    if rank != MergeTable.noRank { push(UInt64(rank) << 32 | UInt64(position)) }
  }

  private mutating func push(_ candidate: UInt64) {
    heap.append(candidate)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if heap[parent] <= heap[child] { break }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  private mutating func pop() -> UInt64? {
    guard let lowest = heap.first, let last = heap.popLast() else { return nil }
    if heap.isEmpty { return lowest }
    heap[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= heap.count { break }
      if child + 1 < heap.count && heap[child + 1] < heap[child] { child += 1 }
      if heap[parent] <= heap[child] { break }
      heap.swapAt(parent, child)
      parent = child
    }
    return lowest
  }
}
