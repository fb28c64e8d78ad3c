// Sharing what is computed: a request that begins with the tokens of another one, running or finished, starts at the
// first block that it does not share.
//
// Only whole blocks are shared, so nothing is ever written to a block that two requests hold: a request computes and
// writes its own blocks only, from the first token that is not shared on. What the last, partly filled block of another
// request would have given is computed again, at most one block less one token.
//
// A chat template that strips the thought of an earlier turn changes the text where the thought began: the blocks
// before it are shared, and the answer that followed it is computed again, for its keys and values depended on it.
//
// Possible alternative: copying part of a block (saves half a block for each request, needs a copy in every layer).

extension Scheduler {
  /// Lists the full blocks of what a request has computed, so that others can start from them. Call it once the step
  /// is computed, while nothing else shares the block lists.
  /// - Parameter tokens: The request's tokens, at least those that are computed.
  package mutating func listPrefix(id: UInt64, tokens: [Int32]) {
    guard pool.keepsPrefixes else { return }
    let index = index(of: id)
    guard line[index].sharesPrefix else { return }
    let fullCount = line[index].computedCount / blockSize
    precondition(fullCount * blockSize <= tokens.count, "computed tokens are known")
    while line[index].listedCount < fullCount {
      let number = line[index].listedCount
      let parent = number == 0 ? nil : line[index].blocks[number - 1]
      line[index].blocks[number] = pool.list(
        line[index].blocks[number], after: parent,
        tokens: tokens[number * blockSize..<(number + 1) * blockSize])
      line[index].listedCount += 1
    }
  }

  /// Gives a request that holds nothing the blocks that hold its first tokens. Its last token is always computed: its
  /// logits are wanted.
  mutating func sharePrefix(at index: Int, _ tokens: (UInt64) -> [Int32]) {
    guard pool.keepsPrefixes, line[index].sharesPrefix else { return }
    let known = tokens(line[index].id)
    while let block = nextShared(
      at: index, held: line[index].blocks.count, after: line[index].blocks.last, known)
    {
      pool.retain(block)
      line[index].blocks.append(block)
    }
    line[index].listedCount = line[index].blocks.count
    line[index].computedCount = line[index].blocks.count * blockSize
  }

  /// How many blocks that a waiting request would share are held by others.
  func heldPrefixCount(at index: Int, _ tokens: (UInt64) -> [Int32]) -> Int {
    // Whoever holds a block holds those before it.
    prefixBlockCount(at: index, tokens) { pool.holderCount($0) > 0 }
  }

  /// Tokens that a waiting request would find computed.
  func sharedPrefixCount(at index: Int, _ tokens: (UInt64) -> [Int32]) -> Int {
    prefixBlockCount(at: index, tokens) { _ in true } * blockSize
  }

  private func prefixBlockCount(
    at index: Int, _ tokens: (UInt64) -> [Int32], while isWanted: (Int32) -> Bool
  ) -> Int {
    guard pool.keepsPrefixes, line[index].sharesPrefix else { return 0 }
    let known = tokens(line[index].id)
    var count = 0
    var last: Int32?
    while let block = nextShared(at: index, held: count, after: last, known), isWanted(block) {
      count += 1
      last = block
    }
    return count
  }

  private func nextShared(at index: Int, held count: Int, after last: Int32?, _ known: [Int32]) -> Int32? {
    let end = (count + 1) * blockSize
    guard end < line[index].tokenCount else { return nil }
    return pool.block(after: last, tokens: known[end - blockSize..<end])
  }
}
