import Foundation
import TestSupport
import Testing

/// Every field that recipes/README.md documents is carried out, with and without `--plan` and `--quiet`.
@Suite struct RecipeFieldTests {
  /// For each step the recipes that use its fields, by field; `~` stands for what the step needs besides.
  private static let uses: [String: [String: [String]]] = [
    "prune-heads": [
      "unit": [
        "unit: 'kv-group', remove: 1", "unit: 'query-head', remove: 1",
        "unit: 'query-head-per-group', remove: 1",
      ],
      "remove": ["unit: 'query-head', remove: [1, 0]"],
      "removeShare": ["unit: 'query-head', removeShare: 0.3", "unit: 'kv-group', removeShare: 0"],
      "errorBudget": ["unit: 'query-head', errorBudget: 0.5", "unit: 'kv-group', errorBudget: 0"],
      "repair": [
        "unit: 'query-head', removeShare: 0.3, repair: false", "unit: 'query-head', remove: 1, repair: true",
        "unit: 'query-head', remove: 1, repair: 0.5",
      ],
      "trial": ["unit: 'query-head', remove: 1, trial: true"],
    ],
    "prune-neurons": [
      "remove": ["group: 32, remove: 32", "group: 32, remove: [0, 64]"],
      "removeShare": ["group: 32, removeShare: 0.3"],
      "errorBudget": ["group: 32, errorBudget: 0.5"],
      "group": ["group: 64, remove: 64"],
      "repair": ["group: 32, removeShare: 0.3, repair: false", "group: 32, removeShare: 0.3, repair: 0.2"],
    ],
    "rotate": [
      "hiddenStates": ["hiddenStates: false", "hiddenStates: true", "hiddenStates: 'untied'"],
      "values": ["values: false"],
      "seed": ["seed: 7"],
    ],
    "smooth": [
      "method": ["method: 'awq'"],
      "alpha": ["method: 'smoothquant', alpha: 0.3"],
    ],
    "quantize": [
      "scheme": ["scheme: 'int8'"],
      "group": ["scheme: 'int4', group: 32"],
      "symmetric": [
        "scheme: 'int4', group: 32, symmetric: false, scaleSearch: 'weights'",
        "scheme: 'int4', group: 32, symmetric: false, method: 'gptq'", "scheme: 'int8', symmetric: true",
      ],
      "method": ["scheme: 'int8', method: 'gptq'"],
      "scaleSearch": [
        "scheme: 'int8', scaleSearch: 'weights'", "scheme: 'int8', scaleSearch: 'activations'",
      ],
      "refit": ["scheme: 'nl3', group: 32, method: 'gptq', refit: 2"],
      "asymmetry": ["scheme: 'nl4', group: 32, method: 'gptq', asymmetry: 0.5, refit: 1"],
      "overrides": ["scheme: 'int8', overrides: [{ match: 'q_proj|lm_head', scheme: 'bf16' }]"],
    ],
    "budget": [
      "bitsPerWeight": ["bitsPerWeight: 7, choices: [{ scheme: 'int4', group: 32 }, { scheme: 'int8' }]"],
      "bytes": ["bytes: 300000, choices: [{ scheme: 'int4', group: 32 }, { scheme: 'bf16' }]"],
      "kl": ["kl: 1, choices: [{ scheme: 'int4', group: 64 }, { scheme: 'int8' }]"],
      "choices": ["bitsPerWeight: 9, choices: [{ scheme: 'int8' }]"],
    ],
  ]

  static let recipes: [String] = uses.sorted { $0.key < $1.key }.flatMap { step, fields in
    fields.sorted { $0.key < $1.key }.flatMap(\.value).map { field in
      let tail = step == "smooth" ? ", { step: 'quantize', scheme: 'int8' }" : ""
      return "{ name: 'r', steps: [{ step: '\(step)', \(field) }\(tail)], "
        + "calibration: { source: 'bundled', windows: 2, tokens: 48, seed: 1 } }"
    }
  }

  @Test(arguments: recipes)
  func runs(_ recipe: String) throws {
    let place = Workplace()
    let words = ["convert", place.checkpoint.path, "--recipe", place.recipe(recipe), "--threads", "2"]
    let plan = try BuiltProgram.quire.run(words + ["--plan"])
    #expect(plan.status == 0 && plan.errors == "", "\(plan.errors)")
    let loud = try BuiltProgram.quire.run(words + ["--output", place.place("loud.quire")])
    #expect(loud.status == 0, "\(loud.errors)")
    #expect(Workplace.withoutTimes(loud.output).hasPrefix(Workplace.withoutTimes(plan.output)))
    let quiet = try BuiltProgram.quire.run(words + ["--output", place.place("quiet.quire"), "--quiet"])
    #expect(quiet.status == 0 && quiet.output == "", "\(quiet.errors)")
    #expect(place.outputs == ["loud.quire", "quiet.quire"])
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: place.place("loud.quire")))
        == Data(contentsOf: URL(fileURLWithPath: place.place("quiet.quire"))))
  }

  /// The tables of the documentation name the fields that are tried here, and no others.
  @Test func theTablesNameTheseFields() throws {
    let text = try String(contentsOfFile: TestPaths.repository + "/recipes/README.md", encoding: .utf8)
    var tables: [String: Set<String>] = [:]
    var step = ""
    var isFieldTable = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("#") { step = "" }
      if let name = Self.uses.keys.first(where: { line.hasPrefix("`\($0)` ") }) { step = name }
      // Of the tables below a step's name, those that list its fields.
      if line == "| field | values |" {
        isFieldTable = !step.isEmpty
      } else if line.isEmpty {
        isFieldTable = false
      }
      guard isFieldTable, line.hasPrefix("| `") else { continue }
      let cell = line.dropFirst(2).prefix { $0 != "|" }
      for part in cell.split(separator: "`").enumerated() where part.offset % 2 == 0 {
        tables[step, default: []].insert(String(part.element))
      }
    }
    for (step, fields) in Self.uses {
      let shared: Set<String> = step == "budget" ? ["method", "scaleSearch", "overrides"] : []
      #expect(tables[step]?.subtracting(shared) == Set(fields.keys), "\(step)")
    }
  }
}
