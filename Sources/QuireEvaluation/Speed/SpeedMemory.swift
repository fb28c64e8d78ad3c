package import QuireGeneration
package import QuireModel
import QuireTensors

/// The memory of a benchmark, known before any of it is allocated.
package struct SpeedMemory: Sendable, Equatable {
  package let weightBytes: Int
  package let cacheBytes: Int
  package let workspaceBytes: Int
  /// What the measurement of the limits reads.
  package let meterBytes: Int

  package var totalBytes: Int { weightBytes + cacheBytes + workspaceBytes + meterBytes }

  /// - Parameters:
  ///   - draft: the sizes of the draft model or head, if the plan needs one
  ///   - weightBytes: bytes of the weights of both
  package init(
    _ plan: SpeedPlan, configuration: ModelConfiguration, draft: DraftSizes? = nil, weightBytes: Int
  ) {
    self.weightBytes = weightBytes
    let drafting = DraftingMemory(plan, configuration, draft)
    // Each text's engine has its own cache and workspace; those of one row are in memory at a time.
    let lookupBlockCount = plan.lookupCases.map(\.blocksPerSequence).max() ?? 0
    let engineCount = plan.lookupCases.isEmpty ? 0 : LookupBenchmark.engineCount
    cacheBytes =
      (plan.cacheBlockCount + engineCount * lookupBlockCount)
      * KeyValueCache.blockBytes(configuration, element: plan.keyValueElement) + drafting.cacheBytes
    workspaceBytes =
      ForwardPass.workspaceBytes(
        configuration, maximumRows: plan.maximumRows, maximumLogitRows: plan.maximumLogitRows)
      + engineCount
      * ForwardPass.workspaceBytes(
        configuration, maximumRows: LookupBenchmark.rowsMaximum,
        maximumLogitRows: LookupBenchmark.rowsMaximum)
      + drafting.workspaceBytes
    meterBytes = LimitMeter.memoryBytes
  }

  /// Throws the sentence when more is needed than `available` bytes.
  package func check(available: Int) throws(SpeedError) {
    if totalBytes > available { throw .memory(needed: self, available: available) }
  }
}

/// The memory of the engines with and without drafts; those of one row are in memory at a time.
private struct DraftingMemory {
  var cacheBytes = 0
  var workspaceBytes = 0

  init(_ plan: SpeedPlan, _ configuration: ModelConfiguration, _ draft: DraftSizes?) {
    guard let draft else { return }
    let blockBytes = KeyValueCache.blockBytes(configuration, element: plan.keyValueElement)
    for measured in plan.draftCases {
      let blockCount = measured.batch * measured.blocksPerSequence
      let drafting = DraftMemory(
        draft,
        options: DraftBenchmark.options(measured, draft, element: plan.keyValueElement, threadCount: 1),
        blockCount: blockCount)
      let target = ForwardPass.workspaceBytes(
        configuration, maximumRows: DraftBenchmark.passRowsMaximum(draft, batch: measured.batch),
        maximumLogitRows: DraftBenchmark.rowsMaximum(batch: measured.batch))
      let count = DraftBenchmark.engineCount
      cacheBytes = max(cacheBytes, count * (blockCount * blockBytes + drafting.cacheBytes))
      workspaceBytes = max(workspaceBytes, count * (target + drafting.bufferBytes))
    }
  }
}
