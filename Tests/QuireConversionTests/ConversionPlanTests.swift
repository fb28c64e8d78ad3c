import Foundation
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuirePacks
import QuireTensors
import TestSupport
import Testing

@Suite struct ConversionPlanTests {
  /// The demo model's shape.
  private let demo = ModelConfiguration(
    hiddenSize: 256, headSize: 32, vocabularySize: 768, tiesEmbeddings: false,
    layers: Array(
      repeating: LayerShape(queryHeadCount: 8, keyValueHeadCount: 4, intermediateSize: 768), count: 6))

  private func plan(_ steps: [RecipeStep], _ configuration: ModelConfiguration) throws(ConversionError)
    -> ConversionPlan
  {
    try ConversionPlan(
      recipe: Recipe(name: "test", steps: steps), configuration: configuration, threadCount: 2)
  }

  /// The sentence with which the steps are refused for the demo model.
  private func refusal(_ steps: [RecipeStep]) -> String? {
    do throws(ConversionError) {
      _ = try plan(steps, demo)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func aCacheThatDoesNotShrinkIsSaidToKeepItsSize() throws {
    let heads = try plan([.pruneHeads(.init(unit: .queryHeadPerGroup, removal: .uniform(1)))], demo)
    #expect(heads.text.contains("heads: the KV cache keeps its size: only query heads are removed"))
    let none = try plan([.pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(0)))], demo)
    #expect(none.text.contains("heads: none is removed"))
    let groups = try plan([.pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1)))], demo)
    #expect(groups.text.contains("heads: the KV cache shrinks by 25.0%, from 3072 to 2304 bytes per token"))
  }

  @Test func aDiskWithoutRoomIsRefusedBeforeTheWork() throws {
    let plan = try plan([.quantize(.init(target: .int4(group: 64)))], demo)
    let (least, most) = (plan.leastDiskBytes(isDelta: false), plan.mostDiskBytes)
    #expect(most == plan.result.byteCount && least > most / 2 && least < most * 9 / 10)
    #expect(plan.leastDiskBytes(isDelta: true) == 0)
    func room(_ freeBytes: Int?, written: Int = 0) -> DiskRoom {
      DiskRoom(plan, folder: "/packs", freeBytes: freeBytes, writtenBytes: written)
    }
    let refusal = try #require(room(least - 1).refusal)
    #expect(
      refusal.hasPrefix("expected at least ")
        && refusal.contains(" of free disk space in /packs for the pack and its temporary files, found "))
    #expect(room(least - 1).warning == nil && room(least - 1).sentence?.hasSuffix(refusal) == true)
    #expect(room(least).refusal == nil && room(least).warning?.contains("in /packs") == true)
    #expect(room(most).sentence == nil && room(nil).sentence == nil)
    #expect(room(least - 1, written: 1).refusal == nil)
  }

  /// As for a conversion; a delta pack may hold next to nothing.
  @Test func aDiskWithoutRoomForARewrittenPackIsRefused() throws {
    let bench = CalibratedConversion()
    TinyCheckpoint(layerCount: 1).write(to: bench.folder)
    try bench.convert([.quantize(.init(target: .int8()))])
    let tensors = try PackReader(path: bench.output).tensors
    let most = tensors.reduce(0) { $0 + $1.rawBytes }
    func room(_ freeBytes: Int, isDelta: Bool) -> DiskRoom {
      DiskRoom(rewriting: tensors, folder: "/packs", freeBytes: freeBytes, isDelta: isDelta)
    }
    #expect(room(most, isDelta: false).sentence == nil)
    #expect(room(most - 1, isDelta: false).warning != nil)
    #expect(room(most / 5, isDelta: false).refusal?.contains(" of free disk space in /packs") == true)
    #expect(room(most / 5, isDelta: true).refusal == nil && room(most / 5, isDelta: true).warning != nil)
  }

  @Test func smoothingThatHasNothingToDoIsSaid() throws {
    func text(_ overrides: [QuantizationOverride]) throws -> String {
      try plan(
        [
          .smooth(.init(method: .awq)),
          .quantize(.init(target: .int4(group: 64), overrides: overrides)),
        ], demo
      ).text
    }
    #expect(try !text([]).contains("smooth: has no effect"))
    #expect(
      try text([QuantizationOverride(pattern: "down_proj", target: .bf16)]).contains(
        "smooth: has no effect at 6 of the 24 places where it could divide activations, because"))
    #expect(
      try text([QuantizationOverride(pattern: "proj", target: .bf16)]).contains(
        "smooth: has no effect at any place where it could divide activations"))
  }

  @Test func sizesBeforeAndAfterEachStep() throws {
    let plan = try plan(
      [
        .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1))),
        .quantize(.init(target: .int4(group: 64))),
      ], demo)
    #expect(plan.stages.map(\.step) == ["checkpoint", "prune-heads", "quantize"])
    #expect(plan.source.parameterCount == 5_115_520)
    #expect(plan.source.byteCount == 2 * 5_115_520)
    #expect(plan.source.bitsPerWeight == 16)
    // A group is 2 query heads and a key/value head: rows of q, k, v and columns of o.
    let pruned = 5_115_520 - 6 * (64 * 256 + 2 * 32 * 256 + 64 * 256)
    #expect(plan.stages[1].parameterCount == pruned)
    #expect(plan.result.parameterCount == pruned)
    #expect(
      plan.result.configuration.layers[0]
        == LayerShape(queryHeadCount: 6, keyValueHeadCount: 3, intermediateSize: 768))
    let formats = Dictionary(uniqueKeysWithValues: plan.result.tensors.map { ($0.name.string, $0.format) })
    #expect(formats["model.layers.2.mlp.down_proj.weight"] == .int4(group: 64))
    #expect(formats["lm_head.weight"] == .int8())
    #expect(formats["model.norm.weight"] == .bf16)
    // 4 bits and a 16-bit scale per 64 weights, but for head and embedding (8 bits, a scale a row) and norms.
    let table = 768 * 256 + 2 * 768
    let norms = 2 * (13 * 256 + 12 * 32)
    let matrices = pruned - 2 * 768 * 256 - norms / 2
    #expect(plan.result.byteCount == 2 * table + norms + matrices / 2 + matrices / 32)
  }

  @Test func overridesInOrder() throws {
    let settings = QuantizationSettings(
      target: .int4(group: 128),
      overrides: [
        .init(pattern: "layers.0.mlp", target: .bf16), .init(pattern: "(gate|up)_proj", target: .int8()),
        .init(pattern: "lm_head", target: .int4(group: 32)),
      ])
    let formats = try TensorFormats(settings, demo)
    #expect(formats.format(of: .layer(0, .gateProjection)) == .bf16)
    #expect(formats.format(of: .layer(1, .gateProjection)) == .int8())
    #expect(formats.format(of: .layer(1, .downProjection)) == .int4(group: 128))
    #expect(formats.format(of: .head) == .int4(group: 32))
    #expect(formats.format(of: .embedding) == .int8())
    #expect(formats.format(of: .finalNorm) == .bf16)
  }

  @Test func tiedEmbeddingsAnswerToBothNames() throws {
    let tied = ModelConfiguration(
      hiddenSize: 256, headSize: 32, vocabularySize: 768, tiesEmbeddings: true, layers: demo.layers)
    let formats = try TensorFormats(
      .init(target: .int4(group: 128), overrides: [.init(pattern: "^lm_head", target: .int4(group: 64))]),
      tied)
    #expect(formats.format(of: .embedding) == .int4(group: 64))
  }

  @Test func refusals() {
    let pruning = RecipeStep.pruneHeads(.init(unit: .queryHead, removal: .uniform(1)))
    #expect(
      refusal([pruning, .quantize(.init(target: .int4(group: 64)))])
        == "group 64 does not divide the 224 inputs of model.layers.0.self_attn.o_proj.weight as \"prune-heads\" "
        + "leaves it; use a group that does, or an override for this tensor")
    #expect(refusal([pruning, .quantize(.init(target: .int4(group: 32)))]) == nil)
    #expect(
      refusal([.pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(4)))])
        == "\"remove\" asks for 4 of unit \"kv-group\" in layer 0, but a head must stay; expected at most 3")
    #expect(
      refusal([.pruneHeads(.init(unit: .queryHeadPerGroup, removal: .perLayer([0, 1, 0, 2, 0, 0])))])
        == "\"remove\" asks for 2 of unit \"query-head-per-group\" in layer 3, but a head must stay; "
        + "expected at most 1")
    #expect(
      refusal([.pruneHeads(.init(unit: .keyValueGroup, removal: .share(0.9)))])
        == "\"removeShare\" asks for 0.9 of all units \"kv-group\", but a head must stay in every layer; expected at most 0.75"
    )
    #expect(
      refusal([.pruneNeurons(.init(group: 128, removal: .share(0.9)))])
        == "\"removeShare\" asks for 0.9 of all units \"channel\", but a group must stay in every layer; expected at most 0.83"
    )
    #expect(refusal([.pruneNeurons(.init(group: 32, removal: .share(0.9)))]) == nil)
    #expect(
      refusal([.pruneHeads(.init(unit: .queryHead, removal: .perLayer([1, 1])))])
        == "\"remove\" has 2 counts, but the checkpoint has 6 layers; "
        + "write one count per layer, or one integer for all")
    #expect(
      refusal([
        .quantize(.init(target: .int8(), overrides: [.init(pattern: "lm_haed", target: .int8())]))
      ])
        == "the override \"lm_haed\" matches no matrix of this checkpoint, and norms are not rounded; "
        + "write a part of a name such as \"lm_head\" or \"down_proj\", or remove it")
  }

  @Test func theTextNamesSizesShapesAndMemory() throws {
    let text = try plan(
      [
        .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1))),
        .quantize(.init(target: .int4(group: 64))),
      ], demo
    ).text
    for part in [
      "recipe test, 2 steps", "checkpoint", "10.2 MB", "16.00", "self_attn.o_proj", "256×256 → 256×192",
      "int4 g64", "lm_head", "int8", "by 25.0%, from 3072 to 2304 bytes", "memory: at most",
      "disk: 134 MB next to the pack until it is finished (hidden states of the calibration text, as the steps leave them and "
        + "as the checkpoint has them)",
    ] {
      #expect(text.contains(part), "\(part) is missing")
    }
  }

  @Test func everyShippedRecipeFitsTheDemoAndQwen8B() throws {
    let large = try #require(PublishedShape(named: "qwen3-8b")).configuration
    for path in ["int8", "int4", "int4-gptq", "pruned-int4"] {
      let recipe = try Recipe(path: TestPaths.repository + "/recipes/\(path).json5")
      #expect(recipe.name == path)
      for configuration in [demo, large] {
        for count in 0...recipe.steps.count {
          let plan = try ConversionPlan(
            recipe: recipe.prefix(count), configuration: configuration, threadCount: 2)
          #expect(plan.stages.count == count + 1)
        }
      }
    }
    _ = try ConversionPlan(
      recipe: Recipe(path: TestPaths.repository + "/recipes/demo/pruned-int4.json5"), configuration: demo,
      threadCount: 2)
  }

  @Test func memoryOfAnEightBillionModel() throws {
    let large = try #require(PublishedShape(named: "qwen3-8b")).configuration
    let nearest = try ConversionPlan(
      recipe: Recipe(path: TestPaths.repository + "/recipes/int4.json5"), configuration: large, threadCount: 2
    )
    // The embedding in int8 is the largest thing held.
    #expect(nearest.memory.peakBytes > 3 * 151_936 * 4096 && nearest.memory.peakBytes < 2_500_000_000)
    let pruned = try ConversionPlan(
      recipe: Recipe(path: TestPaths.repository + "/recipes/pruned-int4.json5"), configuration: large,
      threadCount: 2)
    #expect(pruned.memory.parts.contains { $0.what == "calibration activations" })
    // The repair's statistics are squares of the MLP's width too.
    #expect(pruned.memory.peakBytes > 2_500_000_000 && pruned.memory.peakBytes < 5_000_000_000)
    // 64 windows of 512 tokens, twice in each of two files.
    #expect(pruned.scratchBytes == 4 * 64 * 512 * 4096 * 4)
    #expect(nearest.scratchBytes == 0 && nearest.surveyScratchBytes == 0)
    // The text twice, and 254 changes of a window, twice but for those of the last layer.
    let balanced = try ConversionPlan(
      recipe: Recipe(path: TestPaths.repository + "/recipes/balanced.json5"), configuration: large,
      threadCount: 2)
    #expect(
      balanced.surveyScratchBytes == 4 * 4096 * 1024 * (2 * 32 + 2 * 254 - 7),
      "\(balanced.surveyScratchBytes)")
    #expect(balanced.text.contains("disk: up to 9.48 GB next to the pack while the survey lasts"))
    let solved = try ConversionPlan(
      recipe: Recipe(path: TestPaths.repository + "/recipes/int4-gptq.json5"), configuration: large,
      threadCount: 2)
    // The widest input has 12,288 numbers, and its statistics are squares of it.
    let statistics = try #require(solved.memory.parts.first { $0.what == "statistics of one matrix" })
    #expect(statistics.byteCount > 2_700_000_000)
    #expect(solved.memory.peakBytes < 6_000_000_000)
  }
}
