import QuireCalibration
import QuireConversion
import QuireOptimization
import QuireTensors
import Testing

@Suite struct RecipeTests {
  private func parse(_ text: String) throws(ConversionError) -> Recipe {
    try Recipe(text: Array(text.utf8), file: "r.json5")
  }

  /// The sentence with which `text` is refused.
  private func refusal(_ text: String) -> String? {
    do throws(ConversionError) {
      _ = try parse(text)
      return nil
    } catch {
      return error.description
    }
  }

  /// A recipe whose only step, on line 3, is `step`.
  private func recipe(step: String) -> String {
    "{ name: 'r',\n  steps: [\n    \(step)\n  ] }"
  }

  @Test func everyField() throws {
    let recipe = try parse(
      """
      // a comment with { and "
      { name: "all",
        steps: [
          { step: "prune-heads", unit: "kv-group", remove: 1 },
          { step: "prune-heads", unit: 'query-head', remove: [0, 2, 1], repair: false },
          { step: "quantize", scheme: "int4", group: 64, method: "nearest",
            overrides: [ { match: "lm_head|embed_tokens", scheme: "int8" }, { match: "v_proj", scheme: "bf16" } ] } ],
        calibration: { source: "text.txt", windows: 8, tokens: 100, seed: 7, mode: "both",
          statistics: "s.safetensors" } }
      """)
    #expect(recipe.name == "all")
    #expect(recipe.steps.map(\.name) == ["prune-heads", "prune-heads", "quantize"])
    #expect(recipe.steps[0] == .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1))))
    #expect(
      recipe.steps[1]
        == .pruneHeads(.init(unit: .queryHead, removal: .perLayer([0, 2, 1]), repairs: false)))
    #expect(
      recipe.steps[2]
        == .quantize(
          .init(
            target: .int4(group: 64),
            overrides: [
              .init(pattern: "lm_head|embed_tokens", target: .int8()),
              .init(pattern: "v_proj", target: .bf16),
            ])))
    #expect(
      recipe.calibration
        == .init(
          source: .file("text.txt"), windowCount: 8, windowTokens: 100, seed: 7, chatMode: .both,
          statistics: "s.safetensors"))
    #expect(recipe.text.hasPrefix("// a comment"))
    #expect(recipe.needsCalibration)
    #expect(recipe.prefix(0).steps.isEmpty && !recipe.prefix(0).needsCalibration)
    #expect(recipe.prefix(1).steps == Array(recipe.steps.prefix(1)))
  }

  @Test func methodsThatLookAtActivationsNeedCalibration() throws {
    func settings(_ fields: String) throws -> QuantizationSettings? {
      let recipe = try parse("{name: 'd', steps: [{step: 'quantize', scheme: 'int4', group: 32, \(fields)}]}")
      #expect(recipe.needsCalibration == recipe.quantization?.needsCalibration)
      return recipe.quantization
    }
    #expect(try settings("method: 'gptq'")?.needsCalibration == true)
    #expect(try settings("scaleSearch: 'activations'")?.needsCalibration == true)
    #expect(try settings("scaleSearch: 'weights'")?.needsCalibration == false)
    #expect(try settings("scaleSearch: 'weights'")?.scaleSearch == .weights)
    #expect(try settings("method: 'nearest'")?.scaleSearch == nil)
    #expect(try settings("symmetric: false")?.target == .int4(group: 32, isSymmetric: false))
    #expect(try settings("symmetric: true")?.target == .int4(group: 32))
  }

  @Test func stepsThatNeedASurvey() throws {
    let recipe = try parse(
      """
      { name: "s", steps: [
          { step: "prune-heads", unit: "kv-group", remove: 1, trial: true },
          { step: "prune-neurons", group: 64, removeShare: 0.25 },
          { step: "smooth", method: "smoothquant" },
          { step: "budget", bitsPerWeight: 4.5, method: "gptq",
            choices: [{ scheme: "int8" }, { scheme: "int4", group: 64 }],
            overrides: [{ match: "lm_head", scheme: "int8" }] } ] }
      """)
    let expected = Recipe(
      name: "s",
      steps: [
        .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1), tries: true)),
        .pruneNeurons(.init(group: 64, removal: .share(0.25))),
        .smooth(.init(method: .smoothQuant(alpha: 0.5))),
        .budget(
          .init(
            limit: .bitsPerWeight(4.5), choices: [.int4(group: 64), .int8()],
            quantization: .init(
              target: .int4(group: 64), method: .gptq,
              overrides: [.init(pattern: "lm_head", target: .int8())]))),
      ])
    #expect(recipe.steps == expected.steps)
    #expect(!recipe.isSettled && recipe.needsCalibration)
    #expect(try parse("{name: 'd', steps: [{step: 'prune-neurons', remove: 128, repair: 0.5}]}").isSettled)
  }

  @Test func defaults() throws {
    let recipe = try parse("{name: 'd', steps: [{step: 'quantize', scheme: 'int8'}]}")
    #expect(recipe.steps == [.quantize(.init(target: .int8(), method: .nearest))])
    #expect(recipe.calibration == CalibrationSettings())
    #expect(recipe.calibration.source == .bundled)
    #expect(!recipe.needsCalibration)
    #expect(try parse("{name: 'nothing', steps: []}").steps.isEmpty)
  }

  @Test(arguments: [
    (
      "{ step: 'prune' }",
      "expected the step to be \"rotate\", \"prune-heads\", \"prune-neurons\", \"smooth\", \"quantize\" or \"budget\", found \"prune\""
    ),
    ("{ unit: 'kv-group' }", "the step lacks the field \"step\""),
    ("'quantize'", "expected a step, an object, found \"quantize\""),
    (
      "{ step: 'quantize', schema: 'int8' }",
      "unknown field \"schema\" in the step \"quantize\"; "
        + "expected one of \"step\", \"scheme\", \"group\", \"symmetric\", \"method\", \"scaleSearch\", \"refit\", "
        + "\"asymmetry\" and \"overrides\""
    ),
    (
      "{ step: 'quantize', scheme: 'nl3' }",
      "the scheme \"nl3\" needs a group of 32, 64 or 128 in the step \"quantize\"; add the field \"group\""
    ),
    (
      "{ step: 'quantize', scheme: 'nl4', group: 64, symmetric: true }",
      "the scheme \"nl4\" has no zero points; remove the field \"symmetric\""
    ),
    (
      "{ step: 'quantize', scheme: 'int8', method: 'gptq', refit: 11 }",
      "expected refit, an integer from 0 to 10, found 11"
    ),
    (
      "{ step: 'quantize', scheme: 'int8', method: 'gptq', asymmetry: 'half' }",
      "expected asymmetry, a number from 0.0 to 1.0, found \"half\""
    ),
    (
      "{ step: 'quantize', scheme: 'int8', refit: 3 }",
      "the field \"refit\" is for the method \"gptq\", found \"nearest\"; remove the field, or set the method to \"gptq\""
    ),
    (
      "{ step: 'prune-heads', unit: 'kv-group', remove: 1 }, "
        + "{ step: 'quantize', scheme: 'int8', method: 'gptq', asymmetry: 0.5 }",
      "the field \"asymmetry\" compares the inputs of each matrix with those in the float model, but the step "
        + "\"prune-heads\" removes some; remove the step, or the field"
    ),
    (
      "{ step: 'quantize', scheme: 'int5' }",
      "expected scheme to be \"bf16\", \"int8\", \"int4\", \"nl4\" or \"nl3\", found \"int5\""
    ),
    (
      "{ step: 'quantize', scheme: 'bf16' }",
      "expected the scheme of a step to be \"int8\", \"int4\", \"nl4\" or \"nl3\", found \"bf16\""
    ),
    ("{ step: 'quantize', scheme: 'int8', group: 48 }", "expected group to be 32, 64 or 128, found 48"),
    ("{ step: 'quantize', scheme: 'int8', group: '64' }", "expected group to be 32, 64 or 128, found \"64\""),
    (
      "{ step: 'quantize', scheme: 'int4' }",
      "the scheme \"int4\" needs a group of 32, 64 or 128 in the step \"quantize\"; add the field \"group\""
    ),
    (
      "{ step: 'quantize', scheme: 'int8', method: 'gptqq' }",
      "expected method to be \"nearest\" or \"gptq\", found \"gptqq\""
    ),
    (
      "{ step: 'quantize', scheme: 'int8', scaleSearch: true }",
      "expected scaleSearch to be \"weights\" or \"activations\", found true"
    ),
    (
      "{ step: 'quantize', scheme: 'int8', overrides: [ { match: 'x(', scheme: 'int8' } ] }",
      "match \"x(\" is no pattern over tensor names: expected a \")\" for this \"(\", found none at character 2"
    ),
    (
      "{ step: 'quantize', scheme: 'int8', overrides: [ { match: 'x', scheme: 'bf16', group: 32 } ] }",
      "the scheme \"bf16\" has no group; remove the field \"group\""
    ),
    (
      "{ step: 'quantize', scheme: 'int8', overrides: {} }",
      "expected the overrides, an array, found an object"
    ),
    ("{ step: 'prune-heads', remove: 1 }", "the step \"prune-heads\" lacks the field \"unit\""),
    (
      "{ step: 'prune-heads', unit: 'head', remove: 1 }",
      "expected unit to be \"kv-group\", \"query-head\" or \"query-head-per-group\", found \"head\""
    ),
    (
      "{ step: 'prune-heads', unit: 'kv-group', remove: -1 }",
      "expected remove, an integer of at least 0 or an array of one such integer per layer, found -1"
    ),
    (
      "{ step: 'prune-heads', unit: 'kv-group', remove: [1, 1.5] }",
      "expected the layer's count, an integer from 0 to 2^63 - 1, found 1.5"
    ),
    (
      "{ step: 'prune-heads', unit: 'kv-group', remove: 1, repair: 'yes' }",
      "expected repair, true, false or a number from 0.0 to 1.0, found \"yes\""
    ),
    (
      "{ step: 'prune-heads', unit: 'kv-group', remove: 1, removeShare: 0.1 }",
      "expected one of \"remove\", \"removeShare\" or \"errorBudget\" in the step \"prune-heads\", "
        + "found \"remove\" and \"removeShare\"; keep one"
    ),
    (
      "{ step: 'prune-heads', unit: 'kv-group', errorBudget: 2 }",
      "expected errorBudget, a number from 0.0 to 1.0, found 2"
    ),
    (
      "{ step: 'prune-heads', unit: 'kv-group', removeShare: 0.1, trial: true }",
      "trials decide which unit is removed first from a layer whose count is given; "
        + "use \"remove\", or leave the field \"trial\" out"
    ),
    (
      "{ step: 'prune-neurons', remove: 100 }",
      "expected multiples of the group, 128, so that what is left can be rounded in groups, found 100; "
        + "use 0 or 128, or a smaller group"
    ),
    ("{ step: 'prune-neurons', group: 16, remove: 32 }", "expected group to be 32, 64 or 128, found 16"),
    (
      "{ step: 'prune-neurons', group: 32, remove: 32 }, { step: 'rotate' }",
      "expected \"rotate\" to be the first step and to occur once, found it after \"prune-neurons\"; move it to the "
        + "beginning"
    ),
    (
      "{ step: 'rotate' }, { step: 'rotate', seed: 2 }",
      "expected \"rotate\" to be the first step and to occur once, found it after \"rotate\"; remove one of them"
    ),
    (
      "{ step: 'rotate', hiddenStates: false, values: false }",
      "expected the step \"rotate\" to rotate hidden states or values, found both false; set one to true, or remove the "
        + "step"
    ),
    ("{ step: 'rotate', values: 'no' }", "expected values, true or false, found \"no\""),
    (
      "{ step: 'smooth', method: 'awk' }",
      "expected method to be \"awq\" or \"smoothquant\", found \"awk\""
    ),
    (
      "{ step: 'smooth', method: 'awq', alpha: 0.5 }",
      "the method \"awq\" finds its exponent itself; remove the field \"alpha\", or use \"smoothquant\""
    ),
    (
      "{ step: 'smooth', method: 'smoothquant', alpha: 1.5 }",
      "expected alpha, a number from 0.0 to 1.0, found 1.5"
    ),
    (
      "{ step: 'smooth', method: 'awq' }",
      "the step \"smooth\" prepares weights for rounding, but no step that rounds follows; "
        + "add a step \"quantize\" at the end, or remove this one"
    ),
    (
      "{ step: 'budget' }",
      "expected one of \"bitsPerWeight\", \"bytes\" or \"kl\" in the step \"budget\", found none; "
        + "say how large the model may be, or how much its output may change"
    ),
    (
      "{ step: 'budget', bytes: 10, kl: 0.1 }",
      "expected one of \"bitsPerWeight\", \"bytes\" or \"kl\" in the step \"budget\", found \"bytes\" and \"kl\"; "
        + "keep one"
    ),
    (
      "{ step: 'budget', kl: 0.1, choices: [{ scheme: 'int8' }, { scheme: 'int8' }] }",
      "expected each of the choices once, found int8 again; remove one"
    ),
    (
      "{ step: 'budget', kl: 0.1, choices: [] }",
      "expected at least one of the choices, found none; add one or leave the field out"
    ),
  ])
  func refusesStep(step: String, problem: String) {
    #expect(refusal(recipe(step: step)) == "r.json5, line 3: " + problem)
  }

  @Test func refusesTheRest() {
    #expect(refusal("[]") == "r.json5, line 1: expected a recipe, an object, found an array")
    #expect(refusal("{ name: 'r' }") == "r.json5, line 1: the recipe lacks the field \"steps\"")
    #expect(refusal("{ steps: [] }") == "r.json5, line 1: the recipe lacks the field \"name\"")
    #expect(
      refusal("{ name: 3,\n steps: [] }") == "r.json5, line 1: expected the recipe's name, a string, found 3")
    #expect(
      refusal("{ name: 'r', steps: [],\n\n step: 1 }")
        == "r.json5, line 3: unknown field \"step\" in a recipe; "
        + "expected one of \"name\", \"steps\" and \"calibration\"")
    #expect(
      refusal("{ name: 'r', steps: [\n{ step: 'quantize', scheme: 'int8' },\n{ step: 'quantize' } ] }")
        == "r.json5, line 3: expected \"quantize\" to be the last step, found another step after it; "
        + "move that step before it, or use overrides for a second scheme")
    #expect(
      refusal("{ name: 'r', steps: [], calibration: {\n  windows: 0 } }")
        == "r.json5, line 2: expected windows, an integer from 1 to 1000000, found 0")
    #expect(
      refusal("{ name: 'r', steps: [], calibration: {\n seeds: 0 } }")
        == "r.json5, line 2: unknown field \"seeds\" in the calibration; "
        + "expected one of \"source\", \"windows\", \"tokens\", \"seed\", \"mode\" and \"statistics\"")
    #expect(
      refusal("{ name: 'r',\n steps: [}")
        == "r.json5, line 2, column 10: expected a value, found '}'")
  }

  @Test func aFileThatIsNotThere() {
    let error = #expect(throws: ConversionError.self) { _ = try Recipe(path: "no/such.json5") }
    #expect(
      error?.description
        == "cannot read the recipe no/such.json5; check that the file exists and may be read")
  }

  @Test func linesAreFoundBehindCommentsAndStrings() {
    let text = """
      /* { steps: [ */ {
        // name: "not this one",
        'name': "brackets ]}{[ \\" and quotes",
        "steps": [
          { step: 'quantize' /* , */, scheme: "int8" },
          // {
          { step: 'nonsense', },
        ],
      }
      """
    #expect(refusal(text)?.hasPrefix("r.json5, line 7: ") == true)
  }
}
