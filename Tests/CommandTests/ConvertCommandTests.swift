import Foundation
import QuireJSON
import TestSupport
import Testing

/// The way of a checkpoint into a pack, as a user walks it: plan, convert, inspect, verify.
@Suite struct ConvertCommandTests {
  /// Prunes a head of each group, then mixes schemes.
  private static let mixed = """
    { name: "mixed", steps: [
        { step: "prune-heads", unit: "query-head-per-group", remove: 1, repair: 0.5 },
        { step: "quantize", scheme: "int4", group: 64,
          overrides: [{ match: "o_proj", scheme: "int8", group: 32 }, { match: "embed|lm_head", scheme: "int8" }] } ],
      calibration: { source: "bundled", windows: 4, tokens: 48, seed: 3 } }
    """

  @Test(arguments: [Workplace.int8, mixed])
  func twoConversionsGiveTheSameBytes(_ recipe: String) throws {
    let place = Workplace()
    let first = try Data(contentsOf: URL(fileURLWithPath: place.pack(recipe)))
    var words = place.conversion(recipe, to: "second.quire")
    words[words.firstIndex(of: "2") ?? 0] = "1"
    #expect(words.contains("1"))
    #expect(try BuiltProgram.quire.run(words).status == 0)
    #expect(try Data(contentsOf: URL(fileURLWithPath: place.place("second.quire"))) == first)
    #expect(place.outputs == ["out.quire", "second.quire"])
  }

  @Test func thePlanComesFirstAndProgressIsPlainLines() throws {
    let place = Workplace()
    let plan = try BuiltProgram.quire.run([
      "convert", place.checkpoint.path, "--recipe", place.recipe(Self.mixed), "--plan",
    ])
    #expect(plan.status == 0 && plan.errors == "" && place.outputs == [])
    #expect(plan.output.hasPrefix("recipe mixed, 2 steps\n"))
    for word in ["prune-heads", "quantize", "memory", "lm_head", "int4 g64", "int8 g32"] {
      #expect(plan.output.contains(word), "\(word)")
    }
    var words = place.conversion(Self.mixed)
    words.removeLast()  // --quiet
    let outcome = try BuiltProgram.quire.run(words)
    #expect(outcome.status == 0)
    #expect(Workplace.withoutTimes(outcome.output).hasPrefix(Workplace.withoutTimes(plan.output)))
    #expect(outcome.output.dropFirst(plan.output.count).hasPrefix("\nwrote \(place.place("out.quire")): "))
    let progress = outcome.errors.split(separator: "\n")
    #expect(progress.allSatisfy { $0.hasPrefix("convert: ") } && progress.last?.contains("100%") == true)
    #expect(progress.last?.contains(/100% in [0-9.]+ s$/) == true, "what is done has no stage")
    #expect(!outcome.errors.contains("\r") && !outcome.errors.contains("\u{1b}"))
  }

  /// A plan says where its time is not that of this machine.
  @Test(arguments: [[], ["--quiet"]])
  func theSpeedIsMeasuredForEveryPlan(_ more: [String]) throws {
    let place = Workplace()
    let words = ["convert", place.checkpoint.path, "--recipe", place.recipe(Self.mixed), "--plan"]
    let plan = try BuiltProgram.quire.run(words + more)
    #expect(plan.status == 0 && plan.output.contains(/\ntime: about [0-9.]+ s/))
    #expect(!plan.output.contains("typical machine"))
  }

