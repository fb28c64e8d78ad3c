import QuireFiles
import QuireJSON

// The parts of the page about answers and how they were measured.
extension ReportPage {
  var thinking: Markup? {
    guard report.modes.contains("thinking"), report.modes.contains("nonThinking") else { return nil }
    var table = MarkupTable([
      "row", "right, thinking", "right, non-thinking", "thinking is worth", "tokens an answer", "without",
      "s an answer", "without",
    ])
    for row in report.rows {
      guard let with = row.score(TaskProblem.aggregateName, "thinking"),
        let without = row.score(TaskProblem.aggregateName, "nonThinking")
      else { continue }
      let gain = ReportComparison.change(of: with, from: without)
      table.add(
        row.label,
        [
          Self.share(with.accuracy), Self.share(without.accuracy),
          "\(RowSummary.signed(100 * gain.value, 1)) ± \(NumberText.percent(gain.standardError)) points",
          NumberText.significant(with.tokensPerAnswer.value),
          NumberText.significant(without.tokensPerAnswer.value),
          NumberText.significant(with.secondsPerAnswer), NumberText.significant(without.secondsPerAnswer),
        ])
    }
    return section(
      "Thinking against non-thinking",
      [
        table.markup,
        Self.muted("Seconds: one stream, from the speeds above and the mean lengths of prompts and answers."),
      ])
  }

  static func share(_ estimate: Estimate) -> String {
    "\(NumberText.percent(estimate.value)) ± \(NumberText.percent(estimate.standardError))%"
  }

  var budgets: Markup? {
    let modes = report.modes.filter { $0.hasPrefix("thinking") }
    guard modes.count > 1 else { return nil }
    let curves = report.rows.enumerated().compactMap { index, row -> BudgetChart.Curve? in
      let points = modes.compactMap { row.score(TaskProblem.aggregateName, $0) }
        .map { (tokens: $0.tokensPerAnswer.value, accuracy: $0.accuracy) }.sorted { $0.tokens < $1.tokens }
      return points.count > 1 ? BudgetChart.Curve(number: index + 1, label: row.label, points: points) : nil
    }
    guard !curves.isEmpty else { return nil }
    var table = MarkupTable(["row", "limit of the thought", "right", "tokens an answer", "s an answer"])
    let ordered = modes.filter { $0 != "thinking" } + ["thinking"]
    for row in report.rows {
      for mode in ordered {
        guard let score = row.score(TaskProblem.aggregateName, mode) else { continue }
        table.add(
          row.label,
          [
            mode == "thinking" ? "none" : String(mode.dropFirst("thinking-".count)),
            Self.share(score.accuracy), NumberText.significant(score.tokensPerAnswer.value),
            NumberText.significant(score.secondsPerAnswer),
          ])
      }
    }
    return section(
      "Limits of the thought",
      [.tag("div", [("class", "charts")], BudgetChart(curves: curves).figure), table.markup])
  }

  var tasks: Markup? {
    let names = report.tasks
    guard names.count > 2 else { return nil }
    let modes = report.modes.filter { !$0.hasPrefix("thinking-") }
    var parts: [Markup?] = []
    for mode in modes {
      var table = MarkupTable(["task, % right"] + report.rows.map(\.label))
      for name in names {
        let scores = report.rows.map { $0.score(name, mode) }
        guard scores.contains(where: { $0 != nil }) else { continue }
        let cells = zip(report.rows, scores).map { row, score -> String in
          guard let score else { return NumberText.missing }
          let flips = row.isReference ? nil : score.flips
          return NumberText.percent(score.accuracy.value) + ((flips?.isWithinChance ?? false) ? " ≈" : "")
        }
        table.add(name, cells)
      }
      parts += [.tag("h3", [], ReportView.title(ofMode: mode)), table.markup]
    }
    return section("Tasks", parts + [Self.muted("≈: no difference from the reference shown.")])
  }

  // MARK: Flips

  private static let flipsShown = 10

  var flips: Markup? {
    let all = report.json["flipped"]?.arrayValue ?? []
    guard !all.isEmpty else { return nil }
    // Rows and modes in turn, so that the first does not fill the list.
    var groups: [String: [JSONValue]] = [:]
    var order: [String] = []
    for flip in all {
      let key = "\(flip["row"]?.stringValue ?? "") \(flip["mode"]?.stringValue ?? "")"
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(flip)
    }
    var shown: [JSONValue] = []
    let deepest = groups.values.map(\.count).max() ?? 0
    for round in 0..<deepest {
      for key in order where shown.count < Self.flipsShown {
        if let group = groups[key], group.count > round { shown.append(group[round]) }
      }
    }
    let total = report.rows.reduce(0) { sum, row in
      report.modes.reduce(sum) { sum, mode in
        let flips = row.score(TaskProblem.aggregateName, mode)?.flips
        // bounded: each count is at most the number of problems
        return sum + (flips.map { $0.rightToWrong + $0.wrongToRight } ?? 0)
      }
    }
    return section(
      "Answers that flipped",
      [
        Self.muted(
          "\(shown.count) of \(max(total, shown.count)) answers that are right on one side only, with the reference first. "
            + "Reasoning is left out."
        )
      ] + shown.map(Self.flip))
  }

