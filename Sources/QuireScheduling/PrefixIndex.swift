/// Finds the block that holds given tokens after a given prefix.
///
///     var index = PrefixIndex(blockCount: 64, blockSize: 32)
///     index.insert(5, parent: PrefixIndex.root, tokens: text[..<32])
///     index.insert(9, parent: 5, tokens: text[32..<64])
///     index.block(after: 5, tokens: text[32..<64])   // 9
///
/// The key of a block is its parent (the block with the 32 tokens before) and its own tokens, so a chain of blocks
/// represents a text from its first token. The hash of the key only selects a bucket: tokens and parent are compared,
/// so a collision cannot give a request the keys and values of another text. The hash is Swift's `Hasher`, whose seed is
/// random for each process, so clients cannot prepare texts that all use one bucket.
///
/// Keys and values also depend on the model and on the element type of the cache. Both are fixed for an engine, which
/// has one index, so they are not part of the key.
///
/// All memory is allocated at creation, because a decode step that fills a block must not allocate.
struct PrefixIndex: Sendable, Hashable {
  /// The parent of a text's first block.
  static let root: Int32 = -1
  /// Parent of a block that is not listed; also marks the end of a bucket.
  private static let none: Int32 = -2

  private let blockSize: Int
  private var tokens: [Int32]  // (block, position)
  private var parents: [Int32]  // (block)
  private var childCounts: [Int32]  // (block)
  /// First block of each bucket; the number of buckets is a power of two.
  private var buckets: [Int32]
  private var nextInBucket: [Int32]  // (block)

  init(blockCount: Int, blockSize: Int) {
    self.blockSize = blockSize
    tokens = [Int32](repeating: 0, count: blockCount * blockSize)
    parents = [Int32](repeating: Self.none, count: blockCount)
    childCounts = [Int32](repeating: 0, count: blockCount)
    var bucketCount = 1
    while bucketCount < blockCount { bucketCount *= 2 }
    buckets = [Int32](repeating: Self.none, count: bucketCount)
    nextInBucket = [Int32](repeating: Self.none, count: blockCount)
  }

  func contains(_ block: Int32) -> Bool { parents[Int(block)] != Self.none }

  /// Number of listed blocks whose parent is `block`.
  func childCount(_ block: Int32) -> Int { Int(childCounts[Int(block)]) }

  /// The parent of a listed block; `nil` for the first block of a text.
  func parent(_ block: Int32) -> Int32? {
    precondition(contains(block), "the parent of a block that is not listed")
    return parents[Int(block)] == Self.root ? nil : parents[Int(block)]
  }

  /// The listed block that contains `tokens` after `parent`; `nil` if there is none.
  func block(after parent: Int32, tokens: ArraySlice<Int32>) -> Int32? {
    var block = buckets[bucket(parent, tokens)]
    while block != Self.none {
      if parents[Int(block)] == parent && holds(block, tokens) { return block }
      block = nextInBucket[Int(block)]
    }
    return nil
  }

  /// Lists a block. Its key must be new, and its parent listed.
  mutating func insert(_ block: Int32, parent: Int32, tokens given: ArraySlice<Int32>) {
    precondition(!contains(block) && given.count == blockSize, "a full block is listed once")
    let first = Int(block) * blockSize
    for (offset, token) in given.enumerated() { tokens[first + offset] = token }
    parents[Int(block)] = parent
    if parent != Self.root { childCounts[Int(parent)] += 1 }
    let bucket = bucket(parent, given)
    nextInBucket[Int(block)] = buckets[bucket]
    buckets[bucket] = block
  }

  /// Removes a listed block that has no children.
  mutating func remove(_ block: Int32) {
    precondition(contains(block) && childCounts[Int(block)] == 0, "a parent is removed after its children")
    let first = Int(block) * blockSize
    let parent = parents[Int(block)]
    let bucket = bucket(parent, tokens[first..<first + blockSize])
    if buckets[bucket] == block {
      buckets[bucket] = nextInBucket[Int(block)]
    } else {
      var previous = buckets[bucket]
      while nextInBucket[Int(previous)] != block { previous = nextInBucket[Int(previous)] }
      nextInBucket[Int(previous)] = nextInBucket[Int(block)]
    }
    nextInBucket[Int(block)] = Self.none
    parents[Int(block)] = Self.none
    if parent != Self.root { childCounts[Int(parent)] -= 1 }
  }

  private func holds(_ block: Int32, _ given: ArraySlice<Int32>) -> Bool {
    let first = Int(block) * blockSize
    return tokens[first..<first + blockSize].elementsEqual(given)
  }

  private func bucket(_ parent: Int32, _ tokens: ArraySlice<Int32>) -> Int {
    var hasher = Hasher()
    hasher.combine(parent)
    tokens.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize() & (buckets.count - 1)
  }
}
