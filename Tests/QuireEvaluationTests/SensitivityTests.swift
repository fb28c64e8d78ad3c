import Foundation
import QuireEvaluation
import QuireJSON
import TestSupport
import Testing

@Suite struct SensitivityTests {
  @Test func aReportHasTablesMapsAndJSON() throws {
    let subject = TinySubject().withData()
    var options = subject.options
    options.asksTasks = false
    options.speed = nil
    options.measuresSensitivity = true
    options.resultsFolder = subject.folder.path + "/kept"
    var stages: Set<String> = []
    let report = try Evaluator(model: subject.path, options: options).run(onProgress: {
      stages.insert($0.title)
    })
    #expect(stages.contains("sensitivity"))
    let sensitivity = try #require(report.sensitivity)
    #expect(sensitivity.matrices.count == 2 * 7 + 2)
    #expect(sensitivity.matrices.first { $0.layer == 1 }?.part == "q_proj")
    #expect(sensitivity.groups.map(\.count) == [2, 2] && sensitivity.heads.map(\.count) == [4, 4])
    #expect(SensitivityReport(json: sensitivity.json) == sensitivity)
    #expect(report.table(width: 100).contains("One query head removed and the rest refitted"))
    let page = ReportPage(try ReportView(json: report.json, name: "r")).html
    #expect(page.contains("Where the model is sensitive"))
    #expect(page.components(separatedBy: "<svg class=\"heat\"").count == 4)
    #expect(page.contains("<title>layer 0, matrix q_proj: KL "))

    // The next run uses what this one has kept.
    var kept = 0
    let again = try Evaluator(model: subject.path, options: options).run(onKept: { kept = $0 })
    #expect(again.sensitivity == sensitivity)
    #expect(kept > 1)
  }

  /// Values from a file may be anything; the page shows what it can.
  @Test func aPageOfOddValuesIsStillAPage() throws {
    let text = """
      {"model": "m", "rows": [{"step": "reference", "sizeBytes": 1}], "sensitivity": {"text": "<b>", "tokens": 3,
        "matrices": [{"name": "a", "part": "q", "layer": 0, "kl": 0}, {"name": "b", "part": "<i>", "layer": -4, "kl": 1e300},
          {"name": "c", "part": "k", "layer": 99999999999, "kl": -1}, {"part": "x"}, 7],
        "heads": [[{"kl": 1e-300}, {}, 3], "no", []], "kvGroups": 5}}
      """
    let view = try ReportView(json: try JSONValue.parse(Array(text.utf8)), name: "r")
    let page = ReportPage(view).html
    #expect(page.contains("Where the model is sensitive") && !page.contains("<b>") && !page.contains("<i>"))
  }

  @Test func packsAloneHaveNoCheckpointToChange() throws {
    let error = #expect(throws: EvaluationError.self) {
      let subject = TinySubject().withData()
      var options = subject.options
      options.measuresSensitivity = true
      let pack = try subject.convert(TinySubject.recipe)
      _ = try Evaluator(model: pack, options: options).run()
    }
    #expect(error?.description.contains("expected a checkpoint to measure the sensitivity of") == true)
  }
}
