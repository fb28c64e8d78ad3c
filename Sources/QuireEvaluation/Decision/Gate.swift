import QuireFiles

/// Conditions that a model must meet: "kl<=0.02, gsm8k>=-1pt, size<=5GB".
///
/// | quantity | meaning and unit |
/// |---|---|
/// | kl, kl-p99, kl-max | divergence from the reference in nats |
/// | perplexity, ratio | and that divided by the reference's |
/// | top1 | agreement with the reference: 98% or 0.98, or its change in pt |
/// | size, memory | of the file, and peak memory: GB, MB, kB or bytes, or a change from the reference: `-70%`, `+25%` |
/// | bits | per weight |
/// | prompt, decode | tokens/s, or a change from the reference: `-5%`, `+20%` |
/// | a task's name, or tasks | accuracy in %, or change from the reference in pt (points); `gsm8k.thinking` for one mode |
///
/// A task's name with a comma, `<=` or `>=` in it stands in double quotes: `"a, b".thinking>=50%`. A quote in it is
/// written twice.
///
/// A limit that every model meets, or none, is refused: it was meant in another unit.
///
/// A task without a mode is a condition for every mode that was asked; of a name that is also another task's with a mode,
/// the whole is meant. A value within two standard errors of its limit decides nothing, nor does one whose error is not
/// known: of a single document, or of answers too few to tell it from the limit. Sizes, bits, speeds, kl-max and figures of a
/// model whose distributions are all the reference's stand for themselves. What was not measured is not met.
package struct Gate: Sendable, Equatable {
  package let conditions: [GateCondition]

  /// Throws one sentence for a condition that cannot be read.
  package init(_ text: String) throws(EvaluationError) {
    var conditions: [GateCondition] = []
    for part in GateText.parts(of: text) {
      let word = TaskProblem.stripped(part)
      if !word.isEmpty { conditions.append(try GateCondition(word)) }
    }
    guard !conditions.isEmpty else {
      throw GateCondition.refusal(text, "conditions such as kl<=0.02, separated by commas")
    }
    self.conditions = conditions
  }

  /// Throws one sentence for a condition on something that will not be measured, or without a model to judge.
  ///
  /// - Parameter hasBaseline: whether changes are counted from an earlier report instead of from the reference
  package func check(
    _ method: EvaluationMethod, tasks: [String], models: PlannedModels, hasBaseline: Bool
  ) throws(EvaluationError) {
    for condition in conditions {
      try condition.check(method, tasks: tasks)
      try condition.check(models, hasBaseline: hasBaseline)
    }
    if models.judgedCount == 0 { throw Self.nothingToJudge }
  }

  private static let nothingToJudge = EvaluationError.invalidOption(
    name: "gate",
    sentence:
      "--gate: expected a model to judge, found only the reference, which differs in nothing from itself; "
      + "evaluate a pack, a recipe with a step or a server as well, or leave --gate out")

  /// The outcome of every condition for every model that could be used. Throws one sentence where the report has only the
  /// reference, or a condition is about a task that was not asked.
  ///
  /// - Parameter baseline: an earlier report, whose rows of the same names changes are counted from instead of from the
  ///   reference.
  package func outcomes(
    of report: ReportView, baseline: ReportView? = nil
  ) throws(EvaluationError) -> [GateOutcome] {
    let rows = report.rows.filter(\.isFinal)
    if rows.isEmpty { throw Self.nothingToJudge }
    var outcomes: [GateOutcome] = []
    for row in rows {
      for condition in conditions {
        outcomes += try condition.outcomes(for: row, in: report, baseline: baseline)
      }
    }
    return outcomes
  }
}

/// What is known of an evaluation's models before anything is measured.
package struct PlannedModels: Sendable, Equatable {
  /// Models besides the reference, servers included.
  package var judgedCount: Int
  package var serverCount = 0
  package var hasReference: Bool

  package init(judgedCount: Int, serverCount: Int = 0, hasReference: Bool) {
    self.judgedCount = judgedCount
    self.serverCount = serverCount
    self.hasReference = hasReference
  }
}

/// What a condition says of a row.
package struct GateOutcome: Sendable, Equatable {
  package enum Verdict: Sendable { case met, failed, undecided }

  package let verdict: Verdict
  /// "int4: expected kl<=0.02, found 0.031 ± 0.001".
  package let sentence: String

  /// A change from a row that an earlier report does not have.
  static func missing(_ label: String, _ condition: String, in baseline: ReportView) -> GateOutcome {
    GateOutcome(
      verdict: .failed,
      sentence:
        "\(label): expected \(condition), found no row '\(label)' in \(baseline.name) to count the change from; "
        + "give a report that has it or leave the condition out")
  }
}

