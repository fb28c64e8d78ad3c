import QuireEvaluation
import QuireJSON
import QuireModelFiles
import QuireText
import Testing

/// A report made up by hand, so that every cell is known.
private enum MadeUp {
  static let problems = (0..<200).map {
    TaskProblem(task: $0 < 100 ? "add" : "sort", prompt: "\($0)", answer: "x")
  }

  static func sheet(wrong: Set<Int>, tokens: Int) -> [TaskAnswer] {
    problems.indices.map {
      TaskAnswer(isRight: !wrong.contains($0), tokenCount: tokens + $0 % 2, isTruncated: false)
    }
  }

  static func text(negativeLogLikelihood: Double, reference: Double, divergence: Double) -> TextScore {
    let scores = (0..<100).map { index in
      var score = TokenScore()
      // The sum of four neighbours, one document, varies from document to document.
      let wobble = Double(index / 4 % 2) * 0.01
      score.negativeLogLikelihood = negativeLogLikelihood + wobble
      score.referenceNegativeLogLikelihood = reference
      score.divergence = divergence + wobble
      score.agreesOnTop = index % 50 != 0
      return score
    }
    return TextScore(scores, documents: (0..<100).map { $0 / 4 }, documentCount: 25, isCompared: true)
  }

  static var report: EvaluationReport {
    let sheets = [
      RowAnswers(
        thinking: sheet(wrong: [1], tokens: 40), nonThinking: sheet(wrong: Set(0..<150), tokens: 8)),
      RowAnswers(
        thinking: sheet(wrong: [2, 3], tokens: 40), nonThinking: sheet(wrong: Set(0..<190), tokens: 9)),
    ]
    var reference = EvaluationRow(.reference, step: "reference", recipe: nil)
    reference.size = ModelSize(fileBytes: 10_300_000, weightBytes: 2000, parameterCount: 1000)
    reference.peakMemoryBytes = 52_000_000
    reference.speed = SpeedScore(
      prompt: Estimate(value: 1000, standardError: 10), decode: Estimate(value: 100, standardError: 1),
      repeatCount: 5)
    reference.loadSeconds = 0.25
    reference.wallSeconds = 12
    reference.text = text(negativeLogLikelihood: 1, reference: 1, divergence: 0)
    reference.tasks = sheets[0].results(problems: problems, reference: sheets[0])
    var row = EvaluationRow(.recipe(index: 0, stepCount: 1), step: "quantize", recipe: "int4")
    row.size = ModelSize(fileBytes: 2_900_000, weightBytes: 520, parameterCount: 1000)
    row.speed = SpeedScore(
      prompt: Estimate(value: 1020, standardError: 10), decode: Estimate(value: 250, standardError: 1),
      repeatCount: 5)
    row.conversionSeconds = 3
    row.text = text(negativeLogLikelihood: 1.1, reference: 1, divergence: 0.02)
    row.tasks = sheets[1].results(problems: problems, reference: sheets[0])
    let method = EvaluationMethod(
      tasks: TaskMethod(
        file: "tasks.jsonl", availableCount: 873, problemCount: 200, modes: [.thinking, .nonThinking],
        thinkingTokens: 256, nonThinkingTokens: 64, concurrency: 32, chatFormat: "qwen3"),
      text: TextMethod(
        file: "heldout.txt", textProtocol: .lines, windowTokens: 60, documentCount: 25, scoredTokens: 100),
      speed: SpeedSettings(), threadCount: 2, instructionSet: "avx512", seed: 1)
    return EvaluationReport(model: "demo", reference: "demo", method: method, rows: [reference, row])
  }
}

