import Foundation
import QuireEvaluation
import QuireJSON
import QuireTensors
import QuireText
import TestSupport
import Testing

/// A row for each type of keys and values in the cache.
@Suite struct CacheTypeTests {
  private func options(_ subject: TinySubject, kept: Bool) -> EvaluationOptions {
    var options = subject.options
    options.speed = nil
    options.modes = [.nonThinking]
    options.cacheTypes = [.float16, .int8, .float32]
    if kept { options.resultsFolder = subject.folder.path + "/results" }
    return options
  }

  @Test(arguments: [false, true])
  func everyModelHasARowForEachType(keepsResults: Bool) throws {
    let subject = TinySubject().withData()
    let options = options(subject, kept: keepsResults)
    let evaluator = try Evaluator(model: subject.path, recipes: [TinySubject.recipe], options: options)
    let report = try evaluator.run()
    let names = ["tiny: prune-heads", "tiny: quantize"]
    #expect(
      report.rows.map(\.label) == ["reference"]
        + names.flatMap { [$0, $0 + ", int8 cache", $0 + ", float32 cache"] })
    #expect(
      report.rows.map(\.identity.text)
        == ["reference"]
        + [1, 2].flatMap { step in
          let own = "recipe-0-step-\(step)"
          return [own, own + "-cache-int8", own + "-cache-float32"]
        })
    #expect(Set(report.rows[1...3].map(\.conversionSeconds)).count == 1, "one conversion for three rows")
    let texts = report.rows.compactMap(\.text)
    #expect(texts.count == 7)
    // The types compute differently. (How much is no matter of perplexity, whose change may be by chance near zero.)
    let kl = report.rows[4...6].compactMap { $0.text?.comparison?.divergence.value }
    let perplexities = report.rows[4...6].compactMap { $0.text?.perplexity }
    #expect(Set(kl).count == 3 && Set(perplexities).count == 3)
    // The last step's rows are models that could be used, and no earlier step's.
    let view = try ReportView(json: report.json, name: "report")
    #expect(view.rows.map(\.isFinal) == [false, false, false, false, true, true, true])
    #expect(report.json["rows"]?[2]?["kvCache"] == "int8" && report.json["rows"]?[0]?["kvCache"] == "float32")
    #expect(try FileManager.default.contentsOfDirectory(atPath: subject.work).isEmpty, "temporary packs stay")
    guard keepsResults else { return }
    let again = try evaluator.run()
    #expect(again == report)
    let files = try FileManager.default.contentsOfDirectory(atPath: subject.folder.path + "/results")
    #expect(!files.contains { $0.hasSuffix(".quire") }, "\(files)")
    // A further type is measured without another measurement of the first.
    var one = options
    one.cacheTypes = [.int8]
    let alone = try Evaluator(model: subject.path, recipes: [TinySubject.recipe], options: one).run()
    #expect(alone.rows.map(\.text) == [report.rows[0].text, report.rows[2].text, report.rows[5].text])
  }

  @Test func typesAreDifferent() throws {
    let subject = TinySubject().withData()
    var options = options(subject, kept: false)
    for types: [KeyValueElement] in [[], [.int8, .int8]] {
      options.cacheTypes = types
      #expect(throws: EvaluationError.self) { try Evaluator(model: subject.path, options: options) }
    }
  }
}
