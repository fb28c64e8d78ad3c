package import QuireModel
package import QuireTensors

/// The sizes of a draft model's passes, and what computes them.
package struct DraftModelParts: Sendable {
  /// Its cache has `blockCount` blocks.
  package let forward: any StepForward
  /// Length of a row of its logits.
  package let rowWidth: Int
  /// Rows of a pass.
  package let maximumRows: Int
  /// Positions that the model was made for.
  package let contextLength: Int
  /// The expected time of its pass with one row, divided by that of the target's, until both are measured.
  package let assumedShare: Double

  package init(
    forward: any StepForward, rowWidth: Int, maximumRows: Int, contextLength: Int, assumedShare: Double
  ) {
    self.forward = forward
    self.rowWidth = rowWidth
    self.maximumRows = maximumRows
    self.contextLength = contextLength
    self.assumedShare = assumedShare
  }

  /// Blocks of the draft model's cache: those of the target's, and one for each slot.
  package static func blockCount(_ shape: EngineShape) -> Int {
    blockCount(shape.blockCount, slots: shape.maximumSlots)
  }

  static func blockCount(_ targetCount: Int, slots: Int) -> Int { targetCount + slots }

  /// Rows of a pass that suffice for a step: known tokens of some texts, and what the others lack.
  package static func maximumRows(slots: Int) -> Int {
    DraftModel.catchUpRowCountMaximum
      + min(slots, DraftPlanner.stepDraftCountMaximum) * DraftModel.readyRowCountMaximum
  }

  package static func maximumLogitRows(slots: Int) -> Int { min(slots, maximumRows(slots: slots)) }
}

extension DraftModelParts {
  /// The parts for a model in memory, with a cache of its own.
  package init(
    _ draft: Model, for target: Model, shape: EngineShape, element: KeyValueElement, _ compute: Compute
  ) {
    let maximumRows = Self.maximumRows(slots: shape.maximumSlots)
    let cache = KeyValueCache(
      draft.configuration, blockCount: Self.blockCount(shape), element: element)
    self.init(
      forward: ForwardPass(
        model: draft, cache: cache, compute: compute, maximumRows: maximumRows,
        maximumLogitRows: Self.maximumLogitRows(slots: shape.maximumSlots)),
      rowWidth: draft.configuration.vocabularySize, maximumRows: maximumRows,
      contextLength: draft.configuration.contextPositions,
      assumedShare: Self.assumedShare(draft, target))
  }

  /// A pass reads all weights, so the times are expected to be as the bytes are.
  package static func assumedShare(_ draft: Model, _ target: Model) -> Double {
    Double(draft.weightBytes) / Double(max(1, target.weightBytes))
  }
}
