/// Hashes of the beginnings of one text: equal for texts that begin with the same tokens, and else different, apart from
/// an unlikely collision.
///
///     var hashes = TextHashes(seed: 7, blockSize: 32, maximumTokens: 4096)
///     hashes.catchUp(with: tokens)       // after each growth of the text
///     hashes.hash(of: tokens.prefix(40)) // computed from the hash of the first 32
struct TextHashes: Sendable {
  private let blockSize: Int
  /// The hash of the first 0, 1, 2 … full blocks of tokens.
  private var boundaries: [UInt64]

  /// - Parameter seed: random for each engine, so that nobody can prepare texts with equal hashes
  init(seed: UInt64, blockSize: Int, maximumTokens: Int) {
    self.blockSize = blockSize
    boundaries = []
    boundaries.reserveCapacity(maximumTokens / blockSize + 1)
    boundaries.append(seed)
  }

  mutating func catchUp(with tokens: [Int32]) {
    while boundaries.count * blockSize <= tokens.count {
      let first = (boundaries.count - 1) * blockSize
      boundaries.append(Self.hash(boundaries[boundaries.count - 1], tokens[first..<first + blockSize]))
    }
  }

  /// The hash of the beginning of the text that `catchUp` saw last.
  func hash(of beginning: ArraySlice<Int32>) -> UInt64 {
    let number = beginning.count / blockSize
    return Self.hash(boundaries[number], beginning[(beginning.startIndex + number * blockSize)...])
  }

  private static func hash(_ start: UInt64, _ tokens: ArraySlice<Int32>) -> UInt64 {
    var hash = start
    for token in tokens {
      hash = (hash ^ UInt64(UInt32(bitPattern: token))) &* 0x9e37_79b9_7f4a_7c15
      hash ^= hash >> 32
    }
    return hash
  }
}
