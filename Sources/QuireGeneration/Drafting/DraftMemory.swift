import QuireModel

/// The memory of what drafts besides its weights, known before any of it is allocated.
///
///     let memory = DraftMemory(.head(configuration), options: options, blockCount: shape.blockCount)
///     memory.cacheBytes + memory.bufferBytes
package struct DraftMemory: Sendable, Equatable {
  /// Of its keys and values.
  package let cacheBytes: Int
  /// Of its passes; with a head also of the hidden states that are kept for it.
  package let bufferBytes: Int

  /// - Parameters:
  ///   - options: of the target's engine
  ///   - blockCount: blocks of the target's cache
  package init(_ sizes: DraftSizes, options: EngineOptions, blockCount: Int) {
    let slots = options.maximumSlots
    let configuration = sizes.configuration
    let blockBytes = KeyValueCache.blockBytes(configuration, element: options.draftElement(configuration))
    let (bytes, overflows) = DraftModelParts.blockCount(blockCount, slots: slots)
      .multipliedReportingOverflow(by: blockBytes)
    cacheBytes = overflows ? Self.tooMany : min(bytes, Self.tooMany)
    switch sizes {
    case .model(let model):
      let rows = DraftModelParts.maximumRows(slots: slots)
      bufferBytes = ForwardPass.workspaceBytes(
        model, maximumRows: rows, maximumLogitRows: DraftModelParts.maximumLogitRows(slots: slots))
    case .head(let head):
      let rows = DraftHeadParts.maximumRows(slots: slots)
      let kept = options.tokenBudget + DraftHeadParts.keptRowCount(slots: slots)
      bufferBytes =
        DraftHeadPass.workspaceBytes(
          head, maximumRows: rows, maximumLogitRows: DraftHeadParts.maximumLogitRows(slots: slots))
        + FeatureRows.byteCount(hiddenSize: head.targetHiddenSize, maximumRows: kept)
    }
  }

  package var totalBytes: Int { cacheBytes + bufferBytes }

  /// More than any machine has; sums with other sizes do not overflow.
  private static let tooMany = 1 << 60
}
