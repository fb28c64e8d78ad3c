import QuireJSON
import TestSupport
import Testing

@Suite(.serialized) struct BenchCommandTests {
  /// The smallest shape there is; its weights are small, its head is not.
  private static let quick = [
    "bench", "--shape", "qwen3-0.6b", "--layers", "1", "--threads", "2", "--repeat", "1", "--prompt-tokens",
    "6",
    "--generate-tokens", "2", "--batch", "1,2",
  ]

  @Test func printsTheDocumentedJSON() throws {
    let outcome = try BuiltProgram.quire.run(Self.quick + ["--json", "--quiet"])
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    let json = try JSONValue.parse(Array(outcome.output.utf8))
    #expect(InstructionSets.runnable.contains(json["isa"]?.stringValue ?? ""))
    #expect(json["threads"]?.intValue == 2)
    for limit in ["int8GMACPerSecond", "readGBPerSecond"] {
      #expect(try #require(json["limits"]?[limit]?.doubleValue) > 0)
    }
    let rows = try #require(json["rows"]?.arrayValue)
    #expect(rows.map { $0["phase"]?.stringValue } == ["prompt", "decode", "decode"])
    #expect(rows.map { $0["batch"]?.intValue } == [1, 1, 2])
    #expect(rows.map { $0["context"]?.intValue } == [0, 6, 6])
    for row in rows {
      for key in ["tokensPerSecond", "gmacPerSecond", "shareOfCompute", "gbPerSecond", "shareOfBandwidth"] {
        #expect(try #require(row[key]?.doubleValue) > 0, "\(key)")
      }
    }
    #expect(json["model"]?["formats"]?.arrayValue?.compactMap(\.stringValue) == ["int4 g128", "int8"])
    let version = try BuiltProgram.quire.run("--version").output
    #expect(version == "quire \(try #require(json["version"]?.stringValue))\n")
  }

  @Test func printsATableAndSaysWhatMemoryItTakes() throws {
    let outcome = try BuiltProgram.quire.run(
      Self.quick + ["--scheme", "int8", "--context", "40", "--kv-cache", "int8"])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("qwen3-0.6b, 1 layers, int8, "))
    #expect(outcome.output.contains("kv cache int8"))
    let lines = outcome.output.split(separator: "\n").map {
      $0.split(separator: " ").prefix(4).joined(separator: " ")
    }
    for row in ["prompt 1 40 6", "decode 1 40 2", "decode 2 40 2"] { #expect(lines.contains(row), "\(row)") }
    #expect(outcome.errors.contains("qwen3-0.6b: "))
    #expect(outcome.errors.contains(" of memory, "))
  }

