import Foundation
import QuireConversion
import QuireEvaluation
import QuireJSON
import TestSupport
import Testing

/// Several models against one reference, and results that later runs use.
@Suite struct KeptResultTests {
  private func options(_ subject: TinySubject) -> EvaluationOptions {
    var options = subject.options
    options.resultsFolder = subject.folder.path + "/results"
    options.thinkingBudgets = [2]
    return options
  }

  @Test func laterRunsUseWhatIsKept() throws {
    let subject = TinySubject().withData()
    let pack = try subject.convert(TinySubject.recipe)
    let options = options(subject)
    var kept = -1
    let first = try Evaluator(model: subject.path, options: options).run(onKept: { kept = $0 })
    #expect(kept == -1)
    // The reference is not measured again; the pack and the recipe's steps are.
    let evaluator = try Evaluator(
      models: [pack], recipes: [TinySubject.recipe], reference: subject.path, options: options)
    var loaded: Set<String> = []
    let second = try evaluator.run { if $0.stage == .loading { loaded.insert($0.row) } }
    #expect(second.rows.count == 4 && Set(second.rows.map(\.label)).count == 4)
    #expect(!loaded.contains("reference") && loaded.count == 3)
    #expect(second.rows[0] == first.rows[0])
    // The pack is what the recipe makes.
    #expect(second.rows[1].text == second.rows[3].text)
    // Nothing is left to measure, and temporary packs are gone.
    var stages = 0
    let third = try evaluator.run(onProgress: { _ in stages += 1 })
    #expect(stages == 0 && third == second)
    let files = try FileManager.default.contentsOfDirectory(atPath: subject.folder.path + "/results")
    #expect(!files.contains { $0.hasSuffix(".quire") || $0.hasSuffix(".partial") }, "\(files)")
  }

  /// A run that ends in the middle of anything goes on, and ends in the same numbers.
  @Test func stoppedRunsResume() throws {
    let subject = TinySubject().withData()
    var options = options(subject)
    options.speed = nil
    let evaluator = try Evaluator(model: subject.path, recipes: [TinySubject.recipe], options: options)
    let whole = try evaluator.run()
    let folder = try #require(options.resultsFolder)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(names.count > 8)
    // Any one file may be missing or damaged.
    for name in names {
      let path = folder + "/" + name
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
      let again = try evaluator.run()
      #expect(again.rows.map(\.text) == whole.rows.map(\.text), "\(name)")
      #expect(again.rows.map(\.tasks) == whole.rows.map(\.tasks), "\(name)")
      #expect(again.flipped == whole.flipped, "\(name)")
    }
  }

  /// A changed tokenizer or a few changed weights make another model.
  @Test(arguments: ["tokenizer.json", "model.safetensors"])
  func changedCheckpointsAreMeasuredAgain(file: String) throws {
    let subject = TinySubject().withData()
    var options = options(subject)
    options.speed = nil
    _ = try Evaluator(model: subject.path, options: options).run()
    var kept = 0
    _ = try Evaluator(model: subject.path, options: options).run(onKept: { kept = $0 })
    #expect(kept > 0)
    let path = subject.path + "/" + file
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    if file == "tokenizer.json" {
      bytes.append(UInt8(ascii: "\n"))
    } else {
      bytes[bytes.count - 5001] ^= 1
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    kept = 0
    _ = try Evaluator(model: subject.path, options: options).run(onKept: { kept = $0 })
    #expect(kept <= 0, "\(kept) results of another checkpoint")
  }

  /// A changed digit is still JSON.
  @Test func changedResultsAreMeasuredAgain() throws {
    let subject = TinySubject().withData()
    var options = options(subject)
    options.speed = nil
    let evaluator = try Evaluator(model: subject.path, recipes: [TinySubject.recipe], options: options)
    let whole = try evaluator.run()
    let folder = try #require(options.resultsFolder)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".json") }
    #expect(names.contains { $0.hasPrefix("text") } && names.contains { $0.hasPrefix("answers") })
    for name in names {
      let path = folder + "/" + name
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      let value = try #require(bytes.firstRange(of: Array("\"value\"".utf8))).upperBound
      let digit = try #require(bytes[value...].firstIndex { (0x31...0x38).contains($0) })
      bytes[digit] += 1
      try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
    let again = try evaluator.run()
    #expect(again.rows.map(\.text) == whole.rows.map(\.text))
    #expect(again.rows.map(\.tasks) == whole.rows.map(\.tasks))
  }

  @Test func limitedThoughtsAreModesOfTheirOwn() throws {
    let subject = TinySubject().withData()
    var options = options(subject)
    options.speed = nil
    options.resultsFolder = nil
    let json = try Evaluator(model: subject.path, options: options).run().json
    let all = json["rows"]?[0]?["tasks"]?["all"]
    #expect(all?.objectValue?.keys == ["thinking", "nonThinking", "thinking-2"])
    #expect(all?["thinking"]?["outcomes"]?.stringValue?.count == 6)
    let results = json["rows"]?[0]?["results"]?["nonThinking"]?["t0"]
    #expect(results?.objectValue?.keys == ["alias", "exact_match,none", "exact_match_stderr,none"])
  }
}