@Suite struct ReportTableTests {
  @Test func saysEverythingInStackedTables() {
    let expected = """
      Evaluation of demo (2 threads, avx512)

      Size and speed — one stream: a prompt of 256 tokens, then 64 generated; median of repeats
      step               size  bits/weight  peak memory  load s  prompt tok/s   decode tok/s   wall s
      ───────────────────────────────────────────────────────────────────────────────────────────────
      reference       10.3 MB        16.00      52.0 MB    0.25          1000            100     12.0
      int4: quantize  2.90 MB         4.16          n/a    0.00          1020≈           250     0.00

      Text — heldout.txt: 25 documents, one a line, each alone in its context and ended by <|endoftext|>, the longest window
        has 60 tokens; 100 tokens predicted
      step            perplexity          ratio ±           KL mean ±  KL p99  KL max     top-1 % ±
      ─────────────────────────────────────────────────────────────────────────────────────────────
      reference           2.7314  1.0048 ± 0.0010   0.00480 ± 0.00102  0.0100  0.0100  98.00 ± 1.38
      int4: quantize      3.0186  1.1105 ± 0.0011     0.0248 ± 0.0010  0.0300  0.0300  98.00 ± 1.38

      Answers — tasks.jsonl: 200 of 873 problems, greedy, at most 256 tokens thinking and 64 tokens non-thinking; an answer
        cut there is wrong
      step            mode           right % ±   change  tokens/answer   s/answer  cut %  lost/won  McNemar p
      ───────────────────────────────────────────────────────────────────────────────────────────────────────
      reference       thinking      99.5 ± 0.5        –           40.5      0.405    0.0         –          –
      reference       non-thinking  25.0 ± 3.1        –           8.50     0.0850    0.0         –          –
      int4: quantize  thinking      99.0 ± 0.7≈       ≈           40.5≈     0.162    0.0       2/1      1.000
      int4: quantize  non-thinking   5.0 ± 1.5    -20.0           9.50     0.0380    0.0      40/0     <0.001

      Right answers by task, %
      step            mode          add   sort   all
      ───────────────────────────────────────────────
      reference       thinking       99    100   100
      reference       non-thinking    0     50    25
      int4: quantize  thinking       98≈   100≈   99≈
      int4: quantize  non-thinking    0≈    10     5

      ± one standard error   ≈ within two standard errors of the reference: no difference is claimed
      peak memory: the whole process while the row's model is loaded, timed and answers
      s/answer: seconds that one stream needs for a prompt and an answer of mean length, from the speeds above
      lost/won: answers that are right in the reference and wrong here, and the other way round; change in points
      reference: the checkpoint's weights in float32 arithmetic with a float32 cache; packs run with a float16 cache

      """
    let text = MadeUp.report.table()
    #expect(text == expected)
  }

  @Test func marksWhatIsWithinTwoErrors() {
    let lines = MadeUp.report.table().split(separator: "\n")
    func line(_ parts: String...) -> Substring? {
      lines.first { line in parts.allSatisfy { line.contains($0) } }
    }
    // One flip each way more or less: no loss is claimed. The other mode lost 40 answers.
    #expect(line("int4: quantize", " thinking", "≈", "99.0 ± 0.7≈") != nil)
    #expect(line("int4: quantize", "non-thinking", "-20.0") != nil)
    #expect(line("reference  ", "≈") == nil)
  }

  /// Three answers lost of three are chance to McNemar's test, and so is a change that the mark stands for.
  @Test func theMarkOfAnswersAgreesWithTheTest() {
    var report = MadeUp.report
    let problems = Array(MadeUp.problems.prefix(3))
    func sheet(_ isRight: Bool) -> RowAnswers {
      let answers = problems.map { _ in TaskAnswer(isRight: isRight, tokenCount: 3, isTruncated: false) }
      return RowAnswers(thinking: answers)
    }
    report.rows[0].tasks = sheet(true).results(problems: problems, reference: sheet(true))
    report.rows[1].tasks = sheet(false).results(problems: problems, reference: sheet(true))
    let lines = report.table().split(separator: "\n")
    #expect(
      lines.contains { $0.contains("3/0") && $0.contains("0.250") && $0.contains("0.0 ± 0.0≈       ≈") })
  }

  @Test func staysWithinTheWidth() {
    var report = MadeUp.report
    let problems = (0..<300).map {
      TaskProblem(task: "long-task-name-\($0 % 30)", prompt: "\($0)", answer: "x")
    }
    let answers = problems.map { _ in TaskAnswer(isRight: true, tokenCount: 3, isTruncated: false) }
    for index in report.rows.indices {
      report.rows[index].tasks = RowAnswers(thinking: answers, nonThinking: answers)
        .results(problems: problems, reference: nil)
    }
    report.method.text?.textProtocol = .windows(tokenCount: 60)
    for width in [80, 100, 120] {
      let text = report.table(width: width)
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= width })
      #expect(text.contains("long-task-name-29 "))
    }
  }

  @Test func leavesOutWhatWasNotMeasured() {
    var report = MadeUp.report
    report.method.text = nil
    report.method.tasks = nil
    report.method.speed = nil
    report.reference = nil
    report.rows = [EvaluationRow(.recipe(index: 0, stepCount: 1), step: "quantize", recipe: "int4")]
    let text = report.table()
    #expect(!text.contains("Text — ") && !text.contains("Answers"))
    #expect(text.contains("\nSize\n") && text.contains("\n± one standard error\npeak memory: "))
  }
}

