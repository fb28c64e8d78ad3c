import Foundation
import TestSupport
import Testing

/// Recipes that ask for what is unknown or cannot be: refused in one sentence before anything is written.
@Suite struct BadRecipeTests {
  struct Refused: Sendable, CustomTestStringConvertible {
    let recipe: String
    let parts: [String]
    var testDescription: String { recipe }

    /// A recipe of its own; `steps` are the steps alone.
    init(_ recipe: String, _ parts: [String]) {
      self.recipe = recipe
      self.parts = parts
    }
    init(steps: String, _ parts: [String]) { self.init("{ name: \"r\", steps: [\(steps)] }", parts) }
    init(prune unit: String, _ remove: String, _ parts: [String]) {
      self.init(steps: "{ step: \"prune-heads\", unit: \"\(unit)\", remove: \(remove) }", parts)
    }
    init(quantize members: String, _ parts: [String]) {
      self.init(steps: "{ step: \"quantize\", \(members) }", parts)
    }
  }

  static let texts: [Refused] = [
    .init("", ["line 1", "expected a value", "found the end of the text"]),
    .init("steps!", ["line 1, column 1", "expected a value", "found the word steps"]),
    .init("[]", ["line 1", "expected a recipe, an object", "found an array"]),
    .init("{ steps: [] }", ["the recipe lacks the field \"name\""]),
    .init("{ name: \"r\" }", ["the recipe lacks the field \"steps\""]),
    .init("{ name: \"r\", steps: {} }", ["expected the steps, an array", "found an object"]),
    .init(
      "{ name: \"r\", name: \"s\", steps: [] }", ["the key \"name\" is already in this object", "keep one"]),
    .init(
      "{ name: \"r\",\n stepz: [], steps: [] }",
      ["line 2", "unknown field \"stepz\"", "expected one of \"name\""]),
    .init(
      "{ name: \"r\", steps: [],\n\n calibration: { sauce: 1 } }",
      ["line 3", "unknown field \"sauce\" in the calibration", "expected one of \"source\""]),
  ]

