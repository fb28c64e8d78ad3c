import Foundation
import TestSupport
import Testing

/// What is documented runs: every field that the tables of recipes/README.md name.
@Suite struct DocumentedRecipeTests {
  /// A step, or the calibration, as a recipe needs it at least; and values of each of its fields. A field that stands
  /// instead of others names them.
  private struct Section {
    let required: [String: String]
    let fields: [String: [String]]
    var instead: [String: [String]] = [:]
  }

  private static let pruning = [
    "removeShare": ["0.3", "0"], "errorBudget": ["0.4", "0"], "repair": ["true", "false"],
  ]

  private static let sections: [String: Section] = [
    "prune-heads": Section(
      required: ["unit": "\"kv-group\"", "remove": "1"],
      fields: [
        "unit": ["\"kv-group\"", "\"query-head\"", "\"query-head-per-group\""],
        "remove": ["1", "0", "[1, 0]"],
        "trial": ["true", "false"],
      ].merging(pruning) { $1 },
      instead: ["removeShare": ["remove"], "errorBudget": ["remove"]]),
    "prune-neurons": Section(
      required: ["remove": "32", "group": "32"],
      fields: ["remove": ["32", "[32, 0]"], "group": ["32"]].merging(pruning) { $1 },
      instead: ["removeShare": ["remove"], "errorBudget": ["remove"]]),
    "rotate": Section(
      required: [:],
      fields: [
        "hiddenStates": ["true", "false", "\"untied\""], "values": ["true", "false"], "seed": ["0", "12"],
      ]),
    "smooth": Section(
      required: [:], fields: ["method": ["\"awq\"", "\"smoothquant\""], "alpha": ["0.3"]]),
    "quantize": Section(
      required: ["scheme": "\"int4\"", "group": "32"],
      fields: [
        "scheme": ["\"int8\"", "\"int4\"", "\"nl4\"", "\"nl3\""], "group": ["32"],
        "symmetric": ["false", "true"],
        "method": ["\"nearest\"", "\"gptq\""],
        "scaleSearch": ["\"weights\"", "\"activations\""],
        "refit": ["3"], "asymmetry": ["0.5"],
        "overrides": [
          "[{ match: \"lm_head\", scheme: \"bf16\" }, { match: \"mlp\", scheme: \"int8\", group: 32 }]",
          "[{ match: \"mlp\", scheme: \"int8\", group: 32, symmetric: false }]",
        ],
      ]),
    "budget": Section(
      required: ["bitsPerWeight": "7"],
      fields: [
        "bitsPerWeight": ["7"], "bytes": ["400000"], "kl": ["0.5"],
        "choices": [
          "[{ scheme: \"int4\", group: 32, symmetric: false }, { scheme: \"int8\" }, { scheme: \"bf16\" }]"
        ],
      ],
      instead: ["bytes": ["bitsPerWeight"], "kl": ["bitsPerWeight"]]),
    "calibration": Section(
      required: ["windows": "2", "tokens": "8"],
      fields: [
        "source": ["\"bundled\"", "\"TEXT\"", "\"CHATS\""],
        "mode": ["\"as-written\"", "\"non-thinking\"", "\"both\""], "windows": ["1"], "tokens": ["4"],
        "seed": ["9"], "statistics": ["\"STATISTICS\""],
      ]),
  ]

