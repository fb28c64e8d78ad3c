package import QuireJSON
import QuireModelFiles
import QuireText
import QuireModelFiles

// The keys are an interface that scripts depend on. Values that were not measured are null.
//
// A report has `model`, `reference` (paths), `method` (what was asked of which files, limits, threads) and `rows`. A row:
//
// | key | meaning |
// |---|---|
// | row | identifies the row: "reference", "pack", "recipe-0-step-2" |
// | step, recipe | "reference" and null; then a step's name and its recipe's; several rows may have the same |
// | sizeBytes | bytes on disk: the pack, or the checkpoint's files that Quire reads |
// | bitsPerWeight, weightBytes, parameters | of the weights in memory, scales included |
// | peakMemoryBytes | peak memory of the process while the row's model was loaded, timed and answered |
// | loadSeconds, conversionSeconds, wallSeconds | until ready to run; the recipe's steps; the whole row |
// | promptTokensPerSecond, decodeTokensPerSecond | one stream, median; with `…Error`, one standard error |
// | perplexity | exp of the mean negative log-likelihood per token |
// | perplexityRatio | to the reference, with `…Error` of the paired differences between documents |
// | klMean, klP99, klMax | divergence from the reference in nats per token; `klMeanError` |
// | topOneAgreement | share of positions with the reference's most probable token; `…Error` |
// | tasks | per task, and for "all", `thinking` and `nonThinking` |
// | notes | notices of the conversion, a sentence each |
//
// A task's mode: `accuracy` (share of right answers), `standardError`, `tokensPerAnswer`, `tokensPerAnswerError`,
// `problems`, `truncatedShare` (answers that reached the token limit and count as wrong) and `flips` against the reference:
// `rightToWrong`, `wrongToRight`, `probability` (McNemar's exact test).

extension EvaluationReport {
  /// The whole report.
  package var json: JSONValue {
    [
      "model": .string(model),
      "reference": reference.map { .string($0) } ?? .null,
      "method": method.json,
      "rows": .array(rows.map(\.json)),
    ]
  }
}

extension EvaluationRow {
  /// The row as stored in reports and packs.
  package var json: JSONValue {
    let comparison = text?.comparison
    return [
      "row": .string(identity.text),
      "step": .string(step),
      "recipe": recipe.map { .string($0) } ?? .null,
      "sizeBytes": .int(size.fileBytes),
      "bitsPerWeight": .double(size.bitsPerWeight),
      "weightBytes": .int(size.weightBytes),
      "parameters": .int(size.parameterCount),
      "peakMemoryBytes": peakMemoryBytes.map { .int($0) } ?? .null,
      "loadSeconds": .double(loadSeconds),
      "conversionSeconds": number(conversionSeconds),
      "wallSeconds": .double(wallSeconds),
      "promptTokensPerSecond": number(speed?.prompt.value),
      "promptTokensPerSecondError": number(speed?.prompt.standardError),
      "decodeTokensPerSecond": number(speed?.decode.value),
      "decodeTokensPerSecondError": number(speed?.decode.standardError),
      "perplexity": number(text?.perplexity),
      "perplexityRatio": number(comparison?.perplexityRatio.value),
      "perplexityRatioError": number(comparison?.perplexityRatio.standardError),
      "klMean": number(comparison?.divergence.value),
      "klMeanError": number(comparison?.divergence.standardError),
      "klP99": number(comparison?.divergenceP99),
      "klMax": number(comparison?.divergenceMaximum),
      "topOneAgreement": number(comparison?.topOneAgreement.value),
      "topOneAgreementError": number(comparison?.topOneAgreement.standardError),
      "tasks": .object(
        JSONObject(uniqueMembers: tasks.map { JSONObject.Member(key: $0.name, value: $0.json) })),
      "notes": .array(notes.map { .string($0) }),
    ]
  }
}

extension TaskResult {
  /// The modes that were asked.
  fileprivate var json: JSONValue {
    var modes = JSONObject()
    for mode in ThinkingMode.allCases {
      if let score = score(mode) { modes[mode.rawValue] = score.json }
    }
    return .object(modes)
  }
}

extension TaskScore {
  fileprivate var json: JSONValue {
    [
      "accuracy": .double(accuracy.value),
      "standardError": number(accuracy.standardError),
      "tokensPerAnswer": .double(tokensPerAnswer.value),
      "tokensPerAnswerError": number(tokensPerAnswer.standardError),
      "problems": .int(problemCount),
      "truncatedShare": .double(truncatedShare),
      "flips": flips?.json ?? .null,
    ]
  }
}

extension AnswerFlips {
  fileprivate var json: JSONValue {
    [
      "rightToWrong": .int(rightToWrong),
      "wrongToRight": .int(wrongToRight),
      "probability": .double(probability),
    ]
  }
}

extension EvaluationMethod {
  fileprivate var json: JSONValue {
    [
      "tasks": tasks?.json ?? .null,
      "text": text?.json ?? .null,
      "speed": speed?.json ?? .null,
      "threads": .int(threadCount),
      "isa": .string(instructionSet),
      "seed": .int(seed),
    ]
  }
}

extension SpeedSettings {
  fileprivate var json: JSONValue {
    ["promptTokens": .int(promptTokens), "generatedTokens": .int(generatedTokens), "streams": 1]
  }
}

extension TaskMethod {
  fileprivate var json: JSONValue {
    [
      "file": .string(file),
      "problems": .int(problemCount),
      "available": .int(availableCount),
      "modes": .array(modes.map { .string($0.rawValue) }),
      "maximumTokens": ["thinking": .int(thinkingTokens), "nonThinking": .int(nonThinkingTokens)],
      "sampling": "greedy",
      "concurrency": .int(concurrency),
      "chatFormat": .string(chatFormat),
    ]
  }
}

extension TextMethod {
  fileprivate var json: JSONValue {
    let name =
      switch textProtocol {
      case .lines: "lines"
      case .windows: "windows"
      }
    return [
      "file": .string(file),
      "protocol": .string(name),
      "windowTokens": .int(windowTokens),
      "documents": .int(documentCount),
      "scoredTokens": .int(scoredTokens),
    ]
  }
}

private func number(_ value: Double?) -> JSONValue {
  value.map { .double($0) } ?? .null
}
