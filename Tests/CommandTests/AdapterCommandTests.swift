import Foundation
import QuireJSON
import TestSupport
import Testing

/// `--adapter` with every command that reads a checkpoint as its model.
@Suite struct AdapterCommandTests {
  private static let description = "adapter (rank 2, 2 matrices)"

  private let place = Workplace()
  private let files = TemporaryFolder()

  private func run(_ words: String...) throws -> Tool.Outcome { try BuiltProgram.quire.run(words) }

  @Test func inspectNamesTheAdapter() throws {
    let adapter = TinyAdapter.write(to: files)
    let plain = try json(run("inspect", place.checkpoint.path, "--json"))
    let merged = try json(run("inspect", place.checkpoint.path, "--adapter", adapter, "--json"))
    #expect(plain["adapters"] == [])
    #expect(merged["adapters"]?[0]?["description"]?.stringValue == Self.description)
    let hashed = merged["adapters"]?[0]?["files"]?.arrayValue?.compactMap { $0["file"]?.stringValue }
    #expect(hashed == ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"])
    let name = "model.layers.0.self_attn.q_proj.weight"
    let tensor = try #require(merged["tensors"]?.arrayValue?.first { $0["name"]?.stringValue == name })
    #expect(
      tensor["scheme"] == "F32" && tensor["rawBytes"]?.intValue == 2 * (tensor["packedBytes"]?.intValue ?? 0))
    let text = try run("inspect", place.checkpoint.path, "--adapter", adapter).output
    #expect(text.contains("\nadapter: \(Self.description), merged in float32\n"))
    let (one, other) = try (
      run("inspect", place.checkpoint.path, "--tensor", name).output,
      run("inspect", place.checkpoint.path, "--adapter", adapter, "--tensor", name).output
    )
    #expect(one != other)
  }

  @Test func anExportHoldsTheMergedWeights() throws {
    let adapter = TinyAdapter.write(to: files)
    let output = place.place("merged")
    let outcome = try run(
      "export", place.checkpoint.path, "--adapter", adapter, "--format", "safetensors", "--dtype", "float32",
      "--output", output)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("adapter: \(Self.description), merged in float32\n"))
    let merged = try place.logits(place.checkpoint.path, "--adapter", adapter)
    #expect(try place.logits(output) == merged)
    #expect(try place.logits(place.checkpoint.path) != merged)
    // An adapter is an input.
    expectRefusal(
      try run(
        "export", place.checkpoint.path, "--adapter", adapter, "--format", "gguf", "--force", "--output",
        adapter + "/adapter_model.safetensors"), by: "export", ["--output: expected a file that is not read"])
  }

  /// The perplexity of the first row, and what the command wrote to stderr.
  private func evaluation(_ extra: String...) throws -> (report: JSONValue, errors: String) {
    let text = files.write(String(repeating: "some text here\n", count: 20).utf8, to: "text.txt")
    let outcome = try BuiltProgram.quire.run(
      [
        "evaluate", place.checkpoint.path, "--text", text, "--no-speed", "--force", "--json",
        place.place("report.json"),
      ] + extra)
    try #require(outcome.status == 0, "\(outcome.errors)")
    if extra.contains("--adapter") {
      #expect(
        outcome.output.contains("adapter: \(Self.description), merged in float32, into every checkpoint\n"))
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: place.place("report.json")))
    return (try JSONValue.parse([UInt8](bytes)), outcome.errors)
  }

  @Test func resultsOfDifferentAdaptersAreNotMixed() throws {
    func perplexity(_ report: JSONValue) -> Double { report["rows"]?[0]?["perplexity"]?.doubleValue ?? 0 }
    let used = "of earlier runs used"
    let plain = try evaluation()
    #expect(plain.report["adapters"] == nil)
    let adapter = TinyAdapter.write(to: files)
    let merged = try evaluation("--adapter", adapter)
    #expect(!merged.errors.contains(used) && perplexity(merged.report) != perplexity(plain.report))
    #expect(merged.report["adapters"]?[0]?["name"] == "adapter")
    let again = try evaluation("--adapter", adapter)
    #expect(again.errors.contains(used) && perplexity(again.report) == perplexity(merged.report))
    // The same folder with other contents, and the same adapter twice.
    _ = TinyAdapter.write(to: files, factor: 2)
    let changed = try evaluation("--adapter", adapter)
    #expect(!changed.errors.contains(used) && perplexity(changed.report) != perplexity(merged.report))
    let twice = try evaluation("--adapter", adapter, "--adapter", adapter)
    #expect(!twice.errors.contains(used) && perplexity(twice.report) != perplexity(changed.report))
    #expect(try evaluation().errors.contains(used))
    // Of a recipe too.
    let recipe = place.recipe(Workplace.int8)
    let (one, other) = try (
      evaluation("--recipe", recipe).report, evaluation("--recipe", recipe, "--adapter", adapter).report
    )
    let (mine, theirs) = (one["rows"]?[1]?["perplexity"], other["rows"]?[1]?["perplexity"])
    #expect(mine?.doubleValue != nil && mine != theirs)
  }

  @Test func aPackIsComparedWithItsMergedCheckpoint() throws {
    let adapter = TinyAdapter.write(to: files)
    let pack = place.place("merged.quire")
    let bf16 = place.recipe(#"{ name: "plain", steps: [] }"#)
    let converted = try run(
      "convert", place.checkpoint.path, "--recipe", bf16, "--adapter", adapter, "--output", pack, "--quiet")
    #expect(converted.status == 0, "\(converted.errors)")
    let text = files.write(String(repeating: "some text here\n", count: 20).utf8, to: "text.txt")
    func row(_ model: String, _ extra: String...) throws -> JSONValue {
      let report = try json(
        BuiltProgram.quire.run(
          [
            "evaluate", model, "--reference", place.checkpoint.path, "--text", text, "--no-speed", "--quiet",
            "--json",
            "-",
          ] + extra))
      return try #require(report["rows"]?[1])
    }
    let (same, other) = try (row(pack, "--adapter", adapter), row(pack))
    #expect((same["klMean"]?.doubleValue ?? 1) < (other["klMean"]?.doubleValue ?? 0) / 100)
    // Figures of other adapters are not of the pack alone.
    #expect(same["notes"] == [])
    #expect(
      other["notes"]?[0]?.stringValue?.contains("made with adapter and the reference without it") == true)
    let base = try row(place.pack(name: "base.quire"), "--adapter", adapter)
    #expect(
      base["notes"]?[0]?.stringValue?.contains("made without adapter and the reference with it") == true)
  }

  @Test func theServerNamesTheAdapter() throws {
    let adapter = TinyAdapter.write(to: files)
    let server = try ServedProgram(place.checkpoint.path, ["--adapter", adapter])
    #expect(try server.errors.contains("\nadapter: \(Self.description), merged in float32\n"))
    let list = try #require(exchangeOnce(port: server.port, "GET", "/v1/models"))
    let model = try JSONValue.parse(list.body)["data"]?[0]
    #expect(model?["adapters"]?[0]?["description"]?.stringValue == Self.description)
    let facts = try #require(exchangeOnce(port: server.port, "GET", "/quire/model"))
    #expect(try JSONValue.parse(facts.body)["adapters"]?.arrayValue?.count == 1)
    server.signal(SIGTERM)
    #expect(server.end() == 0)
  }

  @Test func aPackIsRefused() throws {
    let (pack, adapter) = (try place.pack(name: "base.quire"), TinyAdapter.write(to: files))
    let text = files.write(String(repeating: "some text here\n", count: 20).utf8, to: "text.txt")
    let commands = [
      ["generate", pack, "x"], ["chat", pack], ["serve", pack, "--port", "0"], ["inspect", pack],
      ["logits", pack, "--tokens", "1", "--output", place.place("l")], ["bench", pack], ["ablate", pack],
      ["evaluate", pack, "--text", text, "--no-speed"],
      ["export", pack, "--format", "gguf", "--output", place.place("e")],
    ]
    for words in commands {
      expectRefusal(
        try BuiltProgram.quire.run(words + ["--adapter", adapter]), by: words[0],
        [
          "expected a checkpoint for --adapter at \(pack), found a pack",
          "quire convert CHECKPOINT --adapter DIR",
        ])
    }
    for words in commands {
      let words =
        [words[0], place.checkpoint.path] + words.dropFirst(2) + ["--adapter", files.path + "/none"]
      expectRefusal(
        try BuiltProgram.quire.run(words), by: words[0],
        ["expected the folder of a LoRA adapter at \(files.path)/none, found none"])
    }
    #expect(place.outputs == ["base.quire"])
  }
}
