package import QuireModel
package import QuireTensors

/// What an engine needs to draft with a head.
package struct DraftHeadParts: Sendable {
  package let pass: any HeadForward
  /// What the target keeps for the head of each batch.
  package let features: FeatureRows
  /// The expected time of the head's pass with one row, divided by that of the target's, until both are measured.
  package let assumedShare: Double

  /// Precondition: the target's pass keeps features of all rows of a step.
  package init(_ pass: any HeadForward, target: ForwardPass) {
    guard let features = target.features else { preconditionFailure("a target without features") }
    self.pass = pass
    self.features = features
    assumedShare = Double(pass.head.passBytes) / Double(max(1, target.model.weightBytes))
  }

  /// The parts for a head in memory, with a cache of its own.
  package init(
    _ head: DraftHead, target: ForwardPass, shape: EngineShape, element: KeyValueElement, _ compute: Compute
  ) {
    self.init(
      Self.pass(head, target: target, shape: shape, element: element, compute), target: target)
  }

  package static func pass(
    _ head: DraftHead, target: ForwardPass, shape: EngineShape, element: KeyValueElement, _ compute: Compute
  ) -> DraftHeadPass {
    let cache = KeyValueCache(
      head.configuration.model, blockCount: DraftModelParts.blockCount(shape), element: element)
    return DraftHeadPass(
      head, embedding: target.model.embedding, cache: cache, compute: compute,
      maximumRows: maximumRows(slots: shape.maximumSlots),
      maximumLogitRows: maximumLogitRows(slots: shape.maximumSlots))
  }

  /// Rows of a pass: those that the texts of a step lack, and enough of a prompt to read the weights seldom.
  package static func maximumRows(slots: Int) -> Int {
    max(256, min(slots, DraftPlanner.stepDraftCountMaximum) * HeadText.pendingCountMaximum)
  }

  /// Rows whose features the drafter keeps: pending ones, and those of a pass.
  static func keptRowCount(slots: Int) -> Int {
    slots * HeadText.pendingCapacity + maximumRows(slots: slots)
  }

  package static func maximumLogitRows(slots: Int) -> Int { min(slots, maximumRows(slots: slots)) }
}
