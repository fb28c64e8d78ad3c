package import QuireJSON
import QuireModelFiles
import QuireTensors
import QuireText

// The keys are an interface that scripts depend on. Values that were not measured are null.
//
// A report has `model`, `reference` (paths), `method` (what was asked of which files, limits, threads) and `rows`. Reports
// with the same `method.tasks.problemHash` asked the same problems, those with the same `method.text.textHash` predicted the
// same tokens. A row:
//
// | key | meaning |
// |---|---|
// | row, label | identifies the row: "reference", "pack", "recipe-0-step-2", "server-0"; its name in tables |
// | path | the model's path, or a server's address; null for a recipe's step |
// | step, recipe | "reference" and null; then a step's name and its recipe's; several rows may have the same; "server" |
// | sizeBytes | bytes on disk: the pack, with its parent if it is a delta pack, or the checkpoint's files that Quire reads |
// | bitsPerWeight, weightBytes, parameters | of the weights in memory, scales included |
// | peakMemoryBytes | peak memory of the process while the row's model was loaded, timed and answered |
// | loadSeconds, conversionSeconds, wallSeconds | until ready to run; the recipe's steps; the whole row |
// | promptTokensPerSecond, decodeTokensPerSecond | one stream, median; with `…Error`, one standard error |
// | perplexity | exp of the mean negative log-likelihood per token; with `…Error` between documents, null for one |
// | perplexityRatio | to the reference, with `…Error` of the paired differences between documents |
// | klMean, klP99, klMax | divergence from the reference in nats per token; `klMeanError` |
// | topOneAgreement | share of positions with the reference's most probable token; `…Error` |
// | tasks | per task, for the subjects of mmlu together, and for "all", `thinking` and `nonThinking`, and for thinking budgets `thinking-128` |
// | results | per mode, what lm-evaluation-harness writes as `results`: per task, its metrics with their errors |
// | notes | notices of the conversion, the parts of a delta pack's size, and what a server cannot do, a sentence each |
//
// A report may also have `models` (the paths, when there are several), `adapters` (merged into every checkpoint: `name`,
// `description`, `files` with their hashes), `provenance` (program, command, machine) and
// `flipped` (up to ten answers per row and mode that are right on one side only: `row`, `task`, `mode`, `prompt`, `expected`,
// and `reference` and `own` with `content`, `extracted`, `isRight`, `tokens`).
//
// With `--sensitivity` it has `sensitivity`: `text` and `tokens` that were measured on; `matrices` (`name`, `layer` or null,
// `part`, the `format` it alone was rounded to); `kvGroups` and `heads` (layer, unit). Each has `outputError`, the share of
// the part's output that is lost, and `kl`, that of the whole model, where it was tried.
//
// A task's mode: `accuracy` (share of right answers), `standardError`, `tokensPerAnswer`, `tokensPerAnswerError`,
// `secondsPerAnswer` (one stream, from the row's speeds), `problems`, `truncatedShare` (answers that reached the token limit)
// and `flips` against the reference: `rightToWrong`, `wrongToRight`, `probability` (McNemar's exact test). The mode of "all"
// has `outcomes` too: a digit per problem, 1 for a right answer.

extension EvaluationReport {
  /// The whole report.
  package var json: JSONValue {
    var report: JSONObject = [
      "model": .string(model),
      "reference": reference.map { .string($0) } ?? .null,
      "method": method.json,
      "rows": .array(rows.map(\.json)),
    ]
    if !otherModels.isEmpty {
      report["models"] = .array(([model] + otherModels).map { .string($0) })
    }
    if !adapters.isEmpty { report["adapters"] = .array(adapters.map(\.json)) }
    report["sensitivity"] = sensitivity?.json
    report["provenance"] = provenance?.json
    if !flipped.isEmpty { report["flipped"] = .array(flipped.map(\.json)) }
    return .object(report)
  }
}

