import QuireJSON
import QuireModel
import QuireModelFiles
import QuireRemote
import QuireTensors
import QuireText

/// Measures the row of a server: answers, and the text where it gives log-probabilities. What it cannot do stays empty,
/// with a sentence.
struct ServerMeasurement {
  let model: ServerModel
  let index: Int
  let label: String
  /// The reference's predictions of the text are compared with the server's; nil without one.
  let reference: TextReference?
  let material: EvaluationMaterial
  let compute: Compute
  let store: ResultStore
  let keys: RowKeys

  /// Requests at the same time: enough for a server that runs many together.
  static let width = 16

  func run(
    referenceAnswers: RowAnswers?, onProgress: RowMeasurement.Progress
  ) throws(EvaluationError) -> (EvaluationRow, RowAnswers) {
    var row = EvaluationRow(.server(index: index), step: EvaluationRow.serverStep, recipe: nil, label: label)
    row.path = model.server.address.text
    var kept = KeptRow(store, keys, material)
    let isComplete = kept.hasAnswers(material) && (material.windows == nil || kept.text != nil)
    if let basics = kept.basics, isComplete {
      basics.restore(&row)
    } else {
      let start = ContinuousClock.now
      row.size = model.size
      try answer(&row, &kept, onProgress)
      try predict(&row, &kept, onProgress)
      if kept.text != nil { row.notes.append(Self.perplexityNote) }
      row.wallSeconds = (ContinuousClock.now - start).seconds
      try store.keep(KeptBasics(row).json, keys.row)
    }
    row.text = kept.text
    let answers = RowAnswers(usable(kept.replies, &row.notes), to: material.problems)
    row.tasks = answers.results(
      problems: material.problems, groups: material.groups, reference: referenceAnswers)
    return (row, answers)
  }

  /// The replies without those of a mode in which the server should have thought and never did.
  private func usable(
    _ replies: [AskMode: [ReplyRecord]], _ notes: inout [String]
  ) -> [AskMode: [ReplyRecord]] {
    var replies = replies
    for mode in material.method.tasks?.askModes ?? [] where mode.mode == .thinking {
      guard let records = replies[mode], records.allSatisfy({ $0.thoughtTokens == 0 }) else { continue }
      replies[mode] = nil
      notes.append("no \(mode.title) answers: \(Self.withoutThought)")
    }
    return replies
  }

  private static let withoutThought =
    "none of its answers has a thought (reasoning_content, reasoning, <think> tags or reasoning_tokens) although "
    + "enable_thinking is true in chat_template_kwargs"

  private func answer(
    _ row: inout EvaluationRow, _ kept: inout KeptRow, _ onProgress: RowMeasurement.Progress
  ) throws(EvaluationError) {
    guard let method = material.method.tasks else { return }
    let count = material.problems.count
    let tasks = ServerTasks(
      model: model, tokenizer: material.tokenizer, width: min(Self.width, method.concurrency))
    for mode in method.askModes where kept.replies[mode] == nil {
      let file = try store.log(keys.answers(mode))
      var log = ReplyLog(file, count: count)
      let reason = try tasks.ask(
        material.problems, mode: mode, maximumTokens: method.maximumTokens(mode), log: &log
      ) {
        onProgress(.answering(mode), $0, count)
      }
      if let reason {
        row.notes.append("no \(mode.title) answers: \(reason)")
      } else {
        let records = (0..<count).compactMap { log.records[$0] }
        try store.keep(
          .array(records.enumerated().map { $0.element.json(index: $0.offset) }), keys.answers(mode))
        kept.replies[mode] = records
      }
      file.finish()
    }
  }

  private func predict(
    _ row: inout EvaluationRow, _ kept: inout KeptRow, _ onProgress: RowMeasurement.Progress
  ) throws(EvaluationError) {
    guard let windows = material.windows, kept.text == nil else { return }
    if case .none(let reason) = model.scoring {
      row.notes.append("no perplexity: \(reason)")
      return
    }
    let file = try store.log(keys.text)
    let text = ServerText(model: model, windows: windows, width: Self.width)
    let outcome = try text.negativeLogLikelihoods(file) { onProgress(.predicting, $0, windows.scoredCount) }
    switch outcome {
    case .failure(let unable): row.notes.append("no perplexity: \(unable.reason)")
    case .success(let negativeLogLikelihoods):
      var scores = negativeLogLikelihoods.joined().map { negativeLogLikelihood in
        var score = TokenScore()
        score.negativeLogLikelihood = negativeLogLikelihood
        return score
      }
      try compare(&scores, windows, onProgress)
      let score = TextScore(
        negativeLogLikelihoods: scores,
        documents: zip(windows.windows, windows.documents).flatMap { window, document in
          [Int](repeating: document, count: window.count - 1)
        }, documentCount: windows.documentCount, isCompared: reference != nil)
      try store.keep(score.keptJSON, keys.text)
      kept.text = score
    }
    file.finish()
  }

  private static let perplexityNote =
    "no KL divergence and no speed: a server gives the probability of each token of the text, not those of all others"

  /// Adds the reference's negative log-likelihood of each token.
  private func compare(
    _ scores: inout [TokenScore], _ windows: TextWindows, _ onProgress: RowMeasurement.Progress
  ) throws(EvaluationError) {
    guard let reference else { return }
    let scorer = TextScorer(windows: windows, compute: compute)
    let vocabularySize = try opening(reference.source.configuration).vocabularySize
    let plan = scorer.plan(vocabularySize: vocabularySize)
    let predictor = try reference.predictor(plan, KeptStates(store, keys.states)) {
      onProgress(.readingReference, $0, $1)
    }
    var log = ScoreLog(ResultLog())
    _ = try scorer.score(
      predictor, reference: nil, plan: plan, vocabularySize: vocabularySize, log: &log
    ) {
      onProgress(.predicting, $0, $1)
    }
    // Steps go through the windows in their order.
    for (index, score) in log.steps.joined().enumerated() {
      scores[index].referenceNegativeLogLikelihood = score.negativeLogLikelihood
    }
  }
}
