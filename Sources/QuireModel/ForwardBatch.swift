/// The rows of one forward pass: consecutive tokens of one or more sequences.
///
///     // Sequence A computes positions 64 and 65, sequence B position 7; both need logits of their last row.
///     let batch = ForwardBatch(
///       tokens: [11, 12, 99],
///       sequences: [.init(rowCount: 2, firstPosition: 64, blocks: [0, 5, 3]),
///                   .init(rowCount: 1, firstPosition: 7, blocks: [2])],
///       logitRows: [1, 2])
package struct ForwardBatch: Sendable, Equatable {
  /// Consecutive positions of one sequence.
  package struct Slice: Sendable, Equatable {
    package var rowCount: Int
    /// Position of the slice's first token; the cache already holds all positions before it.
    package var firstPosition: Int
    /// Cache blocks of the sequence in position order; they cover positions 0..<firstPosition + rowCount.
    package var blocks: [Int32]

    package init(rowCount: Int, firstPosition: Int, blocks: [Int32]) {
      self.rowCount = rowCount
      self.firstPosition = firstPosition
      self.blocks = blocks
    }
  }

  package var tokens: [Int32]  // (row)
  /// The slices' rows follow each other in `tokens`.
  package var sequences: [Slice]
  /// Rows to compute logits for.
  package var logitRows: [Int]

  package init(tokens: [Int32], sequences: [Slice], logitRows: [Int]) {
    self.tokens = tokens
    self.sequences = sequences
    self.logitRows = logitRows
  }

  /// Stops the program when slices do not add up to the tokens or blocks do not cover the positions.
  func check(rowLimit: Int, blockCount: Int) {
    precondition(tokens.count <= rowLimit, "\(tokens.count) rows, planned for \(rowLimit)")
    var rows = 0
    for slice in sequences {
      precondition(slice.rowCount > 0 && slice.firstPosition >= 0, "an empty slice")
      let needed = KeyValueCache.blockCount(positions: slice.firstPosition + slice.rowCount)
      precondition(slice.blocks.count >= needed, "blocks do not cover the slice's positions")
      precondition(
        slice.blocks.allSatisfy { $0 >= 0 && $0 < blockCount }, "a block id outside the cache")
      rows += slice.rowCount
    }
    precondition(rows == tokens.count, "slices of \(rows) rows for \(tokens.count) tokens")
    precondition(logitRows.allSatisfy { tokens.indices.contains($0) }, "logits of a row that is not there")
  }
}
