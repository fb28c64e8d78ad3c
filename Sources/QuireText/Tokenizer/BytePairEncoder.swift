/// Encodes one piece of text at a time: starts from its bytes and merges the pair of lowest rank, the leftmost of
/// equals, until none is left.
///
/// Holds the working memory and the cache of one encoding thread.
///
/// Unchecked: ``EncoderPool`` lends an encoder to one call at a time, and passes it on under its lock.
final class BytePairEncoder: @unchecked Sendable {
  /// Up to here a scan for the lowest rank is faster than a heap.
  private static let scannedByteCount = 128

  private let merges: MergeTable
  private let byteIDs: [Int32]  // (256)
  private let cache = WordCache()
  /// Tokens of the piece in work, and the rank of each with its right neighbour (none for the last).
  private var ids: [Int32] = []
  private var ranks: [UInt32] = []

  init(merges: MergeTable, byteIDs: [Int32]) {
    self.merges = merges
    self.byteIDs = byteIDs
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
    ids.removeAll(keepingCapacity: true)
    ranks.removeAll(keepingCapacity: true)
    for index in 0..<piece.count {
      ids.append(byteIDs[Int(piece[index])])
      ranks.append(
        index + 1 < piece.count ? merges.rank(ofBytes: piece[index], piece[index + 1]) : MergeTable.noRank)
    }
    // Pointers hoist the arrays' exclusivity checks out of the loop.
    let count = ids.withUnsafeMutableBufferPointer { ids in
      ranks.withUnsafeMutableBufferPointer { ranks in
        Self.scan(ids: ids.baseAddress!, ranks: ranks.baseAddress!, count: ids.count, merges: merges)
      }
    }
    output.append(contentsOf: ids[..<count])
  }

  /// Merges in place; returns how many tokens are left.
  private static func scan(
    ids: UnsafeMutablePointer<Int32>, ranks: UnsafeMutablePointer<UInt32>, count: Int, merges: MergeTable
  ) -> Int {
    var count = count
    while true {
      var lowest = MergeTable.noRank
      var place = 0
      for index in 0..<count where ranks[index] < lowest {
        lowest = ranks[index]
        place = index
      }
      if lowest == MergeTable.noRank { return count }
      ids[place] = merges.product(ofRank: lowest)
      count -= 1
      for index in place + 1..<max(place + 1, count) {
        ids[index] = ids[index + 1]
        ranks[index] = ranks[index + 1]
      }
      ranks[place] = place + 1 < count ? merges.rank(ids[place], ids[place + 1]) : MergeTable.noRank
      if place > 0 { ranks[place - 1] = merges.rank(ids[place - 1], ids[place]) }
    }
  }
}
