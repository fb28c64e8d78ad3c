import Foundation
import QuireJSON
import TestSupport
import Testing

/// A tiny checkpoint of random weights, and beside it an empty folder for what the program writes.
struct Workplace {
  /// Rounds everything to int8, with one scale per output channel.
  static let int8 = #"{ name: "int8", steps: [{ step: "quantize", scheme: "int8" }] }"#
  /// The trained model of the repository.
  static let demo = TestPaths.repository + "/recipes/demo/checkpoint"

  let checkpoint = TemporaryFolder()
  private let folder = TemporaryFolder()
  private let recipes = TemporaryFolder()

  init(_ tiny: TinyCheckpoint = TinyCheckpoint()) {
    tiny.write(to: checkpoint)
  }

  init(_ dictating: DictatingCheckpoint) {
    dictating.write(to: checkpoint)
  }

  /// What a command printed, without the times: they are measured, so no two runs print the same.
  static func withoutTimes(_ output: String) -> String {
    output.replacing(/(?m)^time: .*$/, with: "time: …")
  }

  /// The folder for output.
  var path: String { folder.path }

  /// A path in the folder for output.
  func place(_ name: String) -> String { folder.path + "/" + name }

  /// Everything in the folder for output, temporaries too.
  var outputs: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }

  /// A recipe file with this text.
  func recipe(_ text: String) -> String { recipes.write(text.utf8, to: "recipe.json5") }

  /// The arguments of a conversion that says nothing when all is well.
  func conversion(_ recipe: String = Self.int8, to output: String = "out.quire") -> [String] {
    [
      "convert", checkpoint.path, "--recipe", self.recipe(recipe), "--output", place(output), "--threads",
      "2",
      "--quiet",
    ]
  }

  /// The logits after four tokens of a model, which `words` name with its options.
  func logits(_ words: String...) throws -> [Float] {
    let output = place("logits-\(UUID().uuidString).safetensors")
    let outcome = try BuiltProgram.quire.run(
      ["logits"] + words + ["--tokens", "1,2,3,4", "--output", output, "--quiet"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    return GoldenFile(path: output).floats("logits")
  }

  /// Converts the checkpoint; returns the pack's path.
  func pack(_ recipe: String = Self.int8, name: String = "out.quire") throws -> String {
    let outcome = try BuiltProgram.quire.run(conversion(recipe, to: name))
    try #require(outcome.status == 0, "\(outcome.errors)")
    return place(name)
  }
}

extension [String] {
  /// These words and `others`, without the options, and their values, that `others` have too: an option that is given twice is noted.
  func overridden(by others: [String]) -> [String] {
    var kept: [String] = []
    var words = self[...]
    while let word = words.popFirst() {
      guard word.hasPrefix("--"), others.contains(word) else {
        kept.append(word)
        continue
      }
      if words.first?.hasPrefix("--") == false { words.removeFirst() }
    }
    return kept + others
  }
}

extension TemporaryFolder {
  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }

  /// Rewrites a JSON file.
  func edit(_ name: String, _ change: (inout JSONObject) -> Void) throws {
    var object = try #require(try JSONValue.parse(bytes(name)).objectValue)
    change(&object)
    write(JSONValue.object(object).serialized().utf8, to: name)
  }

  /// Rewrites the header of a safetensors file; its data stays.
  func editHeader(_ change: (inout JSONObject) -> Void) throws {
    let name = "model.safetensors"
    let file = try bytes(name)
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = try #require(try JSONValue.parse(Array(file[8..<8 + length])).objectValue)
    change(&header)
    var text = Array(JSONValue.object(header).serialized().utf8)
    text += [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8)
    let count = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    write(count + text + file[(8 + length)...], to: name)
  }
}

/// A value as standard output had it.
func json(_ outcome: Tool.Outcome) throws -> JSONValue {
  try #require(outcome.status == 0, "\(outcome.errors)")
  return try JSONValue.parse(Array(outcome.output.utf8))
}
