import QuireModelFiles
import Foundation
import QuireCheckpoints
import QuireEvaluation
import QuireJSON
import QuireConversion
import QuireOptimization
import QuirePacks
import QuireTensors
import QuireText
import TestSupport
import Testing

/// A tiny random checkpoint with tasks and text beside it, as the demo model has them.
final class TinySubject: Sendable {
  let folder = TemporaryFolder()
  var path: String { folder.path + "/checkpoint" }
  var work: String { folder.path + "/inner" }

  init(vocabularySize: Int = 320) {
    let checkpoint = TemporaryFolder()
    TinyCheckpoint(vocabularySize: vocabularySize).write(to: checkpoint)
    do {
      try FileManager.default.copyItem(atPath: checkpoint.path, toPath: path)
      try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
    } catch {
      preconditionFailure("cannot lay out the test's folder: \(error)")
    }
  }

  /// Add tasks and text beside the checkpoint.
  func withData() -> TinySubject {
    let tasks = (0..<6).map {
      "{\"task\": \"t\($0 % 2)\", \"prompt\": \"hello \($0)\", \"answer\": \"\($0)\"}\n"
    }
    folder.write(tasks.joined().utf8, to: "tasks.jsonl")
    folder.write("hello there, hello all\nall in all a tale\nin the hall\n".utf8, to: "heldout.txt")
    return self
  }

  /// Small and quick settings.
  var options: EvaluationOptions {
    EvaluationOptions(
      thinkingTokens: 12, nonThinkingTokens: 6, concurrency: 4,
      speed: SpeedSettings(promptTokens: 40, generatedTokens: 4, minimumRepeats: 2, minimumSeconds: 0),
      threadCount: 2, workFolder: work)
  }

  /// Prunes a head, then rounds.
  static var recipe: Recipe {
    get throws {
      let text = """
        { name: "tiny", steps: [
          { step: "prune-heads", unit: "query-head-per-group", remove: 1 },
          { step: "quantize", scheme: "int8", group: 32, overrides: [{ match: "mlp", scheme: "int4", group: 64 }] } ],
          calibration: { source: "bundled", windows: 4, tokens: 64, seed: 1 } }
        """
      return try Recipe(text: Array(text.utf8), file: "tiny.json5")
    }
  }

  /// The pack of a recipe.
  func convert(_ recipe: Recipe) throws -> String {
    let output = folder.path + "/tiny.quire"
    let converter = try Converter(
      Checkpoint(path: path), recipe: recipe, compute: Compute(threadCount: 2), toolVersion: "test")
    _ = try converter.run(output: output)
    return output
  }
}

@Suite struct EvaluatorTests {
  private func sentence(_ body: () throws(EvaluationError) -> Void) -> String? {
    do throws(EvaluationError) {
      try body()
      return nil
    } catch {
      return error.description
    }
  }

  @Test func oneRowForTheReferenceAndOneForEachStep() throws {
    let subject = TinySubject().withData()
    var announced: [String] = []
    var stages: [String] = []
    let evaluator = try Evaluator(
      model: subject.path, recipes: [TinySubject.recipe], options: subject.options)
    let report = try evaluator.run { progress in
      let stage = "\(progress.rowIndex) \(progress.title)"
      if stages.last != stage { stages.append(stage) }
    } onRow: {
      announced.append($0.label)
    }

    #expect(report.rows.map(\.label) == ["reference", "tiny: prune-heads", "tiny: quantize"])
    #expect(announced == report.rows.map(\.label))
    let alone = ["loading", "speed", "answers, thinking", "answers, non-thinking", "text"]
    let converted = ["converting"] + alone
    // The reference goes through its layers once, for its own row and all that follow.
    let first = alone.dropLast() + ["reference's text", "text"]
    #expect(
      stages == first.map { "0 \($0)" } + converted.map { "1 \($0)" } + converted.map { "2 \($0)" })
    #expect(try FileManager.default.contentsOfDirectory(atPath: subject.work).isEmpty, "temporary packs stay")