  /// The fields that the documentation names, by section.
  private static func documented() throws -> [String: Set<String>] {
    let text = try String(contentsOfFile: TestPaths.repository + "/recipes/README.md", encoding: .utf8)
    var fields: [String: Set<String>] = [:]
    var section: String?
    var isFieldTable = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("## Calibration") { section = "calibration" }
      // "`quantize` or `budget` is the last step …" introduces the table of the first.
      if let name = line.firstMatch(of: /^`([a-z-]+)`/)?.1, sections[String(name)] != nil {
        section = String(name)
      }
      if line.hasPrefix("| field") { isFieldTable = true }
      guard line.hasPrefix("|") else {
        isFieldTable = false
        continue
      }
      guard isFieldTable, let section else { continue }
      let cell = line.dropFirst().prefix { $0 != "|" }
      for match in cell.matches(of: /`([A-Za-z]+)`/) { fields[section, default: []].insert(String(match.1)) }
    }
    return fields
  }

  private let place = Workplace(
    TinyCheckpoint(
      hiddenSize: 64, intermediateSize: 96, layerCount: 2, queryHeadCount: 4, keyValueHeadCount: 2))
  private let folder = TemporaryFolder()

  @Test func everyDocumentedFieldHasAnExample() throws {
    let documented = try Self.documented()
    #expect(Set(documented.keys) == Set(Self.sections.keys))
    for (section, names) in documented {
      let known = Set(try #require(Self.sections[section]).fields.keys)
      #expect(names.subtracting(known) == [], "\(section): fields without an example in this test")
      #expect(known.subtracting(names) == [], "\(section): fields that are not documented")
    }
  }

  @Test(arguments: sections.keys.sorted())
  func everyFieldConverts(_ name: String) throws {
    let section = try #require(Self.sections[name])
    for (field, values) in section.fields.sorted(by: { $0.key < $1.key }) {
      for value in values { try convert(name, section, field, value) }
    }
  }

  private func convert(_ name: String, _ section: Section, _ field: String, _ value: String) throws {
    let recipe = try write(name, section, field, value)
    let output = place.place("o.quire")
    let words = ["convert", place.checkpoint.path, "--recipe", recipe, "--threads", "1"]
    let comment: Comment = "\(name).\(field): \(value)"
    for extra in [
      ["--plan"], ["--plan", "--quiet"], ["--plan", "--measure"], ["--output", output, "--force"],
      ["--output", output, "--force", "--quiet"],
    ] {
      let outcome = try BuiltProgram.quire.run(words + extra)
      #expect(outcome.status == 0, "\(comment) \(extra): \(outcome.errors)")
    }
    #expect(try BuiltProgram.quire.run("verify", output, "--quiet").status == 0, comment)
    for columns in [80, 100] {
      for extra in [["--plan"], ["--output", output, "--force"]] {
        let session = try #require(TerminalSession(words + extra, columns: columns))
        #expect(session.finish() == 0, "\(comment) \(extra): \(session.transcript)")
        #expect(session.linesTooWide == [], comment)
      }
    }
  }

  /// A recipe with `field: value` in the section, and what the section needs beside it.
  private func write(_ name: String, _ section: Section, _ field: String, _ value: String) throws -> String {
    var members = section.required
    for other in section.instead[field] ?? [] { members[other] = nil }
    members[field] = value
    if field == "scheme", value == "\"int8\"" { members["group"] = nil }
    if ["refit", "asymmetry"].contains(field) { members["method"] = "\"gptq\"" }
    if field == "alpha" { members["method"] = "\"smoothquant\"" }
    let text = members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    let quantize = #"{ step: "quantize", scheme: "int4", group: 32, method: "gptq" }"#
    let recipe =
      switch name {
      case "calibration": "{ name: \"d\", steps: [\(quantize)], calibration: { \(text) } }"
      case "quantize", "budget":
        "{ name: \"d\", steps: [{ step: \"\(name)\", \(text) }], calibration: { windows: 2, tokens: 8 } }"
      default:
        "{ name: \"d\", steps: [{ step: \"\(name)\"\(text.isEmpty ? "" : ", ")\(text) }, \(quantize)], calibration: { windows: 2, tokens: 8 } }"
      }
    return folder.write(try fillingFiles(recipe).utf8, to: "r.json5")
  }

  /// Puts files in place of the words that stand for them.
  private func fillingFiles(_ recipe: String) throws -> String {
    var recipe = recipe
    if recipe.contains("TEXT") {
      folder.write(String(repeating: "some text here ", count: 40).utf8, to: "t.txt")
      recipe = recipe.replacing("TEXT", with: "t.txt")
    }
    if recipe.contains("CHATS") {
      let chat =
        #"{"messages": [{"role": "user", "content": "hi there"}, {"role": "assistant", "content": "hello to you"}]}"#
      folder.write((chat + "\n" + chat + "\n" + chat + "\n").utf8, to: "c.jsonl")
      recipe = recipe.replacing("CHATS", with: "c.jsonl")
    }
    if recipe.contains("STATISTICS") {
      folder.write(String(repeating: "some text here ", count: 40).utf8, to: "t.txt")
      let outcome = try BuiltProgram.quire.run([
        "calibrate", place.checkpoint.path, "--calibration", folder.path + "/t.txt", "--windows", "2",
        "--tokens", "8",
        "--output", folder.path + "/s.safetensors", "--force", "--quiet",
      ])
      try #require(outcome.status == 0, "\(outcome.errors)")
      recipe = recipe.replacing("STATISTICS", with: "s.safetensors")
    }
    return recipe
  }
}
