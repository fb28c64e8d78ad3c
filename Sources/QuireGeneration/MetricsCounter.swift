import Synchronization

/// The engine's counters: written by its thread, read by any thread.
final class MetricsCounter: Sendable {
  private let metrics: Mutex<EngineMetrics>

  init(blockCount: Int) {
    var initial = EngineMetrics()
    initial.blockCount = blockCount
    metrics = Mutex(initial)
  }

  var snapshot: EngineMetrics { metrics.withLock { $0.copied() } }

  func noteGauges(running: Int, usedBlocks: Int) {
    metrics.withLock {
      $0.runningCount = running
      $0.usedBlockCount = usedBlocks
    }
  }

  func noteStep(tokens: Int, drafts: Int, preemptions: Int) {
    metrics.withLock {
      $0.stepCount += 1
      $0.computedTokenCount += tokens
      $0.draftedTokenCount += drafts
      $0.preemptionCount += preemptions
      $0.stepTokens.observe(Double(tokens))
    }
  }

  func noteStart(queueSeconds: Double) {
    metrics.withLock { $0.queueSeconds.observe(queueSeconds) }
  }

  /// Counts a prompt that was computed for the first time.
  func notePrompt(tokens: Int) {
    metrics.withLock { $0.promptTokenCount += tokens }
  }

  func noteToken(_ stamps: Stamps, isFirst: Bool) {
    metrics.withLock {
      $0.generatedTokenCount += 1
      if isFirst, let first = stamps.firstTokenAt {
        $0.firstTokenSeconds.observe(stamps.submittedAt.duration(to: first).seconds)
      }
      if let seconds = stamps.secondsBetweenTokens { $0.betweenTokensSeconds.observe(seconds) }
    }
  }

  func noteAcceptedDraft() {
    metrics.withLock { $0.acceptedDraftCount += 1 }
  }

  func noteEnd(_ reason: FinishReason, seconds: Double) {
    metrics.withLock {
      switch reason {
      case .stop: $0.stopCount += 1
      case .length: $0.lengthCount += 1
      case .cancelled: $0.cancelledCount += 1
      case .failed: $0.failedCount += 1
      }
      $0.requestSeconds.observe(seconds)
    }
  }
}