  @Test(arguments: ["int4-asymmetric", "int8-asymmetric-float16", "nl4", "nl3", "nl4-float16"])
  func measuresOtherSchemes(_ scheme: String) throws {
    let outcome = try BuiltProgram.quire.run(Self.quick + ["--scheme", scheme, "--group", "64"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("qwen3-0.6b, 1 layers, \(scheme)"))
  }

  /// Without --group: what each scheme usually has.
  @Test(arguments: [("nl4", "nl3", ["nl4 g128", "nl3 g64"]), ("nl3", "nl4", ["nl3 g64", "nl4 g128"])])
  func levelsHaveAUsualGroup(_ scheme: String, _ head: String, _ formats: [String]) throws {
    let outcome = try BuiltProgram.quire.run(
      Self.quick + ["--scheme", scheme, "--head-scheme", head, "--json", "--quiet"])
    let json = try JSONValue.parse(Array(outcome.output.utf8))
    #expect(json["model"]?["formats"]?.arrayValue?.compactMap(\.stringValue) == formats)
  }

  @Test func lookupHasARowForEachText() throws {
    let outcome = try BuiltProgram.quire.run([
      "bench", "--shape", "qwen3-0.6b", "--layers", "1", "--threads", "1", "--prompt-tokens", "0",
      "--generate-tokens", "12", "--batch", "1", "--lookup", "--json", "--quiet",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let rows = try #require(try JSONValue.parse(Array(outcome.output.utf8))["rows"]?.arrayValue)
    #expect(rows.map { $0["phase"]?.stringValue } == ["decode", "lookup", "lookup", "lookup"])
    #expect(rows.map { $0["text"]?.stringValue } == [nil, "quoting", "editing", "novel"])
    for row in rows.dropFirst() { #expect(try #require(row["speedup"]?.doubleValue) > 0) }
  }

  @Test(arguments: [
    ([], "expected a MODEL or --shape NAME, found neither; see quire bench --help"),
    (["a", "--shape", "qwen3-8b"], "expected a MODEL or --shape, found both; leave one of them out"),
    (
      ["--shape", "qwen3"],
      "--shape: expected one of qwen3-0.6b, qwen3-1.7b, qwen3-4b, qwen3-8b, qwen3-14b, qwen3-32b, found 'qwen3'"
    ),
    (
      ["--shape", "qwen3-8b", "--scheme", "int4-asym"],
      "--scheme: expected one of bf16, int8, int4, nl4, nl3, int8 or int4 with -asymmetric, -float16 or both, or nl4-float16, found 'int4-asym'"
    ),
    (
      ["--shape", "qwen3-8b", "--scheme", "nl3-float16"],
      "--scheme: expected one of bf16, int8, int4, nl4, nl3, int8 or int4 with -asymmetric, -float16 or both, or nl4-float16, found 'nl3-float16'"
    ),
    (
      ["--shape", "qwen3-8b", "--scheme", "nl3", "--group", "48"],
      "--group: expected a group of 32, 64 or 128, found 48"
    ),
    (["--shape", "qwen3-8b", "--group", "48"], "--group: expected a group of 32, 64 or 128, found 48"),
    (
      ["--shape", "qwen3-8b", "--scheme", "bf16", "--group", "32"],
      "--group: bf16 has no groups; leave the group out"
    ),
    (
      ["--shape", "qwen3-8b", "--batch", "1,0"],
      "--batch: expected whole numbers from 1 to 1024 separated by commas, found '1,0'"
    ),
    (
      ["--shape", "qwen3-8b", "--prompt-tokens", "512,0"],
      "--prompt-tokens: 0 measures no prompts and stands alone, found it among others"
    ),
    (
      ["--shape", "qwen3-8b", "--prompt-tokens", "0", "--generate-tokens", "0"],
      "--prompt-tokens 0 and --generate-tokens 0 leave nothing to measure; leave one of them out"
    ),
    (
      ["--shape", "qwen3-8b", "--lookup", "--generate-tokens", "0"],
      "--lookup decodes, but --generate-tokens is 0; leave one of them out"
    ),
    (
      ["--shape", "qwen3-8b", "--draft-shape", "qwen3-0.6b", "--generate-tokens", "0"],
      "--draft-shape decodes, but --generate-tokens is 0; leave one of them out"
    ),
    (
      ["--shape", "qwen3-8b", "--draft-shape", "qwen3"],
      "--draft-shape: expected one of qwen3-0.6b, qwen3-1.7b, qwen3-4b, qwen3-8b, qwen3-14b, qwen3-32b, eagle3, "
        + "found 'qwen3'"
    ),
    (
      ["--shape", "qwen3-8b", "--draft-scheme", "int8"],
      "--draft-scheme belongs to --draft-shape; leave it out, or give both"
    ),
    (
      ["--shape", "qwen3-8b", "--layers", "37"], "--layers: expected a whole number from 1 to 36, found '37'"
    ),
    (["m", "--layers", "2"], "--layers belongs to --shape; a model from disk has its own, so leave it out"),
  ])
  func wrongUsageIsOneSentenceAndExitCode2(words: [String], sentence: String) throws {
    let outcome = try BuiltProgram.quire.run(["bench"] + words)
    #expect(outcome.status == 2)
    #expect(outcome.errors == "quire bench: \(sentence)\n")
    #expect(outcome.output == "")
  }

  @Test func whatCannotFitIsRefusedBeforeItIsMade() throws {
    // 1024 sequences of 40,000 tokens: 6 TB of keys and values.
    let outcome = try BuiltProgram.quire.run([
      "bench", "--shape", "qwen3-8b", "--batch", "1024", "--context", "40000", "--prompt-tokens", "0",
      "--quiet",
    ])
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("quire bench: expected "))
    #expect(outcome.errors.contains(" of memory for the benchmark (weights "))
    #expect(outcome.errors.contains("choose a smaller shape or scheme, fewer sequences or a shorter context"))
    let long = try BuiltProgram.quire.run(["bench", "--shape", "qwen3-8b", "--context", "40960", "--quiet"])
    #expect(long.status == 2)
    #expect(
      long.errors
        == "quire bench: expected at most 40960 positions a sequence, which is what the model was made for, found 41472; choose a shorter context, prompt or answer\n"
    )
  }
}
