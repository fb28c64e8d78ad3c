import QuireFiles
import QuireTensors
import QuireText

extension AblationReport {
  /// The report as `quire ablate` prints it, with tables of at most `width` columns.
  package func text(width: Int) -> String {
    var parts = [heading, gainTable(width: width)]
    if rows.contains(where: { $0.technique.mayChangeAnswers }) { parts.append(accuracyTable(width: width)) }
    parts.append(variantTable(width: width))
    parts.append((sentences + notes).map { $0.visibleLine + "\n" }.joined())
    return parts.joined(separator: "\n")
  }

  var heading: String {
    let left = method.leftOutCount > 0 ? " (\(method.leftOutCount) longer than the context left out)" : ""
    return
      "\(method.model.visibleLine): \(CountText.of(method.requestCount, "request")) (\(method.requests.visibleLine)) of \(method.promptTokens) prompt tokens, "
      + "greedy\(left); \(CountText.of(method.slots, "slot")), \(CountText.of(method.threadCount, "thread")), \(method.instructionSet), "
      + CountText.of(method.rounds, "round") + "\n"
  }

  static let gainTitles = [
    "technique", "from", "to", "alone: tokens/s", "first token", "per token", "with others: tokens/s",
    "first token", "per token", "memory", "answers",
  ]

  /// The cells of the table of gains, one list a row.
  var gainCells: [[String]] {
    func cells(_ gain: Gain?) -> [String] {
      [gain?.throughput, gain?.firstToken, gain?.token].map { $0.map(Self.factor) ?? NumberText.missing }
    }
    var lines = rows.map { row in
      [row.technique.title, row.base.title, row.level.title] + cells(row.alone) + cells(row.together)
        + [Self.times(row.together.memory), verdict(row)]
    }
    if let total {
      let blank = [String](repeating: NumberText.missing, count: 3)
      lines.append(
        ["all together", "none", "all"] + blank + cells(total)
          + [Self.times(total.memory), verdict(totalAccuracy)])
    }
    return lines
  }

  private func gainTable(width: Int) -> String {
    var table = TextTable(
      columns: Self.gainTitles.enumerated().map { .init($0.element, $0.offset < 3 ? .left : .right) })
    for cells in gainCells { table.add(cells) }
    return "How many times as good (above 1 is better; ≈ not every round agrees on which is faster)\n"
      + table.parts(width: width, keyCount: 3).map(\.text).joined(separator: "\n")
  }

  private func verdict(_ row: Row) -> String {
    switch row.isIdentical {
    case true?: "identical"
    case false?: "DIFFERENT"
    case nil: verdict(row.togetherAccuracy)
    }
  }

  private func verdict(_ accuracy: Accuracy?) -> String {
    accuracy.map { "\($0.sameAnswerCount) of \(method.requestCount) same" } ?? NumberText.missing
  }

  static let accuracyTitles = [
    "technique", "to", "alone: KL", "same top token", "answers", "with others: KL", "same top token",
    "answers",
  ]

  var accuracyCells: [[String]] {
    func cells(_ accuracy: Accuracy?) -> [String] {
      guard let accuracy else { return [String](repeating: NumberText.missing, count: 3) }
      return [
        NumberText.significant(accuracy.divergence),
        NumberText.percent(accuracy.topOneAgreement.value) + "%",
        "\(accuracy.sameAnswerCount)/\(method.requestCount)",
      ]
    }
    return rows.filter(\.technique.mayChangeAnswers).map { row in
      [row.technique.title, row.level.title] + cells(row.aloneAccuracy) + cells(row.togetherAccuracy)
    }
  }

  private func accuracyTable(width: Int) -> String {
    var table = TextTable(
      columns: Self.accuracyTitles.enumerated().map { .init($0.element, $0.offset < 2 ? .left : .right) })
    for cells in accuracyCells { table.add(cells) }
    return
      "Accuracy on the reference's answers (reference: \(Self.describe(plan.reference)); KL in nats a token)\n"
      + table.parts(width: width, keyCount: 2).map(\.text).joined(separator: "\n")
  }

  static let variantTitles = ["variant", "tokens/s", "first token s", "per token ms", "tokens", "memory"]

  var variantCells: [[String]] {
    variants.map { variant in
      [
        label(variant.setting), NumberText.significant(variant.tokensPerSecond),
        NumberText.significant(variant.firstTokenSeconds),
        NumberText.significant(1000 * variant.tokenSeconds), "\(variant.tokenCount)",
        ByteText.of(variant.memoryBytes),
      ]
    }
  }

  private func variantTable(width: Int) -> String {
    var table = TextTable(
      columns: Self.variantTitles.enumerated().map { .init($0.element, $0.offset < 1 ? .left : .right) })
    for cells in variantCells { table.add(cells) }
    return "Measured\n" + table.parts(width: width, keyCount: 1).map(\.text).joined(separator: "\n")
  }

  /// "none, weights int8", "all, drafts off".
  func label(_ setting: AblationSetting) -> String {
    if setting == plan.all { return "all" }
    if setting == plan.none { return "none" }
    for (base, name) in [(plan.all, "all"), (plan.none, "none")] {
      for axis in plan.axes {
        for level in axis.levels where base.with(level) == setting {
          return "\(name), \(axis.technique.title) \(level.title)"
        }
      }
    }
    return Self.describe(setting)
  }

  static func describe(_ setting: AblationSetting) -> String {
    "\(AblationLevel.weights(setting.weights).title) weights, "
      + (setting.isPruned ? "one KV group less" : "all heads") + ", \(setting.cacheType.rawValue) KV cache"
  }

  /// "1.83 (1.80–1.91)", with ≈ where not every round agrees on which is faster.
  static func factor(_ factor: Factor) -> String {
    times(factor.median) + (factor.isShown ? "" : "≈")
  }

  static func range(_ factor: Factor) -> String {
    "\(times(factor.median)) (\(times(factor.least)) to \(times(factor.most)))"
  }

  static func times(_ value: Double) -> String {
    NumberText.fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0) + "×"
  }
}