  static let steps: [Refused] = [
    .init(steps: "3", ["expected a step, an object", "found 3"]),
    .init(steps: "{ step: \"distill\" }", ["expected the step to be \"rotate\"", "found \"distill\""]),
    .init(
      steps: "{ step: \"prune-heads\", unit: \"query-head\", remove: 1 }, { step: \"rotate\" }",
      ["expected \"rotate\" to be the first step", "after \"prune-heads\"", "move it to the beginning"]),
    .init(
      steps: "{ step: \"rotate\", values: false, hiddenStates: false }",
      ["to rotate hidden states or values", "found both false", "remove the step"]),
    .init(quantize: "scheme: \"int3\"", ["expected scheme to be", "\"nl4\" or \"nl3\"", "found \"int3\""]),
    .init(quantize: "scheme: \"int8\", bits: 8", ["unknown field \"bits\"", "expected one of \"step\""]),
    .init(quantize: "scheme: \"int4\"", ["\"int4\" needs a group", "add the field \"group\""]),
    .init(quantize: "scheme: \"int4\", group: 48", ["expected group to be 32, 64 or 128", "found 48"]),
    .init(quantize: "scheme: \"int8\", symmetric: 0", ["expected symmetric, true or false", "found 0"]),
    .init(
      quantize: "scheme: \"int8\", overrides: [{ match: \"q_proj\", scheme: \"bf16\", symmetric: false }]",
      ["the scheme \"bf16\" has no zero points", "remove the field \"symmetric\""]),
    .init(quantize: "scheme: \"int8\", method: \"magic\"", ["expected method to be", "found \"magic\""]),
    .init(
      quantize: "scheme: \"int8\", overrides: [{ match: \"(\", scheme: \"int8\" }]",
      ["match \"(\" is no pattern over tensor names", "expected a \")\"", "at character 1"]),
    .init(
      quantize: "scheme: \"int8\", overrides: [{ match: \"(a)\\\\1\", scheme: \"int8\" }]",
      ["is no pattern over tensor names", "after the backslash", "at character 4"]),
    .init(
      quantize: "scheme: \"int8\", overrides: [{ match: \"(([a-z._0-9])+)+X\", scheme: \"int8\" }]",
      ["matches no matrix of this checkpoint"]),
    .init(
      steps: "{ step: \"prune-neurons\", remove: 9223372036854775807 }",
      ["expected multiples of the group, 128", "use a smaller count"]),
    .init(
      steps: "{ step: \"prune-neurons\", group: 32, remove: 9223372036854775776 }",
      ["asks for 9223372036854775776", "expected at most"]),
    .init(steps: "{ step: \"prune-neurons\", remove: 1.5 }", ["expected remove, an integer", "found 1.5"]),
    .init(
      steps: "{ step: \"prune-neurons\", remove: [1e30, 0] }",
      ["the layer's count, an integer from 0 to 2^63 - 1", "found 1e30"]),
    .init(
      "{ name: \"r\", steps: [], calibration: { seed: 18446744073709551615 } }",
      ["seed, an integer from 0 to 2^63 - 1", "found 18446744073709551615"]),
    .init(
      "{ name: \"r\", steps: [], calibration: { windows: 9223372036854775807 } }",
      ["windows, an integer from 1 to 1000000"]),
    .init("{//\r x:\"\\\n\", zzz:1}//\":1,\"", ["line 2", "unknown field \"x\" in a recipe"]),
    .init("{ name: \"r\", // a \"\r steps: [], zzz: 1 }", ["line 2", "unknown field \"zzz\""]),
    .init("{ name: \"r\", /* \" */ steps:\u{A0}[],\r\n zzz: 1 }", ["line 2", "unknown field \"zzz\""]),
    .init(
      quantize: "scheme: \"int8\", overrides: [{ match: \"nothing_here\", scheme: \"int8\" }]",
      ["\"nothing_here\" matches no matrix", "or remove it"]),
    .init(
      steps:
        "{ step: \"quantize\", scheme: \"int8\" }, { step: \"prune-heads\", unit: \"kv-group\", remove: 1 }",
      [
        "expected \"quantize\" to be the last step", "found another step after it",
        "move that step before it",
      ]),
    .init(prune: "head", "1", ["expected unit to be \"kv-group\"", "found \"head\""]),
    .init(prune: "kv-group", "-1", ["expected remove, an integer of at least 0", "found -1"]),
    .init(prune: "kv-group", "1e30", ["expected remove, an integer of at least 0", "found 1e30"]),
  ]

  /// What the checkpoint decides: 2 layers of 4 query and 2 KV heads; 96 inputs of the down projection.
  static let fits: [Refused] = [
    .init(
      prune: "kv-group", "2", ["2 of unit \"kv-group\" in layer 0", "a head must stay", "expected at most 1"]),
    .init(prune: "query-head", "4", ["4 of unit \"query-head\" in layer 0", "expected at most 3"]),
    .init(prune: "query-head-per-group", "2", ["in layer 0", "a head must stay", "expected at most 1"]),
    .init(prune: "query-head", "[0, 4]", ["4 of unit \"query-head\" in layer 1", "expected at most 3"]),
    .init(prune: "query-head", "9223372036854775807", ["9223372036854775807", "expected at most 3"]),
    .init(prune: "query-head", "[1]", ["has 1 counts", "has 2 layers", "write one count per layer"]),
    .init(
      quantize: "scheme: \"int4\", group: 64",
      ["group 64 does not divide the 96 inputs of", "down_proj", "use a group that does, or an override"]),
    .init(
      quantize: "scheme: \"int8\", group: 128",
      ["group 128 does not divide the 64 inputs of", "use a group that does, or an override"]),
    .init(
      steps:
        "{ step: \"prune-heads\", unit: \"query-head\", remove: 1 }, { step: \"quantize\", scheme: \"int8\", overrides: [{ match: \"o_proj\", scheme: \"int4\", group: 64 }] }",
      ["group 64 does not divide the 96 inputs of", "o_proj", "as \"prune-heads\" leaves it"]),
    .init(
      "{ name: \"r\", steps: [{ step: \"prune-heads\", unit: \"kv-group\", remove: 1 }], calibration: { source: \"absent.txt\" } }",
      ["cannot read the calibration text", "absent.txt", "check that the file exists"]),
    .init(
      "{ name: \"r\", steps: [{ step: \"prune-heads\", unit: \"kv-group\", remove: 1 }], calibration: { source: \"/\" } }",
      ["expected a file that holds the calibration text, found the folder /", "give the path of the file"]),
    .init(
      "{ name: \"r\", steps: [{ step: \"prune-heads\", unit: \"kv-group\", remove: 1 }], calibration: { tokens: 5000 } }",
      ["windows of 5000 tokens", "1024 positions", "ask for fewer tokens a window"]),
  ]

