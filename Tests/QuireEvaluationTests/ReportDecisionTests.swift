import QuireEvaluation
import QuireJSON
import QuireText
import Testing

/// The gate and the page, from a report's JSON alone.
@Suite struct ReportDecisionTests {
  private static func row(_ name: String, _ members: JSONObject) -> JSONValue {
    var row: JSONObject = [
      "row": .string(name), "label": .string(name), "step": "quantize", "sizeBytes": .null,
    ]
    for member in members.members { row[member.key] = member.value }
    return .object(row)
  }

  private static func score(_ accuracy: Double, lost: Int, won: Int) -> JSONValue {
    [
      "accuracy": .double(accuracy), "standardError": 0.01, "tokensPerAnswer": 40, "problems": 1000,
      "flips": ["rightToWrong": .int(lost), "wrongToRight": .int(won)],
    ]
  }

  private static func report(text: String = "plain") throws -> ReportView {
    let rows: [JSONValue] = [
      row(
        "reference",
        ["sizeBytes": 16_000_000_000, "tasks": ["all": ["thinking": score(0.9, lost: 0, won: 0)]]]),
      row(
        "pack",
        [
          "sizeBytes": 5_000_000_000, "klMean": 0.02, "klMeanError": 0.001, "label": .string(text),
          "tasks": [
            "sums": ["thinking": score(0.88, lost: 40, won: 10)],
            "all": ["thinking": score(0.88, lost: 40, won: 10)],
          ],
        ]),
      row(
        "model-2",
        [
          "sizeBytes": 9_000_000_000, "klMean": 0.001,
          "tasks": ["all": ["thinking": score(0.9, lost: 1, won: 1)]],
        ]),
    ]
    return try ReportView(json: ["rows": .array(rows)], name: "r.json")
  }

  private func verdicts(_ gate: String) throws -> [GateOutcome.Verdict] {
    try Gate(gate).outcomes(of: Self.report()).map(\.verdict)
  }

  @Test func conditionsAreMetFailedOrUndecided() throws {
    #expect(try verdicts("size<=9GB") == [.met, .met])
    #expect(try verdicts("size<=5.0GB") == [.met, .failed])
    #expect(try verdicts("size<=-40%") == [.met, .met])
    // 0.02 ± 0.001 against 0.0215 is within two errors.
    #expect(try verdicts("kl<=0.0215") == [.undecided, .met])
    #expect(try verdicts("kl<=0.03, kl<=0.01") == [.met, .failed, .met, .met])
    // −3 points ± 0.7.
    #expect(try verdicts("all>=-1pt") == [.failed, .met])
    #expect(try verdicts("all.thinking>=-3.5pt") == [.undecided, .met])
    #expect(try verdicts("memory<=1GB") == [.failed, .failed], "what is not measured is not met")
  }

  /// A model without answers is no good model: a server whose chats failed has none.
  @Test func whatHasNoAnswersIsNotMet() throws {
    let rows: [JSONValue] = [
      Self.row("pack", ["tasks": ["qa": ["thinking": Self.score(1, lost: 0, won: 0)]]]),
      Self.row("server-0", ["tasks": ["qa": [:]]]), Self.row("server-1", ["tasks": [:]]),
    ]
    let all = rows.map { row -> JSONValue in
      guard var object = row.objectValue, var tasks = object["tasks"]?.objectValue else { return row }
      tasks["all"] = tasks["qa"]
      object["tasks"] = .object(tasks)
      return .object(object)
    }
    let report = try ReportView(json: ["rows": .array(all)], name: "r.json")
    for gate in ["tasks>=0%", "qa>=0%", "qa.thinking>=0%", "qa<=100%"] {
      let outcomes = try Gate(gate).outcomes(of: report)
      #expect(outcomes.map(\.verdict).dropFirst() == [.failed, .failed], "\(gate)")
      #expect(outcomes[1].sentence.contains("expected \(gate), found no such measurement"))
    }
    #expect(try Gate("qa>=-1pt").outcomes(of: report).map(\.verdict) == [.failed, .failed, .failed])
  }

