import QuireScheduling
import TestSupport
import Testing

/// A pool whose free blocks keep their contents.
@Suite struct PrefixPoolTests {
  /// A text of one token per block.
  private func held(_ pool: inout BlockPool, _ tokens: [Int32]) -> [Int32] {
    var blocks: [Int32] = []
    for token in tokens {
      guard let block = pool.allocate() else { break }
      blocks.append(pool.list(block, after: blocks.last, tokens: [token]))
    }
    return blocks
  }

  private func release(_ blocks: [Int32], _ pool: inout BlockPool) {
    for block in blocks.reversed() { pool.release(block) }
  }

  @Test func aReleasedBlockIsFreeAndFound() throws {
    var pool = BlockPool(blockCount: 3, prefixBlockSize: 1)
    let blocks = held(&pool, [7, 8])
    release(blocks, &pool)
    #expect(pool.freeCount == 3 && pool.usedCount == 0 && pool.idleCount == 2)
    let first = try #require(pool.block(after: nil, tokens: [7]))
    #expect(first == blocks[0])
    #expect(pool.block(after: first, tokens: [8]) == blocks[1])
    #expect(
      pool.block(after: nil, tokens: [8]) == nil, "the same tokens after other tokens are another block")
    pool.retain(first)
    #expect(pool.usedCount == 1 && pool.idleCount == 1)
    #expect(pool.brokenInvariant == nil)
  }

  @Test func theEndOfTheTextUsedLongestAgoGoesFirst() {
    var pool = BlockPool(blockCount: 4, prefixBlockSize: 1)
    release(held(&pool, [1, 2]), &pool)
    release(held(&pool, [5, 6]), &pool)
    pool.retain(0)  // the text of 1 is used again
    pool.release(0)
    #expect([pool.allocate(), pool.allocate(), pool.allocate(), pool.allocate()] == [1, 3, 2, 0])
    #expect(pool.evictionCount == 4)
    #expect(pool.block(after: nil, tokens: [1]) == nil)
  }

  @Test func equalBlocksBecomeOne() {
    var pool = BlockPool(blockCount: 4, prefixBlockSize: 1)
    let first = held(&pool, [1, 2])
    let second = held(&pool, [1, 2])
    #expect(first == second)
    #expect(pool.usedCount == 2 && pool.holderCount(first[0]) == 2)
    release(first, &pool)
    #expect(pool.usedCount == 2)
    release(second, &pool)
    #expect(pool.usedCount == 0)
    #expect(pool.brokenInvariant == nil)
  }

  /// Adds and removes random texts over two tokens; cached parts are found. A dictionary records which block contains
  /// which text.
  @Test(arguments: 1...UInt64(20)) func agreesWithADictionary(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var pool = BlockPool(blockCount: 12, prefixBlockSize: 2)
    var texts: [Int32: [Int32]] = [:]  // by block: everything up to its end
    var running: [[Int32]] = []
    for _ in 0..<400 {
      if running.count > 2 || generator.next() % 3 == 0, !running.isEmpty {
        let index = Int(generator.next() % UInt64(running.count))
        release(running.remove(at: index), &pool)
      } else {
        let text = generator.tokens(2 * (1 + Int(generator.next() % 5)), vocabularySize: 2)
        var blocks: [Int32] = []
        for end in stride(from: 2, through: text.count, by: 2) {
          let piece = text[end - 2..<end]
          if let found = pool.block(after: blocks.last, tokens: piece) {
            #expect(texts[found] == Array(text[..<end]), "a block of another text")
            pool.retain(found)
            blocks.append(found)
          } else if let block = pool.allocate() {
            #expect(!running.joined().contains(block) && !blocks.contains(block))
            let listed = pool.list(block, after: blocks.last, tokens: piece)
            texts[listed] = Array(text[..<end])
            blocks.append(listed)
          } else {
            break
          }
        }
        running.append(blocks)
      }
      #expect(pool.usedCount == Set(running.joined()).count)
      #expect(pool.brokenInvariant == nil)
    }
    #expect(pool.evictionCount > 20)
  }
}