    let (reference, pruned, rounded) = (report.rows[0], report.rows[1], report.rows[2])
    #expect(reference.text?.comparison?.divergence.value == 0)
    #expect(reference.text?.comparison?.topOneAgreement.value == 1)
    #expect(reference.text?.comparison?.perplexityRatio.value == 1)
    #expect(reference.size.bitsPerWeight == 16 && pruned.size.bitsPerWeight == 16)
    #expect(pruned.size.parameterCount < reference.size.parameterCount)
    #expect(rounded.size.parameterCount == pruned.size.parameterCount)
    #expect((4.1..<9).contains(rounded.size.bitsPerWeight))
    #expect(rounded.size.fileBytes < pruned.size.fileBytes)
    #expect(reference.conversionSeconds == nil && (rounded.conversionSeconds ?? 0) > 0)
    for row in report.rows {
      let text = try #require(row.text)
      #expect(text.tokenCount == report.method.text?.scoredTokens)
      #expect(text.perplexity > 1 && text.perplexity.isFinite)
      #expect(row.tasks.map(\.name) == ["t0", "t1", "all"])
      #expect(row.total(.thinking)?.problemCount == 6 && row.total(.nonThinking)?.problemCount == 6)
      let speed = try #require(row.speed)
      #expect(speed.prompt.value > 0 && speed.decode.value > 0 && speed.repeatCount == 2)
      #expect(row.wallSeconds > 0)
      #expect(row.peakMemoryBytes.map { $0 > 1_000_000 } ?? true)
      if !row.isReference { #expect((text.comparison?.divergence.value ?? 0) > 0) }
    }
    // Pruning a head of a random model costs more than 8 bits of rounding do, but both cost.
    #expect((pruned.text?.comparison?.topOneAgreement.value ?? 1) < 1)
    #expect(report.table().contains("tiny: quantize"))
    #expect(report.json["rows"]?.arrayValue?.count == 3)
    #expect(report.method.tasks?.file == subject.folder.path + "/tasks.jsonl")
    #expect(report.method.tasks?.thinkingTokens == 12)
  }

  /// Answers do not depend on what runs beside them, nor on the number of threads.
  @Test func answersAreTheSameAtAnyConcurrency() throws {
    let subject = TinySubject().withData()
    var options = subject.options
    options.speed = nil
    func answers(concurrency: Int, threads: Int) throws -> JSONValue? {
      options.concurrency = concurrency
      options.threadCount = threads
      return try Evaluator(model: subject.path, options: options).run().rows[0].json["tasks"]
    }
    let alone = try answers(concurrency: 1, threads: 1)
    #expect(alone?["all"]?["thinking"]?["problems"]?.intValue == 6)
    #expect(try answers(concurrency: 6, threads: 2) == alone)
  }

  @Test func aPackIsOneRowAndStoresTheReport() throws {
    let subject = TinySubject().withData()
    let pack = try subject.convert(TinySubject.recipe)
    var options = subject.options
    options.textFile = subject.folder.path + "/heldout.txt"
    options.modes = [.nonThinking]
    let alone = try Evaluator(model: pack, options: options).run()
    #expect(alone.rows.map(\.label) == ["tiny: quantize"])
    #expect(alone.rows[0].json["klMean"] == .null && alone.rows[0].json["perplexity"]?.doubleValue != nil)

    let compared = try Evaluator(model: pack, reference: subject.path, options: options).run()
    #expect(compared.rows.map(\.label) == ["reference", "tiny: quantize"])
    #expect(compared.rows[1].text?.perplexity == alone.rows[0].text?.perplexity)
    #expect((compared.rows[1].json["klMean"]?.doubleValue ?? 0) > 0)
    #expect(compared.rows[1].total(.thinking) == nil)

    try compared.store(inPack: pack)
    let stored = try PackReader(path: pack)
    try stored.verify()
    let rows = stored.manifest.rows
    #expect(rows.map { $0["step"] } == ["checkpoint", "prune-heads", "quantize"])
    #expect(rows[0]["perplexity"]?.doubleValue == compared.rows[0].text?.perplexity)
    #expect(rows[1]["perplexity"] == nil)
    #expect(rows[2]["klMean"] == compared.rows[1].json["klMean"])
    #expect(rows[2]["weightErrors"] != nil, "the converter's own figures stay")
    // What an evaluation said of its reference is not true of the next one.
    let note = "expected the adapters that it was made with in the reference, found the pack made without x"
    func storedNotes(_ notes: [String]) throws -> JSONValue? {
      var report = compared
      report.rows[1].notes = notes
      try report.store(inPack: pack)
      return try PackReader(path: pack).manifest.rows[2]["notes"]
    }
    #expect(try storedNotes([note]) == [.string(note)])
    #expect(try storedNotes([]) == nil)
    #expect(try Evaluator(model: pack, options: options).run().rows[0].text == alone.rows[0].text)
  }

