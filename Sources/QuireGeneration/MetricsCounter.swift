import QuireScheduling
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

  func noteGauges(running: Int, pool: borrowing BlockPool) {
    let (used, idle, evicted) = (pool.usedCount, pool.idleCount, pool.evictionCount)
    metrics.withLock {
      $0.runningCount = running
      $0.usedBlockCount = used
      $0.idleBlockCount = idle
      $0.evictedBlockCount = evicted
    }
  }

  /// Counts a prompt that was looked up in the cache.
  func notePrefix(tokens: Int, reused: Int) {
    metrics.withLock {
      $0.prefixQueryCount += 1
      $0.prefixHitCount += reused > 0 ? 1 : 0
      $0.prefixQueryTokenCount += tokens
      $0.prefixHitTokenCount += reused
    }
  }

  func noteStep(tokens: Int, preemptions: Int, _ drafting: borrowing StepDrafting) {
    let (drafts, modelDrafts, modelRows) =
      (drafting.draftCount, drafting.modelDraftCount, drafting.modelRowCount)
    metrics.withLock {
      $0.stepCount += 1
      $0.computedTokenCount += tokens
      $0.draftedTokenCount += drafts
      $0.modelDraftedTokenCount += modelDrafts
      $0.draftModelTokenCount = modelRows
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

  func noteAcceptedDraft(isModels: Bool) {
    metrics.withLock {
      $0.acceptedDraftCount += 1
      $0.modelAcceptedDraftCount += isModels ? 1 : 0
    }
  }

  func noteEnd(_ reason: FinishReason, seconds: Double) {
    metrics.withLock {
      switch reason {
      case .stop: $0.stopCount += 1
      case .length: $0.lengthCount += 1
      case .timedOut: $0.timedOutCount += 1
      case .cancelled: $0.cancelledCount += 1
      case .failed, .contradicted: $0.failedCount += 1
      }
      $0.requestSeconds.observe(seconds)
    }
  }
}