  private static func flip(_ json: JSONValue) -> Markup {
    let mode = json["mode"]?.stringValue.map(ReportView.title) ?? ""
    let title = "\(json["task"]?.stringValue ?? ""), \(mode)"
    return .tag(
      "div", [("class", "flip")],
      .tag("h3", [], title),
      .tag("div", [("class", "question")], .tag("pre", [], json["prompt"]?.stringValue ?? "")),
      .tag("p", [], "Right answer: \(json["expected"]?.stringValue ?? "")"),
      .tag(
        "div", [("class", "sides")], side(json["reference"], "reference"),
        side(json["own"], json["row"]?.stringValue ?? "")))
  }

  private static func side(_ json: JSONValue?, _ name: String) -> Markup {
    let isRight = json?["isRight"]?.boolValue ?? false
    var parts: [Markup] = [.tag("b", [], "\(name): \(isRight ? "right ✓" : "wrong ✗")")]
    let content = json?["content"]?.stringValue ?? ""
    if let extracted = json?["extracted"]?.stringValue, extracted != content {
      parts.append(.tag("p", [], "taken as the answer: \(extracted)"))
    }
    parts.append(.tag("pre", [], content.isEmpty ? "(no text)" : content))
    if let tokens = json?["tokens"]?.intValue, tokens > 0 { parts.append(muted("\(tokens) tokens")) }
    return .tag("div", [], parts)
  }

  // MARK: Method

  var method: Markup? {
    let method = report.json["method"]
    var items: [(String, String)] = []
    if let tasks = method?["tasks"], tasks.objectValue != nil {
      items.append(("Tasks", taskSentence(tasks)))
      for source in tasks["sources"]?.arrayValue ?? [] {
        let found = source["extraction"]?.objectValue?.members.map { member in
          "\(ReportView.title(ofMode: member.key)): \(member.value.stringValue ?? "")"
        }
        let shots = source["shots"]?.intValue ?? 0
        items.append(
          (
            "Answers of \(source["task"]?.stringValue ?? "") (\(source["kind"]?.stringValue ?? ""))",
            (found ?? []).joined(separator: "; ") + (shots > 0 ? "; \(shots) solved examples first" : "")
          ))
      }
    }
    if let text = method?["text"], text.objectValue != nil {
      let name = text["protocol"] == "lines" ? "documents, one a line" : "windows of a running text"
      items.append(
        (
          "Text",
          "\(text["file"]?.stringValue ?? ""): \(text["documents"]?.intValue ?? 0) \(name), "
            + "\(text["scoredTokens"]?.intValue ?? 0) tokens predicted, each text alone in its context; "
            + "the longest window has \(text["windowTokens"]?.intValue ?? 0) tokens"
        ))
    }
    if let speed = method?["speed"], speed.objectValue != nil {
      items.append(
        (
          "Speed",
          "one stream: a prompt of \(speed["promptTokens"]?.intValue ?? 0) random tokens, then "
            + "\(speed["generatedTokens"]?.intValue ?? 0) generated; medians of repeats"
        ))
    }
    items.append(
      (
        "Arithmetic",
        "\(CountText.of(method?["threads"]?.intValue ?? 0, "thread")), \(method?["isa"]?.stringValue ?? ""); the reference runs in float32 "
          + "with a float32 cache, all others as users run them, with a float16 cache"
      ))
    let notes = report.rows.flatMap { row in
      (row.json["notes"]?.arrayValue ?? []).compactMap(\.stringValue).map { "\(row.label): \($0)" }
    }
    for note in notes { items.append(("Note", note)) }
    return section("How it was measured", [Self.list(items)])
  }

  private func taskSentence(_ tasks: JSONValue) -> String {
    let limits = tasks["maximumTokens"]
    return "\(tasks["file"]?.stringValue ?? ""): \(tasks["problems"]?.intValue ?? 0) of "
      + "\(tasks["available"]?.intValue ?? 0) problems, greedy, at most \(limits?["thinking"]?.intValue ?? 0) tokens with "
      + "thinking and \(limits?["nonThinking"]?.intValue ?? 0) without; chats as \(tasks["chatFormat"]?.stringValue ?? "")"
  }

  var provenance: Markup? {
    var items: [(String, String)] = []
    if let reference = report.json["reference"]?.stringValue { items.append(("Reference", reference)) }
    for row in report.rows {
      if let path = row.json["path"]?.stringValue, !row.isReference { items.append((row.label, path)) }
    }
    if let provenance = report.json["provenance"] {
      items.append(("Program", provenance["program"]?.stringValue ?? ""))
      let memory = provenance["memoryBytes"]?.intValue.map(ByteText.of) ?? ""
      items.append(
        (
          "Machine",
          "\(provenance["processor"]?.stringValue ?? ""), \(provenance["cores"]?.intValue ?? 0) cores, \(memory) of memory"
        ))
    }
    let command = report.json["provenance"]?["command"]?.stringValue
    return section(
      "Where it comes from",
      [
        items.isEmpty ? nil : Self.list(items), command == nil ? nil : Self.paragraph("The command:"),
        command.map { .tag("pre", [], $0) },
      ])
  }

  private static func list(_ items: [(String, String)]) -> Markup {
    .tag("dl", [], items.flatMap { [Markup.tag("dt", [], $0.0), .tag("dd", [], $0.1)] })
  }
}