  /// Baselines and gates find a row by its label.
  @Test func equalNamesOfPacksAreToldApart() throws {
    let subject = TinySubject().withData()
    var options = subject.options
    options.speed = nil
    options.modes = [.nonThinking]
    let pack = try subject.convert(TinySubject.recipe)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: pack)))
    for name in ["x", "y", "z"] { try subject.folder.makeFolder(name) }
    let packs = ["x/a.quire", "y/a.quire", "z/a (2).quire"].map { subject.folder.write(bytes, to: $0) }
    let report = try Evaluator(models: packs, reference: subject.path, options: options).run()
    #expect(report.rows.map(\.label) == ["reference", "a", "a (2)", "a (2) (2)"])
  }

  /// Steps of one name, and recipes of one name, are rows of their own.
  @Test func equalStepsAndRecipesAreToldApart() throws {
    let subject = TinySubject().withData()
    var options = subject.options
    options.speed = nil
    options.modes = [.nonThinking]
    let text = """
      { name: "twice", steps: [
        { step: "prune-neurons", remove: 32, group: 32 }, { step: "quantize", scheme: "int8", group: 32 } ],
        calibration: { source: "bundled", windows: 2, tokens: 64, seed: 1 } }
      """
    let recipe = try Recipe(text: Array(text.utf8), file: "t.json5")
    let report = try Evaluator(model: subject.path, recipes: [recipe, recipe], options: options).run()
    #expect(Set(report.rows.map(\.identity)).count == 5)
    #expect(
      report.rows.map(\.label) == [
        "reference", "twice: prune-neurons (recipe 1)", "twice: quantize (recipe 1)",
        "twice: prune-neurons (recipe 2)", "twice: quantize (recipe 2)",
      ])
    #expect(
      report.rows.map { $0.json["row"] } == [
        "reference", "recipe-0-step-1", "recipe-0-step-2", "recipe-1-step-1", "recipe-1-step-2",
      ])
    #expect(
      report.rows.map { $0.json["step"] } == [
        "reference", "prune-neurons", "quantize", "prune-neurons", "quantize",
      ])
  }

  @Test func aReportOfAnotherModelIsNotStored() throws {
    let subject = TinySubject().withData()
    let pack = try subject.convert(TinySubject.recipe)
    var options = subject.options
    options.speed = nil
    let report = try Evaluator(model: subject.path, options: options).run()
    #expect(
      sentence { () throws(EvaluationError) in try report.store(inPack: pack) }
        == "expected steps that this report has rows for in \(pack), found none; "
        + "`quire inspect` lists what the pack holds")
  }

  @Test func textAndTasksCanBeLeftOut() throws {
    let subject = TinySubject()
    subject.folder.write("hello there\nhello all\n".utf8, to: "other.txt")
    var options = subject.options
    options.speed = nil
    options.textFile = subject.folder.path + "/other.txt"
    let report = try Evaluator(model: subject.path, options: options).run()
    #expect(report.rows[0].tasks.isEmpty && report.rows[0].speed == nil)
    #expect(report.method.tasks == nil && report.method.text?.documentCount == 2)
    options.textFile = subject.folder.path + "/none.txt"
    #expect(
      sentence { () throws(EvaluationError) in _ = try Evaluator(model: subject.path, options: options).run()
      }
        == "expected a text to predict in \(subject.folder.path)/none.txt, found no such file; "
        + "give the path of a readable UTF-8 text file")
  }

  /// However the checkpoint's path is written, the files beside the folder are found.
  @Test(arguments: ["/checkpoint", "/checkpoint/", "/checkpoint/.", "/inner/../checkpoint"])
  func dataBesideTheCheckpointIsFound(path: String) throws {
    let subject = TinySubject().withData()
    var options = subject.options
    options.speed = nil
    options.problemLimit = 1
    options.textTokenLimit = 2
    let report = try Evaluator(model: subject.folder.path + path, options: options).run()
    #expect(report.method.tasks?.availableCount == 6)
    #expect(report.method.text?.scoredTokens == 2)
  }

  @Test func limitsChooseTheWork() throws {
    let subject = TinySubject().withData()
    var options = subject.options
    options.speed = nil
    options.problemLimit = 3
    options.textTokenLimit = 10
    options.textProtocol = .windows(tokenCount: 8)
    let report = try Evaluator(model: subject.path, options: options).run()
    #expect(report.method.tasks?.problemCount == 3 && report.method.tasks?.availableCount == 6)
    #expect(report.rows[0].text?.tokenCount == 10)
    #expect(report.method.text?.windowTokens == 8)
  }
}