@Suite struct ReportJSONTests {
  /// What a step says of its conversion stands below the tables once, and in its row.
  @Test func notesAreShown() {
    var report = MadeUp.report
    report.rows[1].notes = ["the text is short"]
    report.rows.append(report.rows[1])
    let lines = report.table().split(separator: "\n")
    #expect(lines.filter { $0 == "note: \(report.rows[1].label): the text is short" }.count == 1)
    #expect(report.json["rows"]?.arrayValue?[1]["notes"]?.arrayValue == ["the text is short"])
    // Two servers may lack the same.
    report.rows = (0..<2).map { index in
      var row = EvaluationRow(.server(index: index), step: "server", recipe: nil, label: "m\(index)")
      row.notes = ["no perplexity"]
      return row
    }
    #expect(report.table().contains("note: m0: no perplexity\nnote: m1: no perplexity\n"))
  }

  @Test func rowsHaveTheKeysThatScriptsHoldOnTo() throws {
    let json = try JSONValue.parse(MadeUp.report.json.serialized(pretty: true))
    #expect(json.objectValue?.keys == ["model", "reference", "method", "rows"])
    let rows = try #require(json["rows"]?.arrayValue)
    #expect(rows.count == 2)
    let required = [
      "step", "recipe", "sizeBytes", "bitsPerWeight", "perplexity", "perplexityRatio", "klMean",
      "topOneAgreement",
      "promptTokensPerSecond", "decodeTokensPerSecond", "tasks", "klP99", "klMax", "perplexityRatioError",
      "peakMemoryBytes", "loadSeconds", "wallSeconds", "notes",
    ]
    for row in rows {
      let keys = try #require(row.objectValue?.keys)
      for key in required { #expect(keys.contains(key), "\(key) is missing") }
      let tasks = try #require(row["tasks"]?.objectValue)
      #expect(tasks.keys == ["add", "sort", "all"])
      for task in tasks.members {
        #expect(task.value.objectValue?.keys == ["thinking", "nonThinking"])
        for mode in ["thinking", "nonThinking"] {
          let score = try #require(task.value[mode])
          for key in ["accuracy", "standardError", "tokensPerAnswer"] {
            #expect(score[key]?.doubleValue != nil)
          }
        }
      }
    }
    #expect(rows[0]["step"] == "reference" && rows[0]["recipe"] == .null)
    #expect(rows[1]["step"] == "quantize" && rows[1]["recipe"] == "int4")
  }

  @Test func valuesAreTheReports() throws {
    let row = try #require(MadeUp.report.json["rows"]?[1])
    #expect(row["sizeBytes"]?.intValue == 2_900_000)
    #expect(row["bitsPerWeight"]?.doubleValue == 4.16)
    #expect(row["peakMemoryBytes"] == .null)
    #expect(row["decodeTokensPerSecond"]?.doubleValue == 250)
    let error = (row["perplexityError"]?.doubleValue ?? 0) / (row["perplexity"]?.doubleValue ?? 0)
    #expect(abs(error - 0.001) < 0.0001, "as that of the ratio, because the reference does not vary")
    let all = try #require(row["tasks"]?["all"]?["nonThinking"])
    #expect(all["accuracy"]?.doubleValue == 0.05)
    #expect(all["tokensPerAnswer"]?.doubleValue == 9.5)
    #expect(all["problems"]?.intValue == 200)
    #expect(all["flips"]?["rightToWrong"]?.intValue == 40)
    #expect(all["flips"]?["wrongToRight"]?.intValue == 0)
    let method = try #require(MadeUp.report.json["method"])
    #expect(method["text"]?["protocol"] == "lines")
    #expect(method["tasks"]?["maximumTokens"]?["thinking"]?.intValue == 256)
    #expect(method["speed"]?["promptTokens"]?.intValue == 256)
  }

  @Test func valuesThatAreNotMeasuredAreNull() {
    let json = EvaluationRow(.recipe(index: 0, stepCount: 1), step: "quantize", recipe: "int4").json
    for key in ["perplexity", "klMean", "promptTokensPerSecond", "peakMemoryBytes"] {
      #expect(json[key] == .null)
    }
    #expect(json["tasks"] == [:])
  }
}
