// Shared prefixes: if a request begins with the tokens of another request, running or finished, it uses that request's
// blocks for them and computes only the remaining tokens.
//
// Only full blocks are shared, so no request writes to a block that another request holds: it writes only its own
// blocks, which begin at the first token that is not shared. Equal tokens in the other request's last, partly filled
// block are computed again; these are fewer than a block's tokens.
//
// A chat template that drops the reasoning of an earlier turn changes the text from the beginning of that reasoning: the
// blocks before it are shared. The answer after it is computed again, because its keys and values depended on the
// reasoning.
//
// Possible alternative: copying part of a block (saves half a block for each request, needs a copy in every layer).

extension Scheduler {
  /// Lists the full blocks of a request's computed tokens, so that other requests can use them. Call it when the step is
  /// computed and no copy of the block lists exists.
  /// - Parameter tokens: The request's tokens, at least the computed ones.
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

  /// Gives a request without blocks the listed blocks that contain its first tokens. Its last token is always computed,
  /// because its logits are needed.
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
    line[index].reusedCount = line[index].computedCount
  }

  /// Number of blocks that a waiting request would share and that other requests hold.
  func heldPrefixCount(at index: Int, _ tokens: (UInt64) -> [Int32]) -> Int {
    // A holder of a block also holds the blocks before it.
    prefixBlockCount(at: index, tokens) { pool.holderCount($0) > 0 }
  }

  /// Number of a waiting request's tokens that are in listed blocks.
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
