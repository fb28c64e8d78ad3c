/// Finds the masks of an automaton's states by walking through the tokens.
///
/// Two parts, for nearly all of a mask depends on the part of the grammar that is being read, and not on what comes after
/// it:
/// 1. The local state is walked through all tokens. Its mask is remembered and serves every state with the same local
///    part: the inside of any string of a schema. Where a token leaves that part and goes further, the node is noted.
/// 2. From each of those nodes the real state is walked through the rest.
/// Whole masks are remembered by state too. (The split into tokens that depend on the context and tokens that do not is
/// from XGrammar: Dong et al., 2024.)
final class MaskMaker {
  /// A mask of a local state, and the nodes where it is not the whole truth.
  private struct LocalMask {
    let mask: TokenMask
    /// Nodes of the trie at which a token leaves the part that is known and has more to read.
    var openNodes: [Int32] = []
  }

  let automaton: Automaton
  let trie: TokenTrie
  /// Id of each tag of the grammar.
  private let tagIDs: [Int32]
  private var masks = MaskCache<TokenMask>(capacity: GrammarLimits.maskCountMaximum)
  private var localMasks = MaskCache<LocalMask>(capacity: GrammarLimits.localMaskCountMaximum)
  /// State after each byte of the token that the walk is in. The first entries are pinned states.
  private let path: UnsafeMutablePointer<Int32>
  private let pathCapacity: Int
  /// Positions that may be looked at before the current mask is abandoned.
  private var workLimit = 0
  /// Nodes of the trie visited so far, for measurements.
  private(set) var visitCount = 0
  /// Local masks made so far, for measurements.
  private(set) var localWalkCount = 0

  /// Entries of `path` before the root's: the state that the mask is for, and the local one.
  private static let pinnedCount = 2

  init(_ automaton: Automaton, trie: TokenTrie, tagIDs: [Int32]) {
    self.automaton = automaton
    self.trie = trie
    self.tagIDs = tagIDs
    pathCapacity = trie.depthMaximum + 1 + Self.pinnedCount
    path = .allocate(capacity: pathCapacity)
    path.update(repeating: Automaton.deadState, count: pathCapacity)
  }

  deinit { path.deallocate() }

  /// Steps so far, of which a visited node takes only a part.
  var work: Int { automaton.work + visitCount / GrammarLimits.visitsPerStep }

  /// Bytes of the automaton and of the masks, about.
  var byteCount: Int {
    automaton.byteCount + (masks.count + localMasks.count) * trie.wordCount * MemoryLayout<UInt64>.stride
  }

  /// The mask of the state that a handle holds.
  func mask(ofHandle handle: Int) throws(MaskOverload) -> TokenMask {
    if let known = masks.value(of: automaton.state(of: handle)) { return known }
    workLimit = automaton.work + GrammarLimits.maskWorkMaximum
    if automaton.isFull { forget(pathCount: 0) }
    path[0] = automaton.state(of: handle)
    path[1] = Automaton.deadState
    let mask = try makeMask()
    masks.insert(mask, for: path[0])
    return mask
  }

  /// The mask of the state at `path[0]`.
  private func makeMask() throws(MaskOverload) -> TokenMask {
    guard let base = automaton.commonStack(of: path[0]) else {
      return TokenMask(wordCount: trie.wordCount).seal(twins: [])
    }
    path[1] = automaton.localState(of: path[0], above: base)
    try checkWork()
    let local = try localMask()
    let mask = TokenMask(copying: local.mask)
    // What stands on the empty stack is left at the end of the text, and nothing follows.
    if base != StackTable.empty {
      for node in local.openNodes { try walkOn(from: Int(node), into: mask) }
    }
    for (tag, id) in tagIDs.enumerated() {
      let next = automaton.next(path[0], symbol: automaton.network.symbol(ofTag: tag))
      if next != Automaton.deadState { mask.insert(id) }
    }
    return mask.seal(twins: trie.twins)
  }

  private func checkWork() throws(MaskOverload) {
    if automaton.work > workLimit { throw MaskOverload() }
  }

  /// The mask of the local state at `path[1]`.
  private func localMask() throws(MaskOverload) -> LocalMask {
    if let known = localMasks.value(of: path[1]) { return known }
    localWalkCount += 1
    var local = LocalMask(mask: TokenMask(wordCount: trie.wordCount))
    path[Self.pinnedCount] = path[1]
    try walk(trie.nodeRange(below: 0), into: local.mask, open: &local.openNodes)
    localMasks.insert(local, for: path[1])
    return local
  }