  @Test(arguments: texts + steps + fits)
  func theSentenceNamesPlaceAndChoice(_ refused: Refused) throws {
    let place = Workplace(TinyCheckpoint(intermediateSize: 96))
    let outcome = try BuiltProgram.quire.run(place.conversion(refused.recipe))
    expectRefusal(outcome, by: "convert", refused.parts)
    #expect(place.outputs == [])
    let plan = try BuiltProgram.quire.run([
      "convert", place.checkpoint.path, "--recipe", place.recipe(refused.recipe), "--plan",
    ])
    expectRefusal(plan, by: "convert", refused.parts)
  }

  /// Among several recipes, what only the checkpoint shows to be wrong is told with the recipe and the step's line.
  @Test(arguments: [
    ("{ step: \"prune-heads\", unit: \"kv-group\", remove: 4 }", "\"remove\" asks for 4"),
    ("{ step: \"prune-neurons\", group: 32, remove: [32] }", "\"remove\" has 1 counts"),
    ("{ step: \"quantize\", scheme: \"int4\", group: 64 }", "group 64 does not divide"),
    (
      "{ step: \"quantize\", scheme: \"int8\", overrides: [{ match: \"no_such\", scheme: \"int8\" }] }",
      "matches no matrix"
    ),
    ("{ step: \"budget\", bytes: 1 }", "smallest choices"),
  ])
  func whatThePlanRefusesNamesTheRecipe(_ step: String, _ problem: String) throws {
    let place = Workplace(TinyCheckpoint(intermediateSize: 96))
    let folder = TemporaryFolder()
    let good = folder.write(Workplace.int8.utf8, to: "good.json5")
    let bad = place.recipe("{ name: \"p\",\n  steps: [\n    \(step)] }")
    let text = folder.write("hello there\n".utf8, to: "text.txt")
    // Without --quiet: nothing has been measured, so there is no progress before the sentence.
    expectRefusal(
      try BuiltProgram.quire.run([
        "evaluate", place.checkpoint.path, "--recipe", good, "--recipe", bad, "--text", text, "--no-speed",
      ]), by: "evaluate", ["\(bad), line 3: ", problem])
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion("{ name: \"p\",\n  steps: [\n    \(step)] }")),
      by: "convert",
      ["recipe.json5, line 3: ", problem])
  }

  @Test func evaluationRefusesARecipeBeforeItMeasures() throws {
    let place = Workplace()
    let outcome = try BuiltProgram.quire.run([
      "evaluate", place.checkpoint.path, "--recipe",
      place.recipe("{ name: \"r\", steps: [{ step: \"distill\" }] }"),
    ])
    expectRefusal(outcome, by: "evaluate", ["expected the step to be", "found \"distill\""])
  }

  @Test func placesThatHoldNoRecipe() throws {
    let place = Workplace()
    #expect(mkfifo(place.path + "/pipe", 0o600) == 0)
    let folder = try BuiltProgram.quire.run([
      "convert", place.checkpoint.path, "--recipe", place.path, "--output", place.place("out.quire"),
    ])
    expectRefusal(
      folder, by: "convert",
      ["expected a file that holds the recipe, found the folder \(place.path)", "give the path of the file"])
    for recipe in ["/absent.json5", "/pipe"] {
      let outcome = try BuiltProgram.quire.run([
        "convert", place.checkpoint.path, "--recipe", place.path + recipe, "--output",
        place.place("out.quire"),
        "--quiet",
      ])
      expectRefusal(
        outcome, by: "convert",
        ["cannot read the recipe \(place.path)\(recipe);", "check that the file exists"])
    }
    #expect(place.outputs == ["pipe"])
  }
}
