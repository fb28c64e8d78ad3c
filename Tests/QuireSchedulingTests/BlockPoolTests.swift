import Testing

import QuireScheduling

@Suite struct BlockPoolTests {
  /// Every sequence of operations up to length 7 on a pool of 3 blocks, against a plain array of counts.
  @Test func agreesWithPlainCountsInEveryShortHistory() {
    var checkedCount = 0
    func explore(_ pool: BlockPool, _ counts: [Int], _ path: [String]) {
      checkedCount += 1
      #expect(pool.freeCount == counts.filter { $0 == 0 }.count, "\(path)")
      #expect(pool.usedCount == counts.filter { $0 > 0 }.count, "\(path)")
      for (block, count) in counts.enumerated() {
        #expect(pool.holderCount(Int32(block)) == count, "\(path)")
      }
      guard path.count < 7 else { return }
      var next = pool
      if let block = next.allocate() {
        #expect(counts[Int(block)] == 0, "\(path) allocated a block in use")
        var nextCounts = counts
        nextCounts[Int(block)] = 1
        explore(next, nextCounts, path + ["allocate"])
      } else {
        #expect(!counts.contains(0), "\(path) found no block")
      }
      for block in counts.indices where counts[block] > 0 {
        var retained = pool
        retained.retain(Int32(block))
        var nextCounts = counts
        nextCounts[block] += 1
        explore(retained, nextCounts, path + ["retain \(block)"])
        var released = pool
        released.release(Int32(block))
        nextCounts[block] -= 2
        explore(released, nextCounts, path + ["release \(block)"])
      }
    }
    explore(BlockPool(blockCount: 3), [0, 0, 0], [])
    #expect(checkedCount > 1000)
  }

  @Test func handsBlocksOutInAscendingOrderAtFirst() {
    var pool = BlockPool(blockCount: 3)
    #expect([pool.allocate(), pool.allocate(), pool.allocate(), pool.allocate()] == [0, 1, 2, nil])
  }

  @Test func releasingAFreeBlockIsABug() async {
    await #expect(processExitsWith: .failure) {
      var pool = BlockPool(blockCount: 1)
      pool.release(0)
    }
  }
}