@Suite struct EvaluatorRefusalTests {
  private func sentence(
    _ model: String, recipes: [Recipe] = [], reference: String? = nil,
    options: EvaluationOptions = EvaluationOptions()
  ) -> String? {
    do throws(EvaluationError) {
      _ = try Evaluator(model: model, recipes: recipes, reference: reference, options: options).run()
      return nil
    } catch {
      return error.description
    }
  }

  @Test func modelsThatAreNotThere() {
    #expect(
      sentence("/nowhere/model")
        == "expected a checkpoint folder, a GGUF file or a .quire pack at /nowhere/model, found nothing; check the path"
    )
  }

  @Test func nothingToMeasure() {
    let subject = TinySubject()
    #expect(
      sentence(subject.path)
        == "there is neither a task file nor a text to measure \(subject.path) with, and none in its folder; "
        + "give one with --tasks or --text, or leave out one of --no-tasks and --no-text, or add --sensitivity"
    )
  }

  @Test func optionsAtOddsWithTheModel() throws {
    let subject = TinySubject().withData()
    let pack = try subject.convert(TinySubject.recipe)
    #expect(
      sentence(pack, recipes: [try TinySubject.recipe])
        == "expected a checkpoint's folder to carry out a recipe on, found the pack \(pack); "
        + "give the checkpoint or leave the recipe out")
    #expect(
      sentence(pack, reference: pack)
        == "expected a checkpoint's folder as the reference, found the pack \(pack); "
        + "give the checkpoint that \(pack) was made from")
    #expect(
      sentence(subject.path, reference: subject.path)
        == "expected no reference for the checkpoint \(subject.path), which is its own reference, found one; leave it out"
    )
    let other = TinySubject(vocabularySize: 352).withData()
    #expect(
      sentence(pack, reference: other.path)
        == "\(other.path) cannot be the reference of \(pack): its vocabulary size is 352, the model's 320; "
        + "give the checkpoint that the model was made from")
  }

  @Test func optionsOutOfRange() {
    func refused(_ change: (inout EvaluationOptions) -> Void) -> String? {
      var options = EvaluationOptions()
      change(&options)
      return sentence("/nowhere", options: options)
    }
    #expect(
      refused { $0.problemLimit = 0 }
        == "expected the number of problems to be at least 1, found 0; give a larger number")
    #expect(
      refused { $0.threadCount = -1 }
        == "expected the number of threads to be at least 1, found -1; give a larger number")
    #expect(
      refused { $0.textProtocol = .windows(tokenCount: 1) }
        == "expected windows of at least 2 tokens, found 1; give a larger number")
    #expect(
      refused { $0.modes = [] }
        == "expected each mode once and at least one, found 0 modes; name them again")
    #expect(
      refused { $0.speed?.generatedTokens = 1 }
        == "expected at least 2 generated tokens for a speed, found 1; give a larger number")
  }

  @Test func recipesThatCannotBeCarriedOut() throws {
    let subject = TinySubject().withData()
    let text = "{ name: \"wide\", steps: [{ step: \"quantize\", scheme: \"int4\", group: 128 }] }"
    var options = subject.options
    options.speed = nil
    options.problemLimit = 1
    let found = sentence(
      subject.path, recipes: [try Recipe(text: Array(text.utf8), file: "wide.json5")], options: options)
    #expect(found?.contains("128") == true && found?.contains("64") == true, "\(found ?? "accepted")")
  }

  @Test func workFoldersThatCannotBeWritten() {
    let subject = TinySubject().withData()
    var options = subject.options
    options.workFolder = "/nowhere"
    #expect(
      sentence(subject.path, options: options)
        == "expected a folder for temporary packs at /nowhere, found none that can be written to; "
        + "set TMPDIR to another folder"
    )
  }
}