  @Test func aChangeOfTheAgreementIsCountedFromTheBaseline() throws {
    func report(_ agreement: JSONValue) throws -> ReportView {
      try ReportView(
        json: [
          "rows": [
            Self.row("reference", ["step": "reference", "topOneAgreement": 1]),
            Self.row("pack", ["topOneAgreement": agreement, "topOneAgreementError": 0.001]),
          ]
        ], name: "r.json")
    }
    let (new, old) = (try report(0.94), try report(0.96))
    #expect(try Gate("top1>=-1pt").outcomes(of: new).map(\.verdict) == [.failed])
    let counted = try Gate("top1>=-3pt").outcomes(of: new, baseline: old)
    #expect(counted.map(\.verdict) == [.met])
    #expect(counted[0].sentence == "pack: expected top1>=-3pt, found -2.00 ± 0.14 pt")
    #expect(try Gate("top1>=-1pt").outcomes(of: new, baseline: old).map(\.verdict) == [.failed])
    #expect(try Gate("top1>=-9pt").outcomes(of: new, baseline: report(.null)).map(\.verdict) == [.failed])
  }

  /// The whole name is a task's before its end is a mode.
  @Test func tasksMayHaveDots() throws {
    let report = try ReportView(
      json: [
        "rows": [
          Self.row(
            "pack",
            [
              "tasks": [
                "v1.5": ["thinking": Self.score(0.9, lost: 0, won: 0)],
                "v1.thinking": ["thinking": Self.score(0.2, lost: 0, won: 0)],
                "all": ["thinking": Self.score(0.5, lost: 0, won: 0)],
              ]
            ])
        ]
      ], name: "r.json")
    func verdicts(_ gate: String) throws -> [GateOutcome.Verdict] {
      try Gate(gate).outcomes(of: report).map(\.verdict)
    }
    #expect(try verdicts("v1.5>=80%") == [.met] && verdicts("v1.5.thinking>=80%") == [.met])
    #expect(try verdicts("v1.thinking<=30%") == [.met] && verdicts("tasks.thinking>=40%") == [.met])
    for unknown in ["v1>=1%", "v1.5.fast>=1%", "v1.5.non-thinking>=1%"] {
      #expect(throws: EvaluationError.self, "\(unknown)") { try verdicts(unknown) }
    }
  }

  /// What needs a comparison, or what servers do not have, is known before anything is measured.
  @Test(arguments: [
    ("kl<=0.1", "--reference"), ("ratio<=1.1", "--reference"), ("top1>=-1pt", "--reference"),
    ("size<=-10%", "--baseline"), ("sums>=-1pt", "--baseline"), ("decode>=+5%", "--baseline"),
  ])
  func aComparisonNeedsAReference(_ gate: String, _ option: String) throws {
    let method = EvaluationMethod(
      tasks: TaskMethod(
        file: "t", availableCount: 1, problemCount: 1, modes: [.thinking], thinkingTokens: 9,
        nonThinkingTokens: 9, concurrency: 1, chatFormat: "qwen3"),
      text: TextMethod(
        file: "t", textProtocol: .lines, windowTokens: 9, documentCount: 1, scoredTokens: 9),
      speed: SpeedSettings(), threadCount: 1, instructionSet: "avx2", seed: 1)
    func sentence(_ models: PlannedModels, hasBaseline: Bool = false) -> String? {
      do throws(EvaluationError) {
        try Gate(gate).check(method, tasks: ["sums", "all"], models: models, hasBaseline: hasBaseline)
        return nil
      } catch {
        return error.description
      }
    }
    let alone = PlannedModels(judgedCount: 1, hasReference: false)
    #expect(sentence(alone)?.contains(option) == true && sentence(alone)?.contains("'\(gate)'") == true)
    #expect(sentence(PlannedModels(judgedCount: 1, hasReference: true)) == nil)
    #expect((sentence(alone, hasBaseline: true) == nil) == (option == "--baseline"))
    let served = sentence(PlannedModels(judgedCount: 2, serverCount: 1, hasReference: true))
    #expect((served == nil) == ["ratio<=1.1", "sums>=-1pt"].contains(gate), "\(served ?? "")")
  }

  @Test func ticksOfAxesDiffer() throws {
    let rows = (0..<3).map { index -> JSONValue in
      let score = Self.score(0.95 + 0.002 * Double(index), lost: 0, won: 0)
      let divergence = 0.0201 + 0.00001 * Double(index)
      let members: JSONObject = [
        "sizeBytes": .int(5_000_000_000 + 2_000_000 * index), "klMean": .double(divergence),
        "tasks": ["all": ["thinking": score]],
      ]
      return Self.row(index == 0 ? "reference" : "model-\(index + 1)", members)
    }
    let html = ReportPage(try ReportView(json: ["rows": .array(rows)], name: "r.json")).html
    let charts = html.split(separator: "<svg").dropFirst()
    #expect(charts.count >= 2)
    for chart in charts {
      // The labels of the upright axis end where it stands.
      let labels = chart.split(separator: "<text").filter { $0.contains("text-anchor=\"end\"") }
        .compactMap { $0.split(separator: ">").dropFirst().first?.split(separator: "<").first }
      #expect(labels.count > 2 && Set(labels).count == labels.count, "\(labels)")
    }
  }

