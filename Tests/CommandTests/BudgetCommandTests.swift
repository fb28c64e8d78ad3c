import Foundation
import QuireJSON
import TestSupport
import Testing

/// Budgets that leave nothing to choose or cannot be met: decided before any survey, with nothing on the disk.
@Suite struct BudgetCommandTests {
  private static func recipe(_ budget: String) -> String {
    "{ name: 'b', steps: [{ step: 'budget', \(budget) }], "
      + "calibration: { source: 'bundled', windows: 2, tokens: 48 } }"
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: [
      (
        "bitsPerWeight: 4.5, overrides: [{ match: '.*', scheme: 'int8' }]",
        ["overrides that decide all", "\"quantize\""]
      ),
      (
        "kl: 0.1, choices: [{ scheme: 'int4', group: 32 }], overrides: [{ match: 'layers', scheme: 'int8' }, { match: 'head|embed', scheme: 'bf16' }]",
        ["overrides that decide all"]
      ),
      (
        "bitsPerWeight: 2, choices: [{ scheme: 'int4', group: 32 }]",
        ["smallest choices", "found 2", "raise it"]
      ),
      ("bytes: 1", ["smallest choices", "found 1 bytes"]),
      ("kl: 0", ["recipe.json5, line 1: expected a KL divergence above 0", "found 0", "raise \"kl\""]),
      ("bitsPerWeight: 6, choices: []", ["expected at least one of the choices"]),
      ("bitsPerWeight: 0.5", ["from 1.0 to 16.0"]), ("kl: -1", ["from 0.0 to 100.0"]),
      ("bitsPerWeight: 6, bytes: 4", ["keep one"]),
    ])
  func refusedInThePlan(_ budget: String, _ parts: [String]) throws {
    let place = Workplace()
    let words = place.conversion(Self.recipe(budget))
    expectRefusal(try BuiltProgram.quire.run(words, seconds: 60), by: "convert", parts)
    #expect(place.outputs == [])
    let plan = words.prefix(4) + ["--plan"]
    expectRefusal(try BuiltProgram.quire.run(Array(plan), seconds: 60), by: "convert", parts)
  }

  /// A limit that only the survey can refuse is refused at its line, as those of the plan are.
  @Test func refusedAfterTheSurvey() throws {
    let place = Workplace()
    let recipe = Self.recipe("kl: 1e-12, choices: [{ scheme: 'int4', group: 32 }]")
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion(recipe.replacing("steps:", with: "\nsteps:")), seconds: 60),
      by: "convert", ["recipe.json5, line 2: expected a KL divergence of at most 1e-12", "raise \"kl\""])
  }

  /// What is not rounded costs nothing.
  @Test func noDivergenceIsMetByAChoiceThatRoundsNothing() throws {
    let place = Workplace()
    let choices = "choices: [{ scheme: 'bf16' }, { scheme: 'int8' }]"
    let plan = try BuiltProgram.quire.run([
      "convert", place.checkpoint.path, "--recipe", place.recipe(Self.recipe("kl: 0, \(choices)")), "--plan",
    ])
    #expect(plan.status == 0, "\(plan.errors)")
  }

  /// The figure of the refusal is the true one: the smallest limit that it names can be met.
  @Test func theSmallestFigureCanBeMet() throws {
    let place = Workplace()
    let choices = "choices: [{ scheme: 'int4', group: 64 }, { scheme: 'int8' }]"
    let refused = try BuiltProgram.quire.run(
      place.conversion(Self.recipe("bitsPerWeight: 1, \(choices)")))
    let found = try #require(refused.errors.firstMatch(of: /([0-9]+) bytes or ([0-9.]+) bits per weight/))
    let pack = try place.pack(Self.recipe("bitsPerWeight: \(found.2), \(choices)"))
    let rows = try json(BuiltProgram.quire.run("inspect", pack, "--json"))["rows"]?.arrayValue
    #expect(rows?.last?["sizeBytes"]?.intValue == Int(found.1))
    // Embedding and lm_head are among the smallest choices too.
    let plan = try BuiltProgram.quire.run([
      "convert", place.checkpoint.path, "--recipe",
      place.recipe(Self.recipe("bytes: \(found.1), \(choices)")),
      "--plan",
    ])
    #expect(plan.status == 0)
    for line in plan.output.split(separator: "\n")
    where line.hasPrefix("lm_head") || line.hasPrefix("embed_tokens") {
      #expect(line.contains("int4 g64"), "\(line)")
    }
    #expect(plan.output.contains(/time: about .* in all \(survey .*, conversion .*\)/))
    let one = found.1 == "1" ? 0 : (Int(found.1) ?? 0) - 1
    let below = try BuiltProgram.quire.run(
      place.conversion(Self.recipe("bytes: \(one), \(choices)"), to: "below.quire"))
    expectRefusal(below, by: "convert", ["\(found.1) bytes"])
  }

  @Test func aPredictionIsCalledAnOrder() throws {
    let place = Workplace()
    let shown = try BuiltProgram.quire.run([
      "convert", place.checkpoint.path, "--recipe",
      place.recipe(
        Self.recipe("bitsPerWeight: 16, choices: [{ scheme: 'int4', group: 32 }, { scheme: 'int8' }]")),
      "--plan", "--measure", "--quiet",
    ])
    #expect(shown.status == 0, "\(shown.errors)")
    #expect(shown.output.contains("even the largest formats fit the limit"))
    #expect(shown.output.contains("it orders the choices and is no forecast"))
  }
}
