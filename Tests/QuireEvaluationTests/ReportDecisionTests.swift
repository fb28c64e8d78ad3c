import QuireEvaluation
import QuireJSON
import Testing

/// The gate and the page, from a report's JSON alone.
@Suite struct ReportDecisionTests {
  private static func row(_ name: String, _ members: JSONObject) -> JSONValue {
    var row: JSONObject = ["row": .string(name), "label": .string(name), "step": "quantize"]
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

  @Test func sentencesNameWhatWasFound() throws {
    let outcomes = try Gate("size<=1GB, all>=-1pt").outcomes(of: Self.report())
    #expect(outcomes[0].sentence == "plain: expected size<=1GB, found 5.00 GB")
    #expect(outcomes[1].sentence == "plain: expected all>=-1pt, found -3.00 ± 0.70 pt")
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