  @Test func sentencesNameWhatWasFound() throws {
    let outcomes = try Gate("size<=1GB, all>=-1pt").outcomes(of: Self.report())
    #expect(outcomes[0].sentence == "plain: expected size<=1GB, found 5.00 GB")
    #expect(outcomes[1].sentence == "plain: expected all>=-1pt, found -3.00 ± 0.70 pt")
  }

  /// Names with what separates conditions stand in quotes.
  @Test(arguments: [
    ("sums, hard", #""sums, hard">=50%, size<=9"#), ("a<=b", #""a<=b".thinking>=50%, size<=9"#),
    (#"3" screws, long"#, #"size<=9,"3"" screws, long" >= 50%"#), (#"3" screws"#, #"3" screws>=50%,size<=9"#),
  ])
  func namesWithSeparatorsAreQuoted(task: String, gate: String) throws {
    var tasks = JSONObject()
    tasks[task] = ["thinking": Self.score(0.88, lost: 0, won: 0)]
    tasks["all"] = tasks[task]
    let report = try Self.single(["tasks": .object(tasks), "sizeBytes": 5])
    #expect(try Gate(gate).outcomes(of: report).map(\.verdict) == [.met, .met])
    // The names in a refusal can be used as they are.
    let refusal = #expect(throws: EvaluationError.self) { try Gate("x>=1%").outcomes(of: report) }
    let names = try #require(refusal?.description.firstMatch(of: /top1, (.*), tasks, a task also/)).1
    #expect(try Gate("\(names)>=50%").outcomes(of: report).map(\.verdict) == [.met])
  }

  /// A report of one row with these members beside the reference.
  private static func single(_ members: JSONObject) throws -> ReportView {
    let rows: [JSONValue] = [row("reference", ["step": "reference"]), row("pack", members)]
    return try ReportView(json: ["rows": .array(rows)], name: "r.json")
  }

  /// One document has no error between documents.
  @Test func withoutAnErrorNothingIsDecided() throws {
    var members: JSONObject = [
      "klMean": 0.05, "klMeanError": .null, "klP99": 0.05, "klMax": 0.05, "perplexityRatio": 1.00001,
      "perplexityRatioError": .null, "topOneAgreement": 1, "topOneAgreementError": .null, "perplexity": 2,
      "perplexityError": .null, "sizeBytes": 5, "bitsPerWeight": 4, "decodeTokensPerSecond": 9,
      "decodeTokensPerSecondError": .null,
    ]
    func verdicts(_ gate: String) throws -> [GateOutcome.Verdict] {
      try Gate(gate).outcomes(of: Self.single(members)).map(\.verdict)
    }
    let gate = "ratio<=1.0001, kl<=0.1, kl-p99<=0.1, top1>=90%, top1>=-1pt, perplexity<=3, kl<=0.01"
    #expect(
      try verdicts(gate) == [
        .undecided, .undecided, .undecided, .undecided, .undecided, .undecided, .undecided,
      ])
    #expect(try verdicts("size<=5, bits<=4, decode>=9, kl-max<=0.1") == [.met, .met, .met, .met])
    let sentence = try Gate("kl<=0.1").outcomes(of: Self.single(members))[0].sentence
    #expect(
      sentence
        == "pack: expected kl<=0.1, found 0.0500, whose standard error is not known: a longer text or more "
        + "problems would give it")
    // Equal distributions leave nothing to chance.
    for key in ["klMean", "klP99", "klMax"] { members[key] = 0 }
    members["perplexityRatio"] = 1
    #expect(
      try verdicts("ratio<=1, kl<=0, kl-p99<=0, top1>=-0pt, top1>=1") == [.met, .met, .met, .met, .met])
  }

  /// Answers that are all right, or all lost, are not exact.
  @Test func fewAnswersDecideLittle() throws {
    func verdict(
      _ gate: String, _ count: Int, lost: Int = 0, accuracy: Double = 1, klMax: Double = 1
    ) throws -> GateOutcome.Verdict {
      let score: JSONValue = [
        "accuracy": .double(accuracy), "standardError": count > 1 ? 0 : .null, "tokensPerAnswer": 4,
        "problems": .int(count), "flips": ["rightToWrong": .int(lost), "wrongToRight": 0],
      ]
      let report = try Self.single([
        "klMax": .double(klMax), "tasks": ["sums": ["thinking": score], "all": ["thinking": score]],
      ])
      return try #require(Gate(gate).outcomes(of: report).first).verdict
    }
    #expect(try verdict("tasks>=-1pt", 3, lost: 3, accuracy: 0) == .undecided)
    #expect(try verdict("tasks>=-1pt", 30, lost: 30, accuracy: 0) == .failed)
    #expect(try verdict("tasks>=-1pt", 5) == .undecided && verdict("tasks>=-1pt", 1) == .undecided)
    #expect(try verdict("tasks>=-1pt", 810) == .met)
    #expect(try verdict("tasks>=-1pt", 5, klMax: 0) == .met, "the same model")
    #expect(try verdict("tasks>=96%", 3) == .undecided && verdict("tasks>=96%", 1) == .undecided)
    #expect(try verdict("tasks>=96%", 810) == .met && verdict("tasks>=0%", 3) == .met)
    #expect(try verdict("tasks>=96%", 3, accuracy: 0) == .failed)
  }

  /// An earlier report without each problem's outcome has differences of accuracies.
  @Test func fewAnswersOfAnEarlierReportDecideLittle() throws {
    func report(_ accuracy: Double, _ count: Int) throws -> ReportView {
      let score: JSONValue = [
        "accuracy": .double(accuracy), "standardError": 0, "tokensPerAnswer": 4, "problems": .int(count),
      ]
      return try Self.single(["tasks": ["sums": ["thinking": score], "all": ["thinking": score]]])
    }
    func verdict(_ count: Int) throws -> GateOutcome.Verdict? {
      try Gate("sums>=-1pt").outcomes(of: report(1, count), baseline: report(1, count)).first?.verdict
    }
    #expect(try verdict(3) == .undecided && verdict(2000) == .met)
  }

  /// A value is told from the limit that it misses.
  @Test(arguments: [
    ("perplexity<=1.45030", "1.45034"), ("perplexity<=1.45", "1.4503"), ("kl<=0.0250", "0.0251"),
    ("ratio<=1.00121", "1.00122"), ("size<=4.123GB", "4.124 GB"), ("bits<=4", "4.16"),
  ])
  func valuesHaveTheDigitsOfTheLimit(_ gate: String, _ found: String) throws {
    let report = try Self.single([
      "perplexity": 1.450342, "klMean": 0.02512, "perplexityRatio": 1.0012249, "sizeBytes": 4_123_900_000,
      "bitsPerWeight": 4.16,
    ])
    #expect(try Gate(gate).outcomes(of: report)[0].sentence == "pack: expected \(gate), found \(found)")
  }

  @Test func aPerplexityNearItsLimitIsUndecided() throws {
    let report = try Self.single(["perplexity": 1.45, "perplexityError": 0.004])
    let outcomes = try Gate("perplexity<=1.4560, perplexity<=1.46").outcomes(of: report)
    #expect(outcomes.map(\.verdict) == [.undecided, .met])
    #expect(outcomes[0].sentence.contains("found 1.4500 ± 0.0040, which is within two standard errors"))
  }

  @Test(arguments: ["", "kl", "kl<=x", "kl<=5GB", "nothing<=3", "all>=3"])
  func conditionsThatCannotBeReadAreRefused(_ text: String) throws {
    #expect(throws: EvaluationError.self) { try Gate(text).outcomes(of: Self.report()) }
  }

  /// Each was meant in another unit: as it is read, every model meets it, or none.
  @Test(arguments: [
    ("tasks>=-1%", "an accuracy from 0% to 100% (write -1pt for a change"),
    ("sums<=101%", "an accuracy from 0% to 100%"), ("top1>=98", "write 98% or 0.98"),
    ("top1>=-1%", "or -1pt for a change"), ("size<=25%", "with its sign, such as size<=-25% or size<=+25%"),
    ("memory<=3%", "a change of memory with its sign"), ("decode>=5%", "such as decode>=-25%"),
  ])
  func limitsThatWereMeantInAnotherUnitAreRefused(_ text: String, _ expected: String) {
    let error = #expect(throws: EvaluationError.self) { try Gate(text) }
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: ["tasks>=96%", "tasks>=-1pt", "top1>=0.98", "top1>=98%", "top1>=-1pt", "size<=+25%"])
  func limitsInTheirUnitAreRead(_ text: String) throws { _ = try Gate(text) }

  /// The reference differs in nothing from itself, so conditions on it would pass without a comparison.
  @Test func aReportOfTheReferenceAloneIsNotJudged() throws {
    let row = Self.row("reference", ["step": "reference", "sizeBytes": 16, "klMean": 0])
    let alone = try ReportView(json: ["rows": [row]], name: "r.json")
    let error = #expect(throws: EvaluationError.self) { try Gate("kl<=0.1").outcomes(of: alone) }
    #expect(error?.description.contains("expected a model to judge, found only the reference") == true)
  }

  @Test func aRowThatTheBaselineLacksIsNamed() throws {
    let old = try ReportView(
      json: ["rows": [Self.row("other", ["sizeBytes": 4_000_000_000])]], name: "old.json")
    let outcomes = try Gate("size<=+1%, size<=9GB").outcomes(of: Self.report(), baseline: old)
    #expect(outcomes.map(\.verdict) == [.failed, .met, .failed, .met])
    #expect(outcomes[0].sentence.contains("found no row 'plain' in old.json to count the change from"))
  }

  @Test func aBaselineOfAnotherTextIsRefused() throws {
    func method(_ hash: String?) -> JSONValue {
      var text: JSONObject = ["scoredTokens": 100]
      text["textHash"] = hash.map { .string($0) }
      return ["text": .object(text)]
    }
    func isAccepted(_ own: String?, _ other: String?) throws -> Bool {
      func view(_ hash: String?) throws -> ReportView {
        try ReportView(
          json: ["method": method(hash), "rows": [Self.row("pack", ["sizeBytes": 1])]], name: "r")
      }
      let (own, other) = (try view(own), try view(other))
      return (try? ReportComparison(own, baseline: other, path: "r")) != nil
    }
    #expect(try isAccepted("a", "a") && isAccepted("a", nil) && isAccepted(nil, "a"))
    #expect(try !isAccepted("a", "b"))
  }

  @Test func thePageNamesTheRowToTake() throws {
    let html = ReportPage(try Self.report()).html
    #expect(html.hasPrefix("<!doctype html>") && html.contains("<svg") && !html.contains("<script"))
    // Of at most 5 GB the pack; of at most one point the larger model.
    #expect(html.contains("5.00 GB</th><td>plain</td>"))
    #expect(html.contains("1</th><td>model-2</td>"))
  }

  @Test func textOfReportsStaysText() throws {
    let html = ReportPage(try Self.report(text: "</li><script>x</script>\"'&\u{202E}\u{1B}")).html
    #expect(!html.contains("<script") && !html.contains("\u{202E}") && !html.contains("\u{1B}"))
    #expect(html.contains("&lt;/li&gt;&lt;script&gt;x&lt;/script&gt;&quot;&#39;&amp;"))
  }

  /// No number of a report ends the program.
  @Test(arguments: ["1e300", "-1e300", "9223372036854775807", "0", "-1", "1e-300"])
  func numbersOfReportsMayBeAny(_ number: String) throws {
    let row = { (name: String) in
      """
      {"row": "\(name)", "step": "x", "sizeBytes": SIZE, "klMean": N, "klMeanError": N, "peakMemoryBytes": 1,
      "decodeTokensPerSecond": N, "perplexity": N, "tasks": {"all": {"thinking": {"accuracy": N, "standardError": N,
      "tokensPerAnswer": N, "secondsPerAnswer": N, "problems": 3,
      "flips": {"rightToWrong": 9223372036854775807, "wrongToRight": 1}}}}}
      """
    }
    let size = number.contains("e") ? "9223372036854775807" : number
    let text = "{\"rows\": [\(row("reference")), \(row("pack")), \(row("model-2"))]}"
      .replacing("SIZE", with: size).replacing("N,", with: number + ",")
    let view = try ReportView(json: JSONValue.parse(text), name: "r")
    #expect(ReportPage(view).html.contains("</html>"))
    #expect(try Gate("kl<=1, size<=1GB, all>=50%, decode>=+1%").outcomes(of: view).count == 8)
  }

  @Test func whatIsNoReportIsRefused() {
    for json: JSONValue in [[], ["rows": []], ["rows": [["step": "x"]]], 3] {
      #expect(throws: EvaluationError.self) { try ReportView(json: json, name: "r") }
    }
  }
}
