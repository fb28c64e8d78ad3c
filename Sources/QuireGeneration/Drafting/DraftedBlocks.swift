/// Which cache blocks hold keys and values of the draft model, and of which text.
///
/// Target and draft model use the same block ids. The scheduler lends a block to one text after the other, and the draft
/// model does not take part in every step. So each block is marked with the hash of the text up to its last position
/// that the draft model has computed. A block whose mark is that of the text is used, whoever filled it: a block shared
/// through the prefix cache is computed once. Any other block is computed again. Nobody has to say when a block
/// changes its owner.
struct DraftedBlocks: Sendable {
  private let blockSize: Int
  private var counts: [Int]  // (block), positions
  private var hashes: [UInt64]  // (block)

  init(blockCount: Int, blockSize: Int) {
    self.blockSize = blockSize
    counts = [Int](repeating: 0, count: blockCount)
    hashes = [UInt64](repeating: 0, count: blockCount)
  }

  /// How many of a text's first positions are computed.
  /// - Parameter blocks: the blocks of the text, in order of position
  func computedCount(of tokens: [Int32], _ hashes: TextHashes, blocks: [Int32]) -> Int {
    var computed = 0
    for block in blocks {
      let end = computed + counts[Int(block)]
      guard end > computed, end <= tokens.count, hashes.hash(of: tokens[..<end]) == self.hashes[Int(block)]
      else { break }
      let isFull = end - computed == blockSize
      computed = end
      if !isFull { break }
    }
    return computed
  }

  /// Records that positions `range` of a text were computed, those before it earlier.
  mutating func record(_ range: Range<Int>, of tokens: [Int32], _ hashes: TextHashes, blocks: [Int32]) {
    var position = range.lowerBound
    while position < range.upperBound {
      let number = position / blockSize
      let end = min((number + 1) * blockSize, range.upperBound)
      counts[Int(blocks[number])] = end - number * blockSize
      self.hashes[Int(blocks[number])] = hashes.hash(of: tokens[..<end])
      position = end
    }
  }
}