/// One condition.
package struct GateCondition: Sendable, Equatable {
  /// The unit of the limit, and so what it is compared with.
  enum Unit: Equatable {
    case plain, bytes
    /// Of an accuracy or an agreement.
    case percent
    /// A change from the reference in percentage points.
    case points
  }

  let text: String
  let quantity: String
  let isUpper: Bool
  let limit: Double
  let unit: Unit
  /// The decimals that the limit is written with.
  private let limitDecimals: Int

  init(_ text: String) throws(EvaluationError) {
    self.text = text
    guard let sign = GateText.sign(in: text) else {
      throw Self.refusal(text, "a quantity, <= or >=, and a number")
    }
    isUpper = text[sign] == "<="
    quantity = GateText.unquoted(TaskProblem.stripped(String(text[..<sign.lowerBound])))
    var number = TaskProblem.stripped(String(text[sign.upperBound...]))
    var factor = 1.0
    var unit = Unit.plain
    for (ending, scale, kind) in Self.units where number.hasSuffix(ending) {
      number = TaskProblem.stripped(String(number.dropLast(ending.count)))
      (factor, unit) = (scale, kind)
      break
    }
    guard !quantity.isEmpty, let value = Double(number), value.isFinite else {
      throw Self.refusal(text, "a quantity, <= or >=, and a number with one of the units %, pt, kB, MB, GB")
    }
    limit = value * factor
    self.unit = unit
    let digits = number.prefix { $0 != "e" && $0 != "E" }
    limitDecimals = digits.firstIndex(of: ".").map { digits[$0...].count - 1 } ?? 0
    if Self.keys[quantity] != nil, !hasFittingUnit {
      throw Self.refusal(text, "a limit in the unit of \(quantity)")
    }
    try checkLimit(hasSign: number.hasPrefix("+") || number.hasPrefix("-"))
  }

  /// Refuses limits that were meant in another way, because as they are read every model would meet them, or none.
  private func checkLimit(hasSign: Bool) throws(EvaluationError) {
    let isAgreement = quantity == "top1"
    let isShare = isAgreement ? unit != .points : Self.keys[quantity] == nil && unit == .percent
    if isShare, !(0...1).contains(limit) {
      throw Self.refusal(
        text,
        isAgreement
          ? "an agreement from 0% to 100% (write 98% or 0.98, or -1pt for a change of one point)"
          : "an accuracy from 0% to 100% (write -1pt for a change of one point)")
    }
    if isSpeed || isBytes, unit == .percent, !hasSign {
      let bound = isUpper ? "<=" : ">="
      throw Self.refusal(
        text,
        "a change of \(quantity) with its sign, such as \(quantity)\(bound)-25% or \(quantity)\(bound)+25%")
    }
  }

  /// Whether the limit of a quantity that every report has is in a unit of it.
  private var hasFittingUnit: Bool {
    switch unit {
    case .plain: true
    case .bytes: isBytes
    case .percent: isSpeed || isBytes || quantity == "top1"
    case .points: quantity == "top1"
    }
  }

  private var isSpeed: Bool { ["prompt", "decode"].contains(quantity) }
  private var isBytes: Bool { ["size", "memory"].contains(quantity) }

  func check(_ method: EvaluationMethod, tasks: [String]) throws(EvaluationError) {
    if Self.keys[quantity] != nil {
      guard !isSpeed || method.speed != nil else {
        throw Self.refusal(text, "no condition on speed without a measurement of it")
      }
      guard isSpeed || isBytes || quantity == "bits" || method.text != nil else {
        throw Self.refusal(text, "no condition on the text's predictions without a text")
      }
      return
    }
    _ = try modes(among: method.tasks?.askModes.map(\.key) ?? [], tasks: tasks)
  }

  /// Refuses what the models that will be judged cannot be compared by.
  fileprivate func check(_ models: PlannedModels, hasBaseline: Bool) throws(EvaluationError) {
    let comparesText = Self.compared.contains(quantity)
    if !models.hasReference, comparesText || isChange && !hasBaseline {
      throw Self.refusal(
        text,
        "a reference to compare with (--reference)"
          + (isChange && !comparesText ? " or an earlier report (--baseline)" : ""))
    }
    if models.serverCount > 0, Self.unknownOfServers.contains(quantity) {
      throw Self.refusal(text, "no condition on \(quantity) with --server, whose rows do not have it")
    }
  }

  /// The quantities that compare each token with the reference's.
  private static let compared: Set = ["kl", "kl-p99", "kl-max", "ratio", "top1"]
  private static let unknownOfServers: Set = [
    "kl", "kl-p99", "kl-max", "top1", "size", "memory", "prompt", "decode",
  ]

  /// The task that a condition is about, and its modes: the quantity is a task's name, or one with a mode after a dot.
  private func modes(among modes: [String], tasks: [String]) throws(EvaluationError) -> (
    task: String, modes: [String]
  ) {
    func task(_ name: some StringProtocol) -> String? {
      let name = name == Self.allTasks ? TaskProblem.aggregateName : String(name)
      return tasks.contains(name) ? name : nil
    }
    var found = task(quantity)
    var chosen = modes
    if found == nil, let dot = quantity.lastIndex(of: ".") {
      found = task(quantity[..<dot])
      let word = quantity[quantity.index(after: dot)...]
      chosen = modes.filter { $0 == word || $0.lowercased() == word || word == ReportView.title(ofMode: $0) }
    }
    guard let found, !chosen.isEmpty else {
      let names = tasks.filter { $0 != TaskProblem.aggregateName } + (tasks.isEmpty ? [] : [Self.allTasks])
      throw Self.refusal(
        text,
        "one of \((Self.quantities + names.map(GateText.quoted)).joined(separator: ", "))"
          + (names.isEmpty ? "" : ", a task also with .thinking or .non-thinking where that was asked"))
    }
    guard unit == .percent || unit == .points else {
      throw Self.refusal(text, "an accuracy in % or a change in pt")
    }
    return (found, chosen)
  }

  /// The word for all tasks together.
  private static let allTasks = "tasks"

  static let reservation = "a name that has another meaning in reports and conditions"

  /// Whether a condition on a task of this name would be about something else.
  static func isReserved(_ name: String) -> Bool {
    keys[name] != nil || name == allTasks || name == TaskProblem.aggregateName
  }

  private static let units: [(String, Double, Unit)] = [
    ("GB", 1e9, .bytes), ("MB", 1e6, .bytes), ("kB", 1e3, .bytes), ("pt", 0.01, .points),
    ("%", 0.01, .percent),
  ]

  static func refusal(_ text: String, _ expected: String) -> EvaluationError {
    .invalidOption(
      name: "gate", sentence: "--gate: expected \(expected), found '\(text)'; see quire evaluate --help")
  }

  /// The quantities that every report has, in order.
  package static let quantities = keys.keys.sorted()

  private static let keys = [
    "kl": "klMean", "kl-p99": "klP99", "kl-max": "klMax", "perplexity": "perplexity",
    "ratio": "perplexityRatio", "top1": "topOneAgreement", "size": "sizeBytes", "memory": "peakMemoryBytes",
    "bits": "bitsPerWeight", "prompt": "promptTokensPerSecond", "decode": "decodeTokensPerSecond",
  ]

  func outcomes(
    for row: ReportView.Row, in report: ReportView, baseline: ReportView?
  ) throws(EvaluationError) -> [GateOutcome] {
    let other = baseline.map { $0.rows.first { $0.label == row.label } } ?? report.reference
    if let baseline, other == nil, isChange {
      return [.missing(row.label, text, in: baseline)]
    }
    if let key = Self.keys[quantity] {
      return [outcome(row.label, text, value(key, row, other))]
    }
    let (task, modes) = try modes(among: report.modes, tasks: report.tasks)
    return modes.map { mode in
      let name = modes.count > 1 ? "\(text) (\(ReportView.title(ofMode: mode)))" : text
      let score = row.score(task, mode)
      return outcome(
        row.label, name,
        unit == .points
          ? change(row, score, other?.score(task, mode), other)
          : score.map { GateFigure($0.accuracy, .share(problemCount: $0.problemCount)) })
    }
  }

  /// Whether the limit is compared with the difference from another row.
  private var isChange: Bool { unit == .points || unit == .percent && (isSpeed || isBytes) }

  /// The paired change; of two reports without each problem's outcome, the difference of the accuracies.
  private func change(
    _ row: ReportView.Row, _ own: ReportView.Score?, _ other: ReportView.Score?, _ otherRow: ReportView.Row?
  ) -> GateFigure? {
    guard let own else { return nil }
    if otherRow?.isReference ?? false, let flips = own.flips {
      let isExact = row.isIdentical && flips.rightToWrong + flips.wrongToRight == 0
      return isExact ? GateFigure(Estimate(value: 0, standardError: nil)) : GateFigure(flips)
    }
    guard let other else { return nil }
    if let flips = ReportComparison.flips(of: own, from: other) { return GateFigure(flips) }
    let difference = ReportComparison.difference(of: own, from: other)
    return GateFigure(difference, difference.standardError == nil ? .unknownError : .estimate)
  }

  private func value(_ key: String, _ row: ReportView.Row, _ other: ReportView.Row?) -> GateFigure? {
    estimate(key, row, other).map {
      GateFigure($0, isErrorUnknown(key, row, other) ? .unknownError : .estimate)
    }
  }

  /// Whether a figure of the text has an error that is not known.
  private func isErrorUnknown(_ key: String, _ row: ReportView.Row, _ other: ReportView.Row?) -> Bool {
    guard let measured = Self.errorKeys[key] else { return false }
    if unit == .points, let other, !other.isReference, other.lacksError(measured) { return true }
    return row.lacksError(measured) && (key == "perplexity" || !row.isIdentical)
  }

  /// The figures that are means over a text's documents, each with the one whose error tells whether there are enough.
  private static let errorKeys = [
    "klMean": "klMean", "klP99": "klMean", "perplexity": "perplexity", "perplexityRatio": "perplexityRatio",
    "topOneAgreement": "topOneAgreement",
  ]

  private func estimate(_ key: String, _ row: ReportView.Row, _ other: ReportView.Row?) -> Estimate? {
    guard let own = row.estimate(key) else { return nil }
    if quantity == "top1", unit == .points {
      // The reference agrees with itself everywhere.
      let isReference = other?.isReference ?? false
      guard let base = isReference ? Estimate(value: 1, standardError: nil) : other?.estimate(key) else {
        return nil
      }
      let errors = [own, base].compactMap(\.standardError)
      let error = errors.isEmpty ? nil : errors.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return Estimate(value: own.value - base.value, standardError: error)
    }
    guard unit == .percent, quantity != "top1" else { return own }
    // "+20%": relative to the other row.
    guard let base = other?.estimate(key), base.value > 0 else { return nil }
    let ratio = own.value / base.value
    let errors = [(own, own.value), (base, base.value)].compactMap { estimate, value in
      estimate.standardError.map { $0 / value }
    }
    let error = isBytes ? nil : errors.reduce(0) { $0 + $1 * $1 }.squareRoot() * ratio
    return Estimate(value: ratio - 1, standardError: error)
  }

  private func outcome(_ label: String, _ name: String, _ figure: GateFigure?) -> GateOutcome {
    guard let figure, figure.estimate.value.isFinite else {
      return GateOutcome(
        verdict: .failed,
        sentence:
          "\(label): expected \(name), found no such measurement; measure it or leave the condition out")
    }
    let value = figure.estimate
    let isMet = isUpper ? value.value <= limit : value.value >= limit
    let doubt = figure.doubt(at: limit)
    return GateOutcome(
      verdict: doubt != nil ? .undecided : isMet ? .met : .failed,
      sentence: "\(label): expected \(name), found \(shown(value))" + (doubt ?? ""))
  }

  /// With at least the decimals of the limit, and enough to tell the value from the limit.
  private func shown(_ value: Estimate) -> String {
    let exact = Estimate(value: value.value, standardError: nil)
    let bound = Estimate(value: limit, standardError: nil)
    let extra = (0...Self.extraDecimalsMax).first { extra in
      let text = shown(exact, extra)
      return Self.decimals(text) >= limitDecimals && (value.value == limit || text != shown(bound, extra))
    }
    return shown(value, extra ?? 0)
  }

  private static let extraDecimalsMax = 12

  /// Digits after the point. A number with an exponent or of bytes has its own unit, which a limit's decimals do not fit.
  private static func decimals(_ text: String) -> Int {
    let hasOwnUnit = text.contains("e") || text.hasSuffix("B")
    guard let point = text.firstIndex(of: "."), !hasOwnUnit else { return hasOwnUnit ? .max : 0 }
    return text[point...].dropFirst().prefix(while: \.isNumber).count
  }

  private func shown(_ value: Estimate, _ extra: Int) -> String {
    func fixed(_ value: Estimate, _ decimals: Int) -> String {
      NumberText.fixed(value.value, decimals + extra)
        + (value.standardError.map { " ± " + NumberText.fixed($0, decimals + extra) } ?? "")
    }
    if unit == .points || unit == .percent {
      let scaled = Estimate(value: 100 * value.value, standardError: value.standardError.map { 100 * $0 })
      let sign = unit == .points && scaled.value > 0 ? "+" : ""
      return sign + fixed(scaled, 2) + (unit == .points ? " pt" : "%")
    }
    if isBytes { return NumberText.bytes(value.value, extraDecimals: extra) }
    return quantity == "ratio" ? fixed(value, 4) : NumberText.significant(value, extraDecimals: extra)
  }
}
