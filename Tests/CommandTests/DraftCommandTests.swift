import Foundation
import QuireJSON
import TestSupport
import Testing

/// `--draft` of the commands that answer: the same answers, and sentences for models that cannot draft.
@Suite struct DraftCommandTests {
  private let place = Workplace()

  private func generate(_ words: String...) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(
      ["generate", place.checkpoint.path, "--prompt", "x", "--max-tokens", "20", "--temperature", "0"] + words
    )
  }

  @Test func theAnswerIsTheSame() throws {
    let plain = try generate("--quiet")
    #expect(plain.status == 0)
    for draft in [place.checkpoint.path, try place.pack(name: "draft.quire")] {
      let outcome = try generate("--draft", draft, "--quiet")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output == plain.output && outcome.errors == plain.errors)
    }
  }

  @Test func anotherTokenizerIsRefused() throws {
    let outcome = try generate("--draft", Workplace.demo)
    #expect(outcome.status == 1 && outcome.output == "")
    #expect(outcome.errors.contains("--draft: expected the tokens of \(place.checkpoint.path), found "))
    #expect(outcome.errors.hasSuffix("such as a smaller one of the same family\n"))
  }

  @Test func wrongPathsAreRefused() throws {
    let missing = try generate("--draft", place.place("nothing"))
    #expect(missing.status == 1 && missing.errors.contains("found nothing"))
    let input = try generate("--draft", "-")
    #expect(input.status == 2)
    #expect(
      input.errors
        == "quire generate: --draft: expected the path of a model, found -; give a file or folder\n")
  }

  /// Also with weights at the edge of what is accepted, whose sums are not numbers.
  @Test(arguments: [0, 55]) func aHeadChangesNoAnswer(exponent: Int) throws {
    let plain = try generate("--quiet")
    let folder = TemporaryFolder()
    var head = TinyDraftHead()
    head.scale(by: exponent)
    head.write(to: folder)
    let outcome = try generate("--draft", folder.path, "--quiet")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output == plain.output && outcome.errors == plain.errors)
  }

  /// `DraftHeadFolderTests` has the other faults; here it is whether the sentence says where the fault is.
  @Test func faultsOfHeadsNameTheOption() throws {
    let folder = TemporaryFolder()
    var head = TinyDraftHead()
    head.members["intermediate_size"] = nil
    head.write(to: folder)
    let fields = try generate("--draft", folder.path)
    #expect(fields.status == 1 && fields.output == "")
    #expect(
      fields.errors
        == "quire generate: --draft: expected an integer from 1 to 1048576 as intermediate_size in the model's configuration, found none; "
        + "use the config.json that was published with the weights\n")
    folder.write("{\"architectures\": [\"LlamaForCausalLMEagle3\"".utf8, to: "config.json")
    let json = try generate("--draft", folder.path)
    #expect(json.status == 1 && json.output == "")
    let start = "quire generate: --draft: expected valid JSON in \(folder.path)/config.json, found "
    #expect(json.errors.hasPrefix(start))
    #expect(json.errors.hasSuffix("; download the file again\n"))
    folder.write("{}".utf8, to: "config.json")
    let empty = try generate("--draft", folder.path)
    #expect(empty.status == 1)
    #expect(empty.errors.hasPrefix("quire generate: --draft: expected "), "\(empty.errors)")
    let other = try BuiltProgram.quire.run([
      "generate", Workplace.demo, "--prompt", "x", "--draft", TestPaths.modelFixtures + "/eagle3",
    ])
    #expect(other.status == 1)
    #expect(other.errors.hasPrefix("quire generate: --draft: expected an EAGLE-3 head for a model "))
  }

  private func bench(_ words: [String]) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(
      ["bench"] + words + ["--threads", "1", "--prompt-tokens", "0", "--generate-tokens", "12", "--quiet"])
  }

  /// Rows of the report for the acceptances and batches.
  private func rows(_ outcome: Tool.Outcome) throws -> [JSONValue] {
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try #require(try JSONValue.parse(Array(outcome.output.utf8))["rows"]?.arrayValue)
      .filter { $0["phase"]?.stringValue == "draft" }
  }

  @Test(arguments: ["qwen3-0.6b", "eagle3"]) func benchHasARowForEachAcceptance(draft: String) throws {
    let rows = try rows(
      bench([
        "--shape", "qwen3-0.6b", "--layers", "1", "--batch", "1,2", "--draft-shape", draft, "--json",
      ]))
    #expect(rows.map { $0["acceptance"]?.doubleValue } == [0, 0.4, 0.7, 0, 0.4, 0.7])
    #expect(rows.map { $0["batch"]?.intValue } == [1, 1, 1, 2, 2, 2])
    for row in rows { #expect(try #require(row["speedup"]?.doubleValue) > 0) }
  }

  /// Its draft tokens are not the target's first ones.
  @Test func benchTakesAHeadFromDisk() throws {
    let folder = TemporaryFolder()
    TinyDraftHead().write(to: folder)
    let rows = try rows(
      bench([place.checkpoint.path, "--draft", folder.path, "--batch", "2", "--json"]))
    #expect(rows.map { $0["acceptance"]?.doubleValue } == [0, 0.4, 0.7])
    #expect(rows.first?["acceptedDrafts"]?.intValue == 0)
    #expect(rows.allSatisfy { ($0["measuredTokens"]?.intValue ?? 0) >= 24 })
  }

  @Test func benchRefusesHeadsThatDoNotFit() throws {
    let folder = TemporaryFolder()
    TinyDraftHead().write(to: folder)
    let other = try bench(["--shape", "qwen3-0.6b", "--layers", "1", "--draft", folder.path])
    #expect(other.status == 1)
    #expect(
      other.errors
        == "quire bench: --draft: expected an EAGLE-3 head for a model with hidden size 1024, found one for 64; give the head "
        + "that was trained for this model\n")
    let scheme = try bench([
      "--shape", "qwen3-0.6b", "--layers", "1", "--draft-shape", "eagle3", "--draft-scheme", "int4",
    ])
    #expect(scheme.status == 2)
    #expect(
      scheme.errors
        == "quire bench: --draft-scheme belongs to a draft model; a head is int8, as from disk, so leave it out\n"
    )
  }
}
