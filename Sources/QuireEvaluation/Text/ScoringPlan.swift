package import QuireModel

/// The forward batches that predict every token of a set of windows. Both models of a comparison use the same plan,
/// so that their logits can be compared row by row.
///
/// A window that fits is batched whole with others; a longer one gets its own batches and fills the cache piece by
/// piece. Cache blocks are numbered from 0 in each batch or long window: nothing is kept between them.
package struct ScoringPlan: Sendable, Equatable {
  package struct Step: Sendable, Equatable {
    package var batch: ForwardBatch
    /// The token that follows each logit row, and the window of both.
    package var targets: [Int32]
    package var windows: [Int]
  }

  package private(set) var steps: [Step] = []
  /// Cache blocks that the plan needs.
  package private(set) var blockCount = 1

  /// The most rows, and the most rows with logits, of any step; at least one.
  package var maximumRows: Int { max(1, steps.map(\.batch.tokens.count).max() ?? 1) }
  package var maximumLogitRows: Int { max(1, steps.map(\.targets.count).max() ?? 1) }

  /// The last step up to `count` that begins with whole windows, so that it needs nothing of the steps before.
  func restart(atMost count: Int) -> Int {
    var index = min(count, steps.count)
    while index > 0, index < steps.count,
      steps[index].batch.sequences.contains(where: { $0.firstPosition > 0 })
    {
      index -= 1
    }
    return index
  }

  /// - Parameters:
  ///   - rowLimit: the most rows of a batch.
  ///   - firstScored: the first position of each window that is predicted; nil: the second.
  package init(windows: [[Int32]], rowLimit: Int, firstScored: [Int]? = nil) {
    precondition(rowLimit > 0)
    precondition(firstScored.map { $0.count == windows.count } ?? true, "a position for each window")
    func first(_ index: Int) -> Int { firstScored?[index] ?? 1 }
    var open = Step.empty
    var openBlockCount = 0
    for (index, window) in windows.enumerated() {
      if open.batch.tokens.count + window.count > rowLimit {
        close(&open, &openBlockCount)
      }
      if window.count > rowLimit {
        appendLong(window, index: index, rowLimit: rowLimit, firstScored: first(index))
        continue
      }
      let blocks = Self.blocks(positions: window.count, first: openBlockCount)
      openBlockCount += blocks.count
      open.append(
        window, range: 0..<window.count, index: index, blocks: blocks, firstScored: first(index))
    }
    close(&open, &openBlockCount)
  }

  private mutating func close(_ step: inout Step, _ stepBlockCount: inout Int) {
    blockCount = max(blockCount, stepBlockCount)
    if !step.batch.tokens.isEmpty { steps.append(step) }
    step = .empty
    stepBlockCount = 0
  }

  private mutating func appendLong(_ window: [Int32], index: Int, rowLimit: Int, firstScored: Int) {
    let blocks = Self.blocks(positions: window.count, first: 0)
    blockCount = max(blockCount, blocks.count)
    for start in stride(from: 0, to: window.count, by: rowLimit) {
      var step = Step.empty
      step.append(
        window, range: start..<min(start + rowLimit, window.count), index: index, blocks: blocks,
        firstScored: firstScored)
      steps.append(step)
    }
  }

  private static func blocks(positions: Int, first: Int) -> [Int32] {
    (first..<first + KeyValueCache.blockCount(positions: positions)).map { Int32($0) }
  }
}

extension ScoringPlan.Step {
  fileprivate static let empty = ScoringPlan.Step(
    batch: ForwardBatch(tokens: [], sequences: [], logitRows: []), targets: [], windows: [])

  /// Appends the positions `range` of a window; every row that a scored token follows needs logits.
  fileprivate mutating func append(
    _ window: [Int32], range: Range<Int>, index: Int, blocks: [Int32], firstScored: Int
  ) {
    let firstRow = batch.tokens.count
    batch.tokens += window[range]
    batch.sequences.append(
      .init(rowCount: range.count, firstPosition: range.lowerBound, blocks: blocks))
    for position in range where position + 1 < window.count && position + 1 >= firstScored {
      batch.logitRows.append(firstRow + position - range.lowerBound)
      targets.append(window[position + 1])
      windows.append(index)
    }
  }
}
