import QuireModel
import QuireTensors

/// All measurements of an ablation.
struct AblationRun {
  let plan: AblationPlan
  let subject: AblationSubject
  let models: AblationModels
  let trial: AblationTrial
  let compute: Compute
  let roundCount: Int

  typealias Progress = (AblationProgress) -> Void

  struct Results {
    var answers: [AblationSetting: [AblationTrial.Answer]] = [:]
    var accuracy: [AblationNumerics: AblationReport.Accuracy] = [:]
    var memoryBytes: [AblationSetting: Int] = [:]
    var rounds: [[AblationSetting: AblationTrial.Sample]] = []
  }

  func perform(_ onProgress: Progress) throws(EvaluationError) -> Results {
    var results = Results()
    try answer(&results, onProgress)
    try compareTexts(&results, onProgress)
    try measure(&results, onProgress)
    return results
  }

  /// In an order in which each model is needed once.
  private func grouped(_ settings: [AblationSetting]) -> [AblationSetting] {
    var models: [AblationModel] = []
    for setting in settings where !models.contains(setting.numerics.model) {
      models.append(setting.numerics.model)
    }
    return models.flatMap { model in settings.filter { $0.numerics.model == model } }
  }

  private func answer(_ results: inout Results, _ onProgress: Progress) throws(EvaluationError) {
    var settings = plan.settings
    if !settings.contains(plan.reference) { settings.append(plan.reference) }
    for (index, setting) in grouped(settings).enumerated() {
      onProgress(AblationProgress(stage: .checking, done: index, total: settings.count))
      let model = try models.model(setting.numerics.model)
      results.answers[setting] = try trial.run(setting, model, wantsLogprobs: true).answers
      results.memoryBytes[setting] = trial.memoryBytes(setting, model)
    }
    onProgress(AblationProgress(stage: .checking, done: settings.count, total: settings.count))
  }

  /// Predicts the reference's answers to the requests by each kind of model and cache.
  private func compareTexts(_ results: inout Results, _ onProgress: Progress) throws(EvaluationError) {
    let reference = plan.reference.numerics
    guard let expected = results.answers[plan.reference] else {
      preconditionFailure("the reference has answered")
    }
    let prompts = trial.requests.items.map(\.prompt)
    let texts = zip(prompts, expected).map { $0 + $1.tokens }
    let windows = TextWindows(
      documents: texts, windowTokens: max(2, texts.map(\.count).max() ?? 2), scoredLimit: nil)
    let scorer = TextScorer(windows: windows, compute: compute)
    let vocabularySize = subject.configuration.vocabularySize
    // What a client sent says nothing about answers, so only these are scored. Each text is one window.
    let scoring = ScoringPlan(
      windows: windows.windows, rowLimit: TextScorer.rowLimit(vocabularySize: vocabularySize),
      firstScored: prompts.map(\.count))
    var keys: [AblationNumerics] = []
    for setting in grouped(plan.settings) where !keys.contains(setting.numerics) {
      keys.append(setting.numerics)
    }
    guard keys != [reference] else { return }
    let model = try models.model(reference.model)
    func predictor(_ model: Model, _ key: AblationNumerics) -> LoadedPredictor {
      LoadedPredictor(model, keyValueElement: key.cacheType, plan: scoring, compute: compute)
    }
    let base = predictor(model, reference)
    for (index, key) in keys.enumerated() {
      onProgress(AblationProgress(stage: .comparingTexts, done: index, total: keys.count))
      let score = try scorer.score(
        predictor(try models.model(key.model), key), reference: base, plan: scoring,
        vocabularySize: vocabularySize)
      guard let comparison = score.comparison,
        let setting = plan.settings.first(where: { $0.numerics == key }),
        let answers = results.answers[setting]
      else { continue }
      results.accuracy[key] = AblationReport.Accuracy(
        divergence: comparison.divergence, topOneAgreement: comparison.topOneAgreement,
        perplexityRatio: comparison.perplexityRatio,
        sameAnswerCount: zip(answers, expected).count { $0.tokens == $1.tokens })
    }
    onProgress(AblationProgress(stage: .comparingTexts, done: keys.count, total: keys.count))
  }

  private func measure(_ results: inout Results, _ onProgress: Progress) throws(EvaluationError) {
    let settings = grouped(plan.settings)
    let total = roundCount * settings.count
    for round in 0..<roundCount {
      var samples: [AblationSetting: AblationTrial.Sample] = [:]
      for setting in round % 2 == 0 ? settings : settings.reversed() {
        onProgress(
          AblationProgress(
            stage: .measuring, done: round * settings.count + samples.count, total: total))
        let model = try models.model(setting.numerics.model)
        samples[setting] = try trial.run(setting, model, wantsLogprobs: false).sample
      }
      results.rounds.append(samples)
    }
    onProgress(AblationProgress(stage: .measuring, done: total, total: total))
  }
}
