import QuireGeneration
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
  ///   - draft: the draft model's configuration, if the plan needs one
  ///   - weightBytes: bytes of the weights of both models
  package init(
    _ plan: SpeedPlan, configuration: ModelConfiguration, draft: ModelConfiguration? = nil, weightBytes: Int
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

/// The memory of the engines with and without a draft model; those of one row are in memory at a time.
private struct DraftingMemory {
  var cacheBytes = 0
  var workspaceBytes = 0

  init(_ plan: SpeedPlan, _ configuration: ModelConfiguration, _ draft: ModelConfiguration?) {
    guard let draft else { return }
    let blockBytes = EngineOptions(keyValueElement: plan.keyValueElement)
      .blockBytes(configuration, draft: draft)
    for measured in plan.draftCases {
      let rows = DraftBenchmark.rowsMaximum(batch: measured.batch)
      cacheBytes = max(
        cacheBytes,
        DraftBenchmark.engineCount * measured.batch * (measured.blocksPerSequence + 1) * blockBytes)
      let target = ForwardPass.workspaceBytes(configuration, maximumRows: rows, maximumLogitRows: rows)
      let drafting = ForwardPass.workspaceBytes(
        draft, maximumRows: DraftModelParts.maximumRows(slots: measured.batch),
        maximumLogitRows: measured.batch)
      workspaceBytes = max(workspaceBytes, DraftBenchmark.engineCount * (target + drafting))
    }
  }
}