  /// Follows the bytes of a node from the real state, and walks through what is below it.
  private func walkOn(from node: Int, into mask: TokenMask) throws(MaskOverload) {
    let depth = Int(trie.depths[node])
    path[Self.pinnedCount] = path[0]
    for (index, byte) in trie.text(of: node).enumerated() {
      path[Self.pinnedCount + index + 1] = automaton.next(path[Self.pinnedCount + index], byte: byte)
      try checkWork()
    }
    guard path[Self.pinnedCount + depth] != Automaton.deadState else { return }
    var open: [Int32] = []
    try walk(trie.nodeRange(below: node), into: mask, open: &open)
  }

  /// Puts the tokens of a range of nodes into the mask that can follow. The states of the nodes above it are in `path`.
  ///
  /// Nodes at which the state is open, and that are not below another one, are appended to `open` if anything is below
  /// them.
  private func walk(
    _ range: Range<Int>, into mask: TokenMask, open: inout [Int32]
  ) throws(MaskOverload) {
    let (symbolCount, classes, target) = (automaton.symbolCount, automaton.classes, mask.target)
    let states = path + (Self.pinnedCount - 1)
    var table = automaton.table
    var overloaded = false
    var openEnd = range.lowerBound
    var visits = 0
    trie.withPointers { bytes, depths, ends, tokens in
      var node = range.lowerBound
      while node < range.upperBound {
        let depth = Int(depths[node])
        let symbol = Int(classes[Int(bytes[node])])
        var next = table[Int(states[depth]) &* symbolCount &+ symbol]
        if next < 0 {
          next = automaton.compute(states[depth], symbol: symbol)
          if automaton.work > workLimit {
            overloaded = true
            return
          }
          if automaton.isFull { next = forget(next, depth: depth) }
          if automaton.isOpen(next) { next |= Automaton.openFlag }
          table = automaton.table
        }
        visits &+= 1
        guard next != Automaton.deadState else {
          node = Int(ends[node])
          continue
        }
        let token = tokens[node]
        if token >= 0 { target[Int(token) >> 6] |= 1 << UInt64(token & 63) }
        states[depth + 1] = next & ~Automaton.openFlag
        if next >= Automaton.openFlag && node >= openEnd {
          openEnd = Int(ends[node])
          if openEnd > node + 1 { open.append(Int32(truncatingIfNeeded: node)) }
        }
        node += 1
      }
    }
    visitCount += visits
    if overloaded { throw MaskOverload() }
  }

  /// Forgets in the middle of a walk; gives the new number of a state.
  private func forget(_ state: Int32, depth: Int) -> Int32 {
    path[Self.pinnedCount + depth] = state
    forget(pathCount: Self.pinnedCount + depth + 1)
    return path[Self.pinnedCount + depth]
  }

  /// Forgets all states but those that are held, the first ones of the path and those of local masks.
  private func forget(pathCount: Int) {
    (path + pathCount).update(repeating: Automaton.deadState, count: pathCapacity - pathCount)
    let locals = keptLocals()
    var kept = Array(UnsafeBufferPointer(start: path, count: pathCapacity)) + locals
    kept.withUnsafeMutableBufferPointer { automaton.forget(except: $0) }
    path.update(from: kept, count: pathCapacity)
    masks.removeAll()
    localMasks.renumber(Dictionary(zip(locals, kept.dropFirst(pathCapacity)), uniquingKeysWith: { $1 }))
  }

  /// The states of local masks, without the largest ones where all together would take too long to keep.
  private func keptLocals() -> [Int32] {
    let sized = localMasks.states.map { (state: $0, size: automaton.states.positions(of: $0).count) }
    var left = GrammarLimits.keptPositionMaximum
    return sized.sorted { $0.size < $1.size }.prefix {
      left -= $0.size
      return left >= 0
    }.map(\.state)
  }
}

extension MaskMaker {
  /// All tokens, but of those that continue a text after `prefix` only those that can follow from a state on: for the
  /// end of a thought that is spelled out. Nil when no token does.
  func freeMask(
    after prefix: some Sequence<UInt8>, state: Int32
  ) throws(MaskOverload) -> TokenMask? {
    guard let node = trie.node(of: prefix) else { return nil }
    workLimit = automaton.work + GrammarLimits.maskWorkMaximum
    let mask = TokenMask(wordCount: trie.wordCount, repeating: .max)
    var states = [Int32](repeating: Automaton.deadState, count: trie.depthMaximum + 1)
    let depth = Int(trie.depths[node])
    states[depth] = state
    for node in trie.nodeRange(below: node) {
      let nodeDepth = Int(trie.depths[node])
      let next = automaton.next(states[nodeDepth - 1], byte: trie.bytes[node])
      try checkWork()
      states[nodeDepth] = next
      if next == Automaton.deadState && trie.tokens[node] >= 0 { mask.remove(trie.tokens[node]) }
    }
    return mask.seal(twins: [])
  }
}
