import Foundation
import QuireJSON
import TestSupport
import Testing

/// nl4 and nl3 as a user meets them: a recipe, and every command that reads what it makes.
@Suite struct LevelCommandTests {
  private let place = Workplace()

  private func convert(_ scheme: String, _ group: Int, to name: String = "out.quire") throws -> String {
    let recipe = place.recipe(
      "{ name: \"levels\", steps: [{ step: \"quantize\", scheme: \"\(scheme)\", group: \(group) }] }")
    let outcome = try BuiltProgram.quire.run([
      "convert", Workplace.demo, "--recipe", recipe, "--output", place.place(name), "--quiet",
    ])
    try #require(outcome.status == 0, "\(outcome.errors)")
    return place.place(name)
  }

  @Test(arguments: [("nl4", 128), ("nl3", 64)])
  func aPackOfLevelsIsAPackAsAnyOther(_ scheme: String, _ group: Int) throws {
    let pack = try convert(scheme, group)
    #expect(try BuiltProgram.quire.run("inspect", pack).output.contains("\(scheme) g\(group)"))
    #expect(try BuiltProgram.quire.run("verify", pack).status == 0)
    // The same bits on every instruction set and with any number of threads.
    let logits = try place.logits(pack)
    #expect(logits.contains { $0 != 0 } && logits.allSatisfy(\.isFinite))
    #expect(try place.logits(pack, "--threads", "1") == logits)
    for name in InstructionSets.runnable {
      let output = place.place("\(name).safetensors")
      let outcome = try BuiltProgram.quire.run(
        ["logits", pack, "--tokens", "1,2,3,4", "--output", output, "--quiet"],
        environment: ["QUIRE_ISA": name])
      #expect(outcome.status == 0 && GoldenFile(path: output).floats("logits") == logits, "\(name)")
    }
    // As floats, which hold the weights exactly, the model differs by the rounding of activations only.
    let folder = place.place("floats")
    let export = try BuiltProgram.quire.run([
      "export", pack, "--format", "safetensors", "--dtype", "float32", "--output", folder, "--quiet",
    ])
    #expect(export.status == 0, "\(export.errors)")
    let difference = largestDifference(try place.logits(folder), logits)
    #expect(difference > 0 && difference < 2)
    expectRefusal(
      try BuiltProgram.quire.run(
        "export", pack, "--format", "compressed-tensors", "--output", place.place("folder"), "--quiet"),
      by: "export",
      ["found the levels of \(scheme) g\(group) in", "--format safetensors, which stores plain floats"])
    #expect(!place.outputs.contains { $0.hasPrefix("folder") })
  }

  @Test func aDeltaPackBetweenLevelsAndIntegersBecomesWholeAgain() throws {
    let (four, three) = (try convert("nl4", 128), try convert("int8", 64, to: "parent.quire"))
    let (delta, flat) = (place.place("delta.quire"), place.place("flat.quire"))
    for (child, parent) in [(four, three), (three, four)] {
      let made = try BuiltProgram.quire.run(
        "delta", child, "--parent", parent, "--output", delta, "--force", "--quiet")
      #expect(made.status == 0, "\(made.errors)")
      #expect(try BuiltProgram.quire.run("verify", delta).status == 0)
      let whole = try BuiltProgram.quire.run("flatten", delta, "--output", flat, "--force", "--quiet")
      #expect(whole.status == 0, "\(whole.errors)")
      let (one, other) = (URL(fileURLWithPath: flat), URL(fileURLWithPath: child))
      #expect(try Data(contentsOf: one) == Data(contentsOf: other))
    }
  }
}
