import QuireModelFiles
import QuireTensors
import QuireText

extension EvaluationReport {
  /// The report for a terminal: what was measured, then tables stacked so that they are at most `width` characters
  /// wide (wider only where a row's name and a single column need it).
  ///
  /// A figure that ends in ≈ is within two standard errors of the reference's, an accuracy by McNemar's test: no
  /// difference is claimed.
  package func table(width: Int = 120) -> String {
    var text = "Evaluation of \(([model] + otherModels).joined(separator: ", ").visibleLine)"
    if let reference, reference != model { text += " against \(reference.visibleLine)" }
    text +=
      " (\(method.threadCount) \(method.threadCount == 1 ? "thread" : "threads"), \(method.instructionSet))\n"
    for adapter in adapters { text += adapter.sentence + ", into every checkpoint\n" }
    for section in [sizeSection, textSection, answerSection, taskSection].compactMap({ $0 }) {
      text += "\n" + Self.wrapped(section.title, width: width)
      text += section.table.parts(width: width, keyCount: section.keyCount).map(\.text).joined(
        separator: "\n")
    }
    if let sensitivity {
      text += "\n" + Self.wrapped(sensitivity.heading, width: width) + sensitivity.table(width: width)
    }
    return text + "\n" + legend(width: width)
  }

  /// The text, on a single line at first, wrapped to lines of at most `width` characters, the second and later ones indented; each ends in a
  /// line feed.
  static func wrapped(_ text: String, width: Int) -> String {
    var lines = [""]
    for word in text.visibleLine.split(separator: " ", omittingEmptySubsequences: false) {
      let line = lines[lines.count - 1]
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append("  " + word)
      } else {
        lines[lines.count - 1] = line.isEmpty ? String(word) : line + " " + word
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private struct Section {
    let title: String
    var table: TextTable
    let keyCount: Int
  }

  // MARK: Size and speed

  private var sizeSection: Section {
    var table = TextTable(columns: [
      .init("step", .left), .init("size"), .init("bits/weight"), .init("peak memory"), .init("load s"),
      .init("prompt tok/s "), .init("decode tok/s "), .init("wall s"),
    ])
    for row in rows {
      table.add([
        row.label, row.size.fileBytes > 0 ? NumberText.bytes(row.size.fileBytes) : NumberText.missing,
        row.size.parameterCount > 0 ? NumberText.fixed(row.size.bitsPerWeight, 2) : NumberText.missing,
        row.isServer ? NumberText.missing : NumberText.bytes(row.peakMemoryBytes),
        row.isServer ? NumberText.missing : NumberText.seconds(row.loadSeconds),
        speedCell(row, \.prompt), speedCell(row, \.decode),
        NumberText.seconds(row.wallSeconds),
      ])
    }
    var title = "Size"
    if let speed = method.speed {
      title +=
        " and speed — one stream: a prompt of \(speed.promptTokens) tokens, "
        + "then \(speed.generatedTokens) generated; median of repeats"
    }
    return Section(title: title, table: table, keyCount: 1)
  }

  private func speedCell(_ row: EvaluationRow, _ speed: KeyPath<SpeedScore, Estimate>) -> String {
    guard let own = row.speed?[keyPath: speed] else { return NumberText.missing + " " }
    let reference = row.isReference ? nil : referenceRow?.speed?[keyPath: speed]
    return marked(NumberText.significant(own.value), reference.map { own.isWithinNoise(of: $0) } ?? false)
  }

  /// Always one character for the mark, so that digits stay aligned.
  private func marked(_ text: String, _ isWithinNoise: Bool) -> String {
    text + (isWithinNoise ? "≈" : " ")
  }

  // MARK: Text

  private var textSection: Section? {
    guard let text = method.text else { return nil }
    var table = TextTable(columns: [
      .init("step", .left), .init("perplexity"), .init("ratio ± "), .init("KL mean ±"), .init("KL p99"),
      .init("KL max"), .init("top-1 % ±"),
    ])
    for row in rows {
      let comparison = row.text?.comparison
      table.add([
        row.label, NumberText.fixed(row.text?.perplexity, 4), ratioCell(row),
        comparison.map { NumberText.significant($0.divergence) } ?? NumberText.missing,
        NumberText.significant(comparison?.divergenceP99),
        NumberText.significant(comparison?.divergenceMaximum),
        plusMinus(comparison?.topOneAgreement) { NumberText.fixed($0.map { 100 * $0 }, 2) },
      ])
    }
    return Section(title: "Text — " + text.sentence, table: table, keyCount: 1)
  }

  private func ratioCell(_ row: EvaluationRow) -> String {
    guard let ratio = row.text?.perplexityRatio else { return NumberText.missing + " " }
    let cell = plusMinus(ratio) { NumberText.fixed($0, 4) }
    return marked(cell, !row.isReference && ratio.isWithinNoise(of: 1))
  }

  private func plusMinus(_ estimate: Estimate?, _ format: (Double?) -> String) -> String {
    guard let estimate else { return NumberText.missing }
    return format(estimate.value) + (estimate.standardError.map { " ± " + format($0) } ?? "")
  }

  // MARK: Answers

  private var answerSection: Section? {
    guard let tasks = method.tasks else { return nil }
    var table = TextTable(columns: [
      .init("step", .left), .init("mode", .left), .init("right % ± "), .init("change"),
      .init("tokens/answer "), .init("s/answer"),
      .init("cut %"), .init("lost/won"), .init("McNemar p"),
    ])
    for row in rows {
      for mode in tasks.askModes {
        guard let total = row.total(asked: mode) else { continue }
        let seconds = row.secondsPerAnswer(total)
        table.add([row.label, mode.title] + cells(total, seconds, isReference: row.isReference))
      }
    }
    return Section(title: "Answers — " + tasks.sentence, table: table, keyCount: 2)
  }

  private func cells(_ score: TaskScore, _ seconds: Double?, isReference: Bool) -> [String] {
    let flips = isReference ? nil : score.flips
    let isWithinNoise = flips?.isWithinChance ?? false
    let change = flips.map { isWithinNoise ? "≈" : NumberText.points($0.accuracyChange.value) }
    let tokensWithinNoise = isReference ? false : score.tokenChange?.isWithinNoise(of: 0) ?? false
    return [
      marked(plusMinus(score.accuracy, NumberText.percent), isWithinNoise),
      change ?? NumberText.missing,
      marked(NumberText.significant(score.tokensPerAnswer.value), tokensWithinNoise),
      NumberText.significant(seconds),
      NumberText.percent(score.truncatedShare),
      flips.map { "\($0.rightToWrong)/\($0.wrongToRight)" } ?? NumberText.missing,
      NumberText.probability(flips?.probability),
    ]
  }

  /// Right answers of each task; left out when there is only one task.
  private var taskSection: Section? {
    guard let tasks = method.tasks, let names = rows.first?.tasks.map(\.name), names.count > 2 else {
      return nil
    }
    var table = TextTable(
      columns: [.init("step", .left), .init("mode", .left)] + names.map { .init($0 + " ") })
    for row in rows {
      for mode in tasks.askModes {
        let cells = row.tasks.map { task in
          guard let score = task.scores[mode] else { return NumberText.missing + " " }
          return marked(
            NumberText.fixed(100 * score.accuracy.value, 0), !row.isReference && score.isAccuracyWithinNoise)
        }
        table.add([row.label, mode.title] + cells)
      }
    }
    return Section(title: "Right answers by task, %", table: table, keyCount: 2)
  }
}

extension ThinkingMode {
  /// The mode's name in tables and progress lines.
  var tableName: String {
    switch self {
    case .thinking: "thinking"
    case .nonThinking: "non-thinking"
    }
  }
}

extension TextMethod {
  /// The protocol in words.
  fileprivate var sentence: String {
    let protocolText =
      switch textProtocol {
      case .lines:
        "\(documentCount) document\(documentCount == 1 ? "" : "s"), one a line, each alone in its context and ended by <|endoftext|>, the longest window has \(windowTokens) tokens"
      case .windows:
        "\(documentCount) windows of up to \(windowTokens) tokens, each alone in its context"
      }
    return "\(file): \(protocolText); \(scoredTokens) tokens predicted"
  }
}

extension TaskMethod {
  /// What was asked, and how, in words.
  fileprivate var sentence: String {
    let limits = modes.map { "\(maximumTokens($0)) tokens \($0.tableName)" }.joined(separator: " and ")
    let cut = sources.isEmpty || sources.contains { $0.kind.requiresEnd }
    return "\(file): \(problemCount) of \(availableCount) problems, greedy, at most \(limits)"
      + (cut ? "; an answer cut there is wrong" : "")
  }
}
