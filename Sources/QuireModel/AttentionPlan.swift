import QuireTensors

/// Divides the query rows of one batch into shares, in order, for one layer shape.
///
/// Query rows that read the same keys are adjacent: a run is one slice and one KV head, its entries ordered by
/// position. Shares are contiguous and of equal cost. A prompt is split at any entry, because a row's arithmetic does not
/// depend on the other rows; the rows of a decoding sequence that read the same keys stay together where there are enough
/// runs for all threads, so that each key is read once.
// Unchecked: written between regions by the thread that runs the forward pass, only read inside them.
final class AttentionPlan: @unchecked Sendable {
  /// The query rows of one slice that use one KV head.
  struct Run: BitwiseCopyable {
    var slice: Int
    var keyValueHead: Int
    var firstEntry: Int
    var endEntry: Int
  }

  private let entries: HostBuffer<AttentionRow>
  /// By entry; 0 where an entry stays with the one before it, whose cost includes its own.
  private let costs: HostBuffer<Int>
  private let threadCount: Int
  private let runs: HostBuffer<Run>
  private let shareBounds: HostBuffer<Int>  // (share + 1), in entries
  private var runCount = 0

  init(maximumRows: Int, configuration: ModelConfiguration, threadCount: Int) {
    entries = HostBuffer(count: maximumRows * configuration.maximumQueryHeadCount)
    costs = HostBuffer(count: entries.count)
    self.threadCount = threadCount
    runs = HostBuffer(count: maximumRows * configuration.maximumKeyValueHeadCount)
    shareBounds = HostBuffer(count: threadCount * (threadCount > 1 ? ThreadTeam.longPieceLimit : 1) + 1)
  }

  /// Shares for each thread of a team with several.
  private(set) var pieces = ThreadTeam.pieceLimit

  /// Lays out the entries for `batch`; queries and outputs are (row, query head, head size).
  func build(
    batch: ForwardBatch, shape: LayerShape, headSize: Int, queries: UnsafePointer<Float>,
    outputs: UnsafeMutablePointer<Float>
  ) {
    let width = shape.queryHeadCount * headSize
    var entryCount = 0
    var firstRow = 0
    var cost = 0
    runCount = 0
    pieces = ThreadTeam.isLong(rows: batch.tokens.count) ? ThreadTeam.longPieceLimit : ThreadTeam.pieceLimit
    let joinsRuns = batch.sequences.count * shape.keyValueHeadCount >= threadCount
    for (index, slice) in batch.sequences.enumerated() {
      for head in 0..<shape.keyValueHeadCount {
        let begin = entryCount
        for row in 0..<slice.rowCount {
          let visible = slice.firstPosition + row + 1
          for query in 0..<shape.queryHeadCount where shape.keyValueHeadOfQueryHead[query] == head {
            let offset = (firstRow + row) * width + query * headSize
            entries.pointer[entryCount] = AttentionRow(
              from: queries + offset, into: outputs + offset, visibleKeys: visible)
            let own = Self.cost(visible: visible)
            let isJoined = joinsRuns && slice.rowCount == 1 && entryCount > begin
            costs.pointer[entryCount] = isJoined ? 0 : own
            if isJoined { costs.pointer[begin] += own }
            cost += own
            entryCount += 1
          }
        }
        runs.pointer[runCount] = Run(
          slice: index, keyValueHead: head, firstEntry: begin, endEntry: entryCount)
        runCount += 1
      }
      firstRow += slice.rowCount
    }
    divide(entryCount: entryCount, totalCost: cost)
  }

  /// Divides the entries so that all shares cost about the same.
  private func divide(entryCount: Int, totalCost: Int) {
    let count = threadCount > 1 ? threadCount * pieces : 1
    var entry = 0
    var spent = 0
    for share in 0..<count {
      shareBounds.pointer[share] = entry
      let goal = totalCost * (share + 1) / count
      while entry < entryCount && (spent < goal || costs.pointer[entry] == 0) {
        spent += costs.pointer[entry]
        entry += 1
      }
    }
    shareBounds.pointer[count] = entryCount
  }

  /// Whole blocks are computed; the constant is the remaining cost of a row.
  private static func cost(visible: Int) -> Int { KeyValueCache.blockCount(positions: visible) + 1 }

  /// Computes the attention of one share.
  func attend(share: Int, batch: ForwardBatch, cache: KeyValueCache, layer: Int, kernels: Kernels) {
    let share = shareBounds.pointer[share]..<shareBounds.pointer[share + 1]
    let storage = cache.layers[layer]
    let scale = 1 / Float(cache.headSize).squareRoot()
    for index in 0..<runCount {
      let run = runs.pointer[index]
      let mine = (run.firstEntry..<run.endEntry).clamped(to: share)
      if mine.isEmpty { continue }
      batch.sequences[run.slice].blocks.withUnsafeBufferPointer { blocks in
        guard let blocks = blocks.baseAddress else { return }
        kernels.attention(
          rows: UnsafeBufferPointer(start: entries.pointer + mine.lowerBound, count: mine.count),
          keys: UnsafeRawPointer(storage.keys(block: 0, head: run.keyValueHead)),
          values: UnsafeRawPointer(storage.values(block: 0, head: run.keyValueHead)), blocks: blocks,
          blockStride: storage.blockStride, headSize: cache.headSize, element: cache.element, scale: scale)
      }
    }
  }
}
