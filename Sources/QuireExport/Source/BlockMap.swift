/// Where each block of rows or columns of a filled matrix comes from.
///
///     BlockMap(blockSize: 128, sources: [0, 2, nil])   // heads 0 and 2, then zeros
package struct BlockMap: Equatable, Sendable {
  package let blockSize: Int
  /// For each block its index in the stored matrix; nil for zeros.
  package let sources: [Int?]

  package init(blockSize: Int, sources: [Int?]) {
    precondition(blockSize > 0, "a block has rows")
    self.blockSize = blockSize
    self.sources = sources
  }

  /// `stored` rows or columns, then zeros up to `filled`.
  package init(appendingTo stored: Int, upTo filled: Int) {
    var (block, rest) = (stored, filled)
    while rest != 0 { (block, rest) = (rest, block % rest) }
    self.init(
      blockSize: block, sources: (0..<filled / block).map { $0 < stored / block ? $0 : nil })
  }

  package var count: Int { blockSize * sources.count }

  /// Whether it changes nothing about `stored` rows or columns.
  func isIdentity(on stored: Int) -> Bool {
    count == stored && sources.enumerated().allSatisfy { $0.element == $0.offset }
  }

  /// The row or column in the stored matrix; nil for zeros.
  package func source(of index: Int) -> Int? {
    sources[index / blockSize].map { $0 * blockSize + index % blockSize }
  }
}
