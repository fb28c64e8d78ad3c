/// Encodes one piece of text at a time: starts from its bytes and repeatedly merges the pair of lowest rank (the
/// leftmost among equals) until no pair can be merged.
///
/// Holds the working memory and the cache of one encoding thread.
///
/// Unchecked: ``EncoderPool`` lends an encoder to one call at a time, under a lock.
final class BytePairEncoder: @unchecked Sendable {
  /// Up to this many tokens a scan for the lowest rank is faster than a heap.
  private static let scannedByteCount = 128

  private let merges: MergeTable
  private let byteIDs: [Int32]  // (256)
  private let cache = WordCache()
  // Raw memory, because arrays in a class would cost an exclusivity check per access; freed with the encoder.
  /// Tokens of the current piece.
  private let ids = UnsafeMutablePointer<Int32>.allocate(capacity: scannedByteCount)
  /// The rank of each token with its right neighbor; `noRank` for the last.
  private let ranks = UnsafeMutablePointer<UInt32>.allocate(capacity: scannedByteCount)

  init(merges: MergeTable, byteIDs: [Int32]) {
    self.merges = merges
    self.byteIDs = byteIDs
  }

  deinit {
    ids.deallocate()
    ranks.deallocate()
  }

  /// Appends the ids of a piece, which must not be empty.
  @inline(__always)
  func encode(_ piece: UnsafeRawBufferPointer, into output: inout [Int32]) {
    guard piece.count <= WordCache.maximumWordBytes else { return merge(piece, into: &output) }
    let key = WordCache.Key(piece)
    if cache.appendIDs(of: key, to: &output) { return }
    let start = output.count
    merge(piece, into: &output)
    if output.count - start <= WordCache.maximumIDCount { cache.remember(key, ids: output[start...]) }
  }

  private func merge(_ piece: UnsafeRawBufferPointer, into output: inout [Int32]) {
    if piece.count == 1 { return output.append(byteIDs[Int(piece[0])]) }
    if piece.count > Self.scannedByteCount {
      var chain = MergeChain(piece, merges: merges, byteIDs: byteIDs)
      return chain.mergeAll(into: &output)
    }
    for index in 0..<piece.count {
      ids[index] = byteIDs[Int(piece[index])]
      ranks[index] =
        index + 1 < piece.count ? merges.rank(ofBytes: piece[index], piece[index + 1]) : MergeTable.noRank
    }
    let count = scan(count: piece.count)
    output.append(contentsOf: UnsafeBufferPointer(start: ids, count: count))
  }

  /// Merges the first `count` tokens in place; returns how many tokens are left.
  private func scan(count: Int) -> Int {
    var count = count
    while true {
      var lowest = MergeTable.noRank
      var best = 0
      for index in 0..<count where ranks[index] < lowest {
        lowest = ranks[index]
        best = index
      }
      if lowest == MergeTable.noRank { return count }
      ids[best] = merges.product(ofRank: lowest)
      count -= 1
      for index in best + 1..<max(best + 1, count) {
        ids[index] = ids[index + 1]
        ranks[index] = ranks[index + 1]
      }
      ranks[best] = best + 1 < count ? merges.rank(ids[best], ids[best + 1]) : MergeTable.noRank
      if best > 0 { ranks[best - 1] = merges.rank(ids[best - 1], ids[best]) }
    }
  }
}