extension EvaluationRow {
  /// The row as stored in reports and packs.
  package var json: JSONValue {
    let comparison = text?.comparison
    return [
      "row": .string(identity.text),
      "label": .string(label),
      "path": path.map { .string($0) } ?? .null,
      "step": .string(step),
      "recipe": recipe.map { .string($0) } ?? .null,
      "kvCache": isServer ? .null : .string(cacheType.rawValue),
      "sizeBytes": known(size.fileBytes, .int(size.fileBytes)),
      "bitsPerWeight": known(size.parameterCount, .double(size.bitsPerWeight)),
      "weightBytes": known(size.weightBytes, .int(size.weightBytes)),
      "parameters": known(size.parameterCount, .int(size.parameterCount)),
      "peakMemoryBytes": peakMemoryBytes.map { .int($0) } ?? .null,
      "loadSeconds": isServer ? .null : .double(loadSeconds),
      "conversionSeconds": .measured(conversionSeconds),
      "wallSeconds": .double(wallSeconds),
      "promptTokensPerSecond": .measured(speed?.prompt.value),
      "promptTokensPerSecondError": .measured(speed?.prompt.standardError),
      "decodeTokensPerSecond": .measured(speed?.decode.value),
      "decodeTokensPerSecondError": .measured(speed?.decode.standardError),
      "perplexity": .measured(text?.perplexity),
      "perplexityError": .measured(text?.perplexityError),
      "perplexityRatio": .measured(text?.perplexityRatio?.value),
      "perplexityRatioError": .measured(text?.perplexityRatio?.standardError),
      "klMean": .measured(comparison?.divergence.value),
      "klMeanError": .measured(comparison?.divergence.standardError),
      "klP99": .measured(comparison?.divergenceP99),
      "klMax": .measured(comparison?.divergenceMaximum),
      "topOneAgreement": .measured(comparison?.topOneAgreement.value),
      "topOneAgreementError": .measured(comparison?.topOneAgreement.standardError),
      "tasks": .object(
        JSONObject(
          uniqueMembers: tasks.map { JSONObject.Member(key: $0.name, value: $0.json(of: self)) })),
      "results": resultsJSON,
      "notes": .array(notes.map { .string($0) }),
    ]
  }
}

extension EvaluationRow {
  /// A size of a server's model that it does not say is 0.
  private func known(_ size: Int, _ value: JSONValue) -> JSONValue { size > 0 || !isServer ? value : .null }

  /// lm-evaluation-harness's `results`, per mode.
  private var resultsJSON: JSONValue {
    var modes = JSONObject()
    for task in tasks where task.name != TaskProblem.aggregateName {
      for (mode, score) in task.orderedScores {
        var own: JSONObject = ["alias": .string(task.name)]
        for metric in score.metrics {
          let parts = metric.name.split(separator: ",", maxSplits: 1).map(String.init)
          own[metric.name] = .double(metric.estimate.value)
          own[parts.joined(separator: "_stderr,")] = .measured(metric.estimate.standardError)
        }
        var object = modes[mode.key]?.objectValue ?? JSONObject()
        object[task.name] = .object(own)
        modes[mode.key] = .object(object)
      }
    }
    return .object(modes)
  }
}

extension FlippedAnswer {
  fileprivate var json: JSONValue {
    [
      "row": .string(row), "task": .string(task), "mode": .string(mode.key), "prompt": .string(prompt),
      "expected": .string(expected), "reference": reference.json, "own": own.json,
    ]
  }
}

extension FlippedAnswer.Side {
  fileprivate var json: JSONValue {
    [
      "content": .string(content), "extracted": extracted.map { .string($0) } ?? .null,
      "isRight": .bool(isRight), "tokens": .int(tokenCount),
    ]
  }
}

extension ReportProvenance {
  var json: JSONValue {
    [
      "program": .string(program), "command": .string(command), "processor": .string(processor),
      "cores": .int(coreCount), "memoryBytes": .int(memoryBytes), "date": .string(date),
    ]
  }
}

extension EvaluationMethod {
  var json: JSONValue {
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
    var json: JSONObject = [
      "file": .string(file),
      "problems": .int(problemCount),
      "available": .int(availableCount),
      "modes": .array(modes.map { .string($0.rawValue) }),
      "maximumTokens": ["thinking": .int(thinkingTokens), "nonThinking": .int(nonThinkingTokens)],
      "sampling": "greedy",
      "concurrency": .int(concurrency),
      "chatFormat": .string(chatFormat),
      "problemHash": .string(problemHash),
    ]
    if !thinkingBudgets.isEmpty { json["thinkingBudgets"] = .array(thinkingBudgets.map { .int($0) }) }
    if !sources.isEmpty { json["sources"] = .array(sources.map { $0.json(modes) }) }
    return .object(json)
  }
}

extension TaskSource {
  fileprivate func json(_ modes: [ThinkingMode]) -> JSONValue {
    var extraction = JSONObject()
    for mode in modes { extraction[mode.rawValue] = .string(kind.extraction(mode)) }
    return [
      "task": .string(name), "kind": .string(kind.rawValue), "file": .string(path),
      "shots": .int(shotCount), "system": system.map { .string($0) } ?? .null,
      "extraction": .object(extraction),
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
      "textHash": .string(textHash),
    ]
  }
}
