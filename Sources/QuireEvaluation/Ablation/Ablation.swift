import Foundation
import QuireFiles
import QuireModel
import QuireModelFiles
package import QuireTensors
package import QuireText

/// Measures what each technique is worth on one model: switched on alone, and switched off while all others are on.
///
///     let ablation = Ablation(model: "Qwen3-8B", options: AblationOptions())
///     let report = try ablation.run { print($0.title, $0.done, $0.total) }
///     print(report.text(width: 100))
///
/// First every setting answers the recorded requests once, untimed: answers of settings that differ only in techniques
/// that must not change answers are compared to the last bit of every log-probability. Then all settings take turns,
/// round by round, forwards and backwards, because the speed of a machine changes within minutes; factors are formed
/// within a round and their median is reported.
package struct Ablation: Sendable {
  package let model: String
  package let options: AblationOptions

  package init(model: String, options: AblationOptions) throws(EvaluationError) {
    try options.validate()
    self.model = model
    self.options = options
  }

  package func run(
    onProgress: (AblationProgress) -> Void = { _ in }
  ) throws(EvaluationError) -> AblationReport {
    let source = try opening { () throws(ModelFileError) in
      try ModelSource(path: model, adapters: options.adapters)
    }
    let tokenizer = try opening { () throws(ModelFileError) in
      try source.tokenizer(chatFormat: options.chatFormat)
    }
    let subject = try subject(source)
    let plan = AblationPlan(
      subject, techniques: options.techniques, threadCount: options.threadCount, slots: options.slots,
      measuresAlone: options.measuresAlone)
    guard !plan.axes.isEmpty else { throw .nothingToCompare(model: model, reasons: plan.notes) }
    let recorded = try recordedRequests(source)
    let requests = try AblationRequests(
      recorded, tokenizer: tokenizer, positions: subject.configuration.contextPositions,
      limit: options.maximumTokens)
    let compute = Compute(threadCount: options.threadCount, instructionSet: options.instructionSet)
    let folder = try WorkFolder(inside: nil)
    var pruned: ModelSource?
    if plan.settings.contains(where: \.isPruned) {
      pruned = try AblationPruning(compute: compute, chatFormat: options.chatFormat, folder: folder).run(
        source
      ) { onProgress(AblationProgress(stage: .pruning, done: Int(1000 * $0), total: 1000)) }
    }
    let run = AblationRun(
      plan: plan, subject: subject,
      models: AblationModels(subject, source: source, pruned: pruned, compute: compute),
      trial: AblationTrial(
        requests: requests, tokenizer: tokenizer, endOfSequenceIDs: try opening(source.endOfSequenceIDs),
        slots: options.slots, instructionSet: options.instructionSet),
      compute: compute, roundCount: options.roundCount)
    let results = try run.perform(onProgress)
    return AblationReport(
      plan: plan, results: results, subject: subject,
      method: AblationReport.Method(
        model: model, requests: recorded.name, requestCount: requests.items.count,
        leftOutCount: requests.leftOut, ignored: recorded.ignored, promptTokens: requests.promptTokens,
        slots: options.slots,
        rounds: options.roundCount, threadCount: options.threadCount,
        instructionSet: options.instructionSet.rawValue))
  }

  private func subject(_ source: ModelSource) throws(EvaluationError) -> AblationSubject {
    AblationSubject(
      isPack: source.isPack, configuration: try opening(source.configuration),
      storedBytes: try opening(source.size).weightBytes, availableBytes: Machine.availableBytes)
  }

  private func recordedRequests(_ source: ModelSource) throws(EvaluationError) -> RecordedRequests {
    if let path = options.requestsFile ?? SiblingFile.path(RecordedRequests.fileName, of: source.path) {
      return try RecordedRequests(path: path)
    }
    return try .bundled
  }
}

/// What to measure, and how often.
package struct AblationOptions: Sendable, Equatable {
  /// Those to switch; the others stay on.
  package var techniques = AblationTechnique.allCases
  /// A file of recorded requests. Nil: `requests.jsonl` next to the checkpoint's folder, else the bundled ones.
  package var requestsFile: String?
  package var roundCount = 3
  /// The most tokens of an answer.
  package var maximumTokens = 64
  /// Requests that run together.
  package var slots = 8
  /// Whether techniques are also measured with all others off, which is slow on large models.
  package var measuresAlone = true
  package var threadCount: Int
  package var instructionSet = InstructionSet.detected
  package var chatFormat: ChatFormatOverride?
  /// Folders of LoRA adapters to merge into a checkpoint.
  package var adapters: [String] = []

  package init(threadCount: Int) { self.threadCount = threadCount }

  func validate() throws(EvaluationError) {
    for (name, value) in [
      ("rounds", roundCount), ("tokens of an answer", maximumTokens), ("slots", slots),
      ("threads", threadCount),
    ] where value < 1 {
      throw .invalidOption(
        name: name,
        sentence: "expected the number of \(name) to be at least 1, found \(value); give a larger number")
    }
    guard !techniques.isEmpty else {
      throw .invalidOption(
        name: "techniques", sentence: "expected a technique to switch, found none; name at least one")
    }
  }
}

/// What an ablation is doing.
package struct AblationProgress: Sendable, Equatable {
  package enum Stage: Sendable, Equatable {
    case pruning
    /// Answers are compared.
    case checking
    case comparingTexts
    case measuring
  }

  package let stage: Stage
  package let done: Int
  package let total: Int

  package var title: String {
    switch stage {
    case .pruning: "removing a KV group"
    case .checking: "comparing answers"
    case .comparingTexts: "accuracy"
    case .measuring: "speed"
    }
  }
}