  @Test func aSurveyIsShownBeforeAnythingIsCut() throws {
    let place = Workplace()
    let recipe = """
      { name: "surveyed", steps: [
          { step: "prune-heads", unit: "kv-group", remove: 1, trial: true },
          { step: "prune-neurons", group: 64, removeShare: 0.5 },
          { step: "budget", bitsPerWeight: 7, choices: [{ scheme: "int4", group: 32 }, { scheme: "int8" }] } ],
        calibration: { source: "bundled", windows: 4, tokens: 48, seed: 3 } }
      """
    let words = [
      "convert", place.checkpoint.path, "--recipe", place.recipe(recipe), "--plan", "--measure", "--quiet",
    ]
    let shown = try BuiltProgram.quire.run(words)
    #expect(shown.status == 0 && shown.errors == "" && place.outputs == [])
    for part in [
      "repair: mean KL divergence of the answers", "prune-heads: share of the attention output's mean square",
      "prune-neurons: share of the MLP output's",
      "budget: mean KL divergence", "formats chosen for at most 7.0 bits per weight",
    ] {
      #expect(shown.output.contains(part), "\(part)")
    }
    #expect(!shown.output.contains("typical machine"))
    let pack = try place.pack(recipe)
    #expect(
      try json(BuiltProgram.quire.run("inspect", pack, "--json"))["rows"]?.arrayValue?.last?["choices"] != nil
    )
    let alone = try BuiltProgram.quire.run(words.filter { $0 != "--plan" })
    #expect(alone.status != 0 && alone.errors.contains("--measure: expected --plan with it"))
  }

  @Test func inspectShowsWhatWasMade() throws {
    let place = Workplace()
    let pack = try place.pack(Self.mixed)
    let shown = try json(BuiltProgram.quire.run("inspect", pack, "--json"))
    #expect(
      shown.objectValue?.keys == [
        "tensors", "configuration", "recipe", "provenance", "rows", "contents", "parent", "adapters",
        "tokenizer",
      ])
    let tensors = try #require(shown["tensors"]?.arrayValue)
    let names = Set(TinyCheckpoint().tensorShapes.map(\.name))
    #expect(Set(tensors.compactMap { $0["name"]?.stringValue }) == names && tensors.count == names.count)
    for tensor in tensors {
      #expect(tensor.objectValue?.keys == ["name", "shape", "scheme", "group", "rawBytes", "packedBytes"])
      for key in ["rawBytes", "packedBytes"] { #expect(try #require(tensor[key]?.intValue) > 0) }
    }
    func tensor(_ name: String) throws -> JSONValue {
      try #require(tensors.first { $0["name"]?.stringValue == name })
    }
    let output = try tensor("model.layers.1.self_attn.o_proj.weight")
    // Two heads of 32 are left of four; two of the query heads went from each layer.
    #expect(output["shape"] == [64, 64] && output["scheme"] == "int8" && output["group"] == 32)
    let gate = try tensor("model.layers.0.mlp.gate_proj.weight")
    #expect(gate["shape"] == [128, 64] && gate["scheme"] == "int4" && gate["group"] == 64)
    // Half a byte a weight and a two-byte scale for every 64.
    #expect(gate["rawBytes"] == .int(128 * 64 / 2 + 128 * 2))
    let head = try tensor("lm_head.weight")
    #expect(head["scheme"] == "int8" && head["group"] == .null)
    #expect(try tensor("model.norm.weight")["scheme"]?.stringValue != "int4")
    #expect(shown["recipe"]?["text"]?.stringValue == Self.mixed)
    #expect(shown["configuration"]?["hidden_size"] == 64)
    #expect(shown["provenance"]?.objectValue?.isEmpty == false)
    #expect(
      shown["rows"]?.arrayValue?.compactMap { $0["step"]?.stringValue } == [
        "checkpoint", "prune-heads", "quantize",
      ])
    let text = try BuiltProgram.quire.run("inspect", pack)
    #expect(text.status == 0 && text.output.contains("query/KV heads: 2/2"))
    for name in names { #expect(text.output.contains("\n\(name) ")) }
  }

  /// Nothing is rounded at the first MLP's input, so AWQ leaves that site as it is.
  @Test func everyCommandSaysTheSameBitsPerWeight() throws {
    let place = Workplace()
    let recipe = """
      { name: "smoothed", steps: [
          { step: "smooth", method: "awq" },
          { step: "quantize", scheme: "int4", group: 32,
            overrides: [{ match: "0.mlp.(gate|up)_proj", scheme: "bf16" }] } ],
        calibration: { source: "bundled", windows: 4, tokens: 48, seed: 3 } }
      """
    let pack = try place.pack(recipe)
    let row = try json(BuiltProgram.quire.run("inspect", pack, "--json"))["rows"]?.arrayValue?.last
    let bits = try #require(row?["bitsPerWeight"]?.doubleValue)
    let text = place.place("text.txt")
    try "hello there, hello all\nall in all a tale\n".write(toFile: text, atomically: true, encoding: .utf8)
    let evaluated = try json(
      BuiltProgram.quire.run(
        "evaluate", pack, "--reference", place.checkpoint.path, "--no-tasks", "--no-speed", "--text", text,
        "--quiet", "--json", "-"))
    #expect(evaluated["rows"]?.arrayValue?.last?["bitsPerWeight"]?.doubleValue == bits)
    let shown = String(format: "%.2f", bits)
    let plan = try BuiltProgram.quire.run(
      "convert", place.checkpoint.path, "--recipe", place.recipe(recipe), "--plan")
    let planned = try #require(plan.output.split(separator: "\n").first { $0.hasPrefix("quantize ") })
    #expect(planned.split(separator: " ").contains(Substring(shown)), "\(planned)")
    let inspected = try BuiltProgram.quire.run("inspect", pack)
    #expect(inspected.output.contains(", \(shown) bits per weight; on disk "))
  }

  @Test func inspectTakesACheckpointToo() throws {
    let place = Workplace(TinyCheckpoint(shardCount: 3))
    let shown = try json(BuiltProgram.quire.run("inspect", place.checkpoint.path, "--json"))
    #expect(
      shown.objectValue?.keys == [
        "tensors", "configuration", "recipe", "provenance", "rows", "contents", "parent", "adapters",
        "tokenizer",
      ])
    let tensors = try #require(shown["tensors"]?.arrayValue)
    for expected in TinyCheckpoint().tensorShapes {
      let tensor = try #require(tensors.first { $0["name"]?.stringValue == expected.name })
      #expect(tensor["shape"] == .array(expected.shape.map { .int($0) }))
      #expect(tensor["rawBytes"] == .int(2 * expected.shape.reduce(1, *)))
    }
    #expect(shown["recipe"] == .null && shown["rows"] == [])
  }

  @Test func verifySaysWhatIsSound() throws {
    let place = Workplace()
    let pack = try place.pack()
    let outcome = try BuiltProgram.quire.run("verify", pack)
    #expect(outcome.status == 0)
    #expect(outcome.output.hasPrefix("\(pack): sound; \(TinyCheckpoint().tensorShapes.count) tensors, "))
    #expect(outcome.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("verify: ") })
    let quiet = try BuiltProgram.quire.run("verify", pack, "--quiet")
    #expect(quiet.output == outcome.output && quiet.errors == "")
  }

  @Test(.enabled(if: Tool("zstd") != nil, "needs the zstd program"))
  func theStockToolFindsThePackSound() throws {
    let place = Workplace()
    let outcome = try #require(Tool("zstd")).run("-t", "-q", place.pack(Self.mixed))
    #expect(outcome.status == 0 && outcome.errors == "")
  }

  /// The recipes of the repository are made for 8B, but say nothing that a small model with such widths lacks.
  @Test(arguments: ["int8", "int4", "pruned-int4"])
  func theRepositorysRecipesFit(_ name: String) throws {
    let place = Workplace(
      TinyCheckpoint(hiddenSize: 128, queryHeadCount: 4, keyValueHeadCount: 2, headSize: 64))
    let recipe = try String(contentsOfFile: TestPaths.repository + "/recipes/\(name).json5", encoding: .utf8)
    // Fewer windows: the choice of heads is not what is tested.
    let pack = try place.pack(recipe.replacing("windows: 64, tokens: 512", with: "windows: 2, tokens: 64"))
    #expect(try BuiltProgram.quire.run("verify", pack, "--quiet").status == 0)
    let answer = try json(
      BuiltProgram.quire.run(
        "generate", pack, "--prompt", "hello", "--max-tokens", "3", "--temperature", "0", "--json"))
    #expect(try #require(answer["completionTokens"]?.intValue) >= 1)
  }
}
