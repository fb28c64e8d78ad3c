import QuireFiles

/// What a row saves and costs against the reference, in a sentence. A difference within two standard errors is none.
struct RowSummary {
  let report: ReportView

  func sentence(_ row: ReportView.Row) -> String {
    guard let reference = report.reference else { return figures(row).joined(separator: ", ") + "." }
    var parts = [size(row, reference)]
    parts.append(speed(row, reference, "decodeTokensPerSecond", "tokens/s while generating"))
    parts.append(speed(row, reference, "promptTokensPerSecond", "tokens/s in prompts"))
    if let kl = row.estimate("klMean") { parts.append("KL +\(NumberText.significant(kl)) nats a token") }
    if let ratio = row.estimate("perplexityRatio") { parts.append(perplexity(ratio)) }
    let saved = parts.filter { !$0.isEmpty }.joined(separator: ", ")
    let answers = report.modes.compactMap { accuracy(row, $0) }
    return saved + (answers.isEmpty ? "." : "; right answers " + answers.joined(separator: ", ") + ".")
      + slower(row, reference)
  }

  /// The row's own figures, where there is no reference.
  private func figures(_ row: ReportView.Row) -> [String] {
    var parts = row.sizeBytes.map { [NumberText.bytes($0)] } ?? []
    if let speed = row.number("decodeTokensPerSecond") {
      parts.append("\(NumberText.significant(speed)) tokens/s while generating")
    }
    if let perplexity = row.number("perplexity") {
      parts.append("perplexity \(NumberText.fixed(perplexity, 4))")
    }
    for mode in report.modes {
      if let score = row.score(TaskProblem.aggregateName, mode) {
        parts.append("\(NumberText.percent(score.accuracy.value))% right \(ReportView.title(ofMode: mode))")
      }
    }
    return parts
  }

  private func size(_ row: ReportView.Row, _ reference: ReportView.Row) -> String {
    guard let own = row.sizeBytes, let base = reference.sizeBytes else { return "" }
    let change = own - base
    let share = base > 0 ? own / base : 1
    return (change < 0 ? "−" : "+") + NumberText.bytes(abs(change))
      + " (\(NumberText.fixed(100 * share, 0))% of the reference's size)"
  }

  private func speed(
    _ row: ReportView.Row, _ reference: ReportView.Row, _ key: String, _ what: String
  ) -> String {
    guard let own = row.estimate(key), let base = reference.estimate(key), base.value > 0 else { return "" }
    if own.isWithinNoise(of: base) { return "\(what): no difference shown" }
    let percent = 100 * (own.value / base.value - 1)
    return "\(Self.signed(percent, 0))% \(what)"
  }

  private func perplexity(_ ratio: Estimate) -> String {
    ratio.isWithinNoise(of: 1)
      ? "perplexity: no difference shown" : "perplexity \(Self.signed(100 * (ratio.value - 1), 2))%"
  }

  private func accuracy(_ row: ReportView.Row, _ mode: String) -> String? {
    guard let score = row.score(TaskProblem.aggregateName, mode), let flips = score.flips else { return nil }
    let change = flips.accuracyChange
    let figure =
      "\(Self.signed(100 * change.value, 1)) ± \(NumberText.percent(change.standardError)) points \(ReportView.title(ofMode: mode))"
    return figure + (flips.isWithinChance ? " (no difference shown)" : "")
  }

  /// A model that thinks longer after a step may be slower though its tokens are faster.
  private func slower(_ row: ReportView.Row, _ reference: ReportView.Row) -> String {
    guard let own = row.score(TaskProblem.aggregateName, "thinking"),
      let base = reference.score(TaskProblem.aggregateName, "thinking"), base.tokensPerAnswer.value > 0
    else { return "" }
    let share = own.tokensPerAnswer.value / base.tokensPerAnswer.value
    guard share > 1.05 || share < 0.95 else { return "" }
    var text =
      " It thinks \(share > 1 ? "longer" : "shorter"): \(NumberText.significant(own.tokensPerAnswer.value)) tokens an answer"
      + " instead of \(NumberText.significant(base.tokensPerAnswer.value))"
    if let seconds = own.secondsPerAnswer, let before = base.secondsPerAnswer {
      text +=
        ", which takes \(NumberText.significant(seconds)) s instead of \(NumberText.significant(before)) s"
    }
    return text + "."
  }

  /// With a sign that is as wide as a digit.
  static func signed(_ value: Double, _ decimals: Int) -> String {
    let text = NumberText.fixed(abs(value), decimals)
    let isZero = !text.contains { ("1"..."9").contains($0) }
    return (isZero ? "±" : value < 0 ? "−" : "+") + text
  }
}
