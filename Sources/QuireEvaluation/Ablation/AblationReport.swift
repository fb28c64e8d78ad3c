/// What each technique is worth on one model and machine.
package struct AblationReport: Sendable {
  /// What was measured.
  package struct Method: Sendable, Equatable {
    package let model: String
    /// The file of requests, or "bundled".
    package let requests: String
    package let requestCount: Int
    /// Requests that were longer than the context.
    package let leftOutCount: Int
    /// Members of the requests that were ignored although they change answers.
    package let ignored: [RecordedRequests.IgnoredMember]
    package let promptTokens: Int
    package let slots: Int
    package let rounds: Int
    package let threadCount: Int
    package let instructionSet: String
  }

  /// How often something is as good as in a base of the same round; above 1 is better.
  package struct Factor: Sendable, Equatable {
    package let median: Double
    package let least: Double
    package let most: Double

    init(_ ratios: [Double]) {
      median = Moments.median(ratios)
      least = ratios.min() ?? median
      most = ratios.max() ?? median
    }

    /// Whether all rounds agree that it is better, or worse.
    package var isShown: Bool { least > 1 || most < 1 }
  }

  package struct Gain: Sendable, Equatable {
    package let throughput: Factor
    /// Of the median time to the first token.
    package let firstToken: Factor
    /// Of the median time between tokens.
    package let token: Factor
    /// Of weights and cache.
    package let memory: Double
  }

  /// Against the reference.
  package struct Accuracy: Sendable, Equatable {
    /// Mean KL divergence, nats per token.
    package let divergence: Estimate
    package let topOneAgreement: Estimate
    package let perplexityRatio: Estimate
    package let sameAnswerCount: Int
  }

  /// One state of a technique against its plainest.
  package struct Row: Sendable, Equatable {
    package let technique: AblationTechnique
    package let level: AblationLevel
    package let base: AblationLevel
    /// With all other techniques off; nil when that was not measured.
    package let alone: Gain?
    /// With all other techniques on.
    package let together: Gain
    package let aloneAccuracy: Accuracy?
    package let togetherAccuracy: Accuracy?
    /// Whether answers are the same to the last bit; nil for techniques that may change them.
    package let isIdentical: Bool?
  }

  /// The medians of one setting.
  package struct Variant: Sendable, Equatable {
    package let setting: AblationSetting
    package let tokensPerSecond: Double
    package let firstTokenSeconds: Double
    package let tokenSeconds: Double
    package let tokenCount: Int
    package let memoryBytes: Int
    package let accuracy: Accuracy?
  }

  package let method: Method
  package let plan: AblationPlan
  package let rows: [Row]
  /// In the order of the plan.
  package let variants: [Variant]
  /// All techniques together against none; nil when none was not measured.
  package let total: Gain?
  package let totalAccuracy: Accuracy?
  package var provenance: ReportProvenance?
  private let results: AblationRun.Results

  init(plan: AblationPlan, results: AblationRun.Results, subject: AblationSubject, method: Method) {
    self.plan = plan
    self.method = method
    self.results = results
    variants = plan.settings.map { setting in
      let samples = results.rounds.compactMap { $0[setting] }
      return Variant(
        setting: setting, tokensPerSecond: Moments.median(samples.map(\.tokensPerSecond)),
        firstTokenSeconds: Moments.median(samples.map(\.firstTokenSeconds)),
        tokenSeconds: Moments.median(samples.map(\.tokenSeconds)), tokenCount: samples[0].tokenCount,
        memoryBytes: results.memoryBytes[setting] ?? 0, accuracy: results.accuracy[setting.numerics])
    }
    rows = plan.axes.flatMap { axis in
      axis.levels.dropFirst().map { Self.row(axis, $0, plan, results) }
    }
    total = plan.measuresAlone ? results.gain(of: plan.all, over: plan.none) : nil
    totalAccuracy = results.accuracy[plan.all.numerics]
  }

  private static func row(
    _ axis: AblationPlan.Axis, _ level: AblationLevel, _ plan: AblationPlan, _ results: AblationRun.Results
  ) -> Row {
    let base = axis.levels[0]
    let pairs =
      [(plan.all.with(level), plan.all.with(base))]
      + (plan.measuresAlone ? [(plan.none.with(level), plan.none.with(base))] : [])
    return Row(
      technique: axis.technique, level: level, base: base,
      alone: plan.measuresAlone
        ? results.gain(of: plan.none.with(level), over: plan.none.with(base)) : nil,
      together: results.gain(of: plan.all.with(level), over: plan.all.with(base)),
      aloneAccuracy: results.accuracy[plan.none.with(level).numerics],
      togetherAccuracy: results.accuracy[plan.all.with(level).numerics],
      isIdentical: axis.technique.mayChangeAnswers
        ? nil : pairs.allSatisfy { results.answers[$0.0] == results.answers[$0.1] })
  }

  /// One state of a technique against another, all other techniques on.
  package func together(_ level: AblationLevel, over base: AblationLevel) -> Gain {
    results.gain(of: plan.all.with(level), over: plan.all.with(base))
  }

  /// The same with all others off; nil when that was not measured.
  package func alone(_ level: AblationLevel, over base: AblationLevel) -> Gain? {
    plan.measuresAlone ? results.gain(of: plan.none.with(level), over: plan.none.with(base)) : nil
  }

  /// Techniques that changed answers and must not.
  package var faults: [Row] { rows.filter { $0.isIdentical == false } }

  /// The bytes of the weights of the fastest setting are few enough for a processor's cache.
  package var fitsCache: Bool { variants.allSatisfy { $0.memoryBytes < 64 << 20 } }
}

extension AblationRun.Results {
  /// Precondition: both settings were measured in every round.
  fileprivate func gain(of setting: AblationSetting, over base: AblationSetting) -> AblationReport.Gain {
    func factor(_ value: (AblationTrial.Sample) -> Double) -> AblationReport.Factor {
      AblationReport.Factor(
        rounds.map { round in
          guard let own = round[setting], let other = round[base] else {
            preconditionFailure("a setting was not measured")
          }
          let (top, bottom) = (value(own), value(other))
          return top > 0 && bottom > 0 ? top / bottom : 1
        })
    }
    return AblationReport.Gain(
      throughput: factor(\.tokensPerSecond), firstToken: factor { 1 / max(1e-9, $0.firstTokenSeconds) },
      token: factor { 1 / max(1e-9, $0.tokenSeconds) },
      memory: Double(memoryBytes[base] ?? 1) / Double(max(1, memoryBytes[setting] ?? 1)))
  }
}
