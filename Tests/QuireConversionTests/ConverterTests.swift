import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuirePacks
import QuireTensors
import TestSupport
import Testing

@Suite struct ConverterTests {
  private let folder = TemporaryFolder()
  private let compute = Compute(threadCount: 2)
  private let prompt: [Int32] = (0..<50).map { ($0 * 37 + 11) % 250 }

  private var output: String { folder.path + "/model.quire" }

  /// A small calibration for steps that need one.
  private let calibration = CalibrationSettings(source: .bundled, windowCount: 4, windowTokens: 64, seed: 3)

  private func recipe(_ steps: RecipeStep...) -> Recipe {
    Recipe(name: "test", steps: steps, calibration: calibration, text: "the recipe's text")
  }

  @discardableResult
  private func convert(
    _ recipe: Recipe, threads: Int = 2, to path: String? = nil,
    progress: ((ConversionProgress) -> Void)? = nil
  ) throws -> ConversionReport {
    let converter = try Converter(
      Checkpoint(path: folder.path), recipe: recipe, compute: Compute(threadCount: threads),
      toolVersion: "test")
    return try converter.run(output: path ?? output, progress: progress)
  }

  private func packed() throws -> Model {
    try Model(pack: PackReader(path: output), team: compute.team)
  }

  private func logits(_ model: Model) -> [Float] {
    let blocks = KeyValueCache.blockCount(positions: prompt.count)
    let cache = KeyValueCache(model.configuration, blockCount: blocks, element: .float32)
    let pass = ForwardPass(model: model, cache: cache, compute: compute, maximumRows: prompt.count)
    return Array(
      pass.run(
        ForwardBatch(
          tokens: prompt,
          sequences: [.init(rowCount: prompt.count, firstPosition: 0, blocks: Array(0..<Int32(blocks)))],
          logitRows: Array(prompt.indices))))
  }

  /// The checkpoint's model with its matrices quantized one by one, without converter or pack.
  private func quantizedInMemory(_ format: (TensorName) -> WeightFormat) throws -> Model {
    let model = try Model(checkpoint: Checkpoint(path: folder.path))
    func matrix(_ name: TensorName) throws -> WeightMatrix {
      let format = format(name)
      guard format.scheme != .bf16 else { return model.matrix(name) }
      return .quantized(
        try NearestQuantizer(format).quantize(model.matrix(name), named: name.string, compute).matrix)
    }
    var layers = model.layers
    for index in layers.indices {
      for tensor in LayerTensor.projections { layers[index][tensor] = try matrix(.layer(index, tensor)) }
    }
    return Model(
      configuration: model.configuration, embedding: try matrix(.embedding), layers: layers,
      finalNorm: model.finalNorm, head: model.configuration.tiesEmbeddings ? nil : try matrix(.head))
  }

  /// Rounding them more coarsely is a property of the grid that the recipe does not ask for.
  @Test func weightsBelowTheSmallestScaleAreNamed() throws {
    let tiny = TinyCheckpoint()
    tiny.write(to: folder, extraTokens: []) { name, shape in
      tiny.values(of: name, shape: shape).map { name.contains("embed") ? 1e-4 * $0 : $0 }
    }
    let notes = try convert(recipe(.quantize(.init(target: .int8())))).rows[1].notes
    #expect(notes.count == 1)
    #expect(
      notes.first?.hasPrefix("320 scales of model.embed_tokens.weight had to be raised to 2^-14, ") == true,
      "\(notes)")
  }

  @Test(arguments: ["BF16", "F16", "F32"])
  func noStepKeepsEveryBit(element: String) throws {
    TinyCheckpoint(element: element).write(to: folder)
    let report = try convert(recipe())
    #expect(report.rows.map(\.step) == ["checkpoint"])
    let reference = try Model(checkpoint: Checkpoint(path: folder.path))
    let model = try packed()
    #expect(logits(model) == logits(reference))
  }

  @Test(arguments: [(false, 1), (true, 1), (false, 3)])
  func quantizedPacksRunAsTheMatricesTheyHold(tied: Bool, shards: Int) throws {
    TinyCheckpoint(tiesEmbeddings: tied, shardCount: shards).write(to: folder)
    let steps = QuantizationSettings(
      target: .int4(group: 32),
      overrides: [
        .init(pattern: "down_proj", target: .int4(group: 64)), .init(pattern: "1.self_attn", target: .bf16),
      ])
    let report = try convert(recipe(.quantize(steps)))
    let expected = try quantizedInMemory { name in
      if name == .embedding || name == .head { return .int8() }
      if case .layer(_, .downProjection) = name { return .int4(group: 64) }
      if case .layer(1, let tensor) = name, tensor.rawValue.hasPrefix("self_attn") { return .bf16 }
      return .int4(group: 32)
    }
    let model = try packed()
    #expect(logits(model) == logits(expected))
    #expect(model.weightBytes < report.rows[0].byteCount / 2)
    #expect(report.rows.map(\.step) == ["checkpoint", "quantize"])
    #expect(report.rows[1].rounding.count == (tied ? 1 : 2) + 10)
    #expect(report.rows[1].rounding.allSatisfy { $0.relativeError > 0.001 && $0.relativeError < 0.15 })
    try PackReader(path: output).verify(team: compute.team)
  }

  /// Where nothing is lost, the repair's float32 sums still move a few weights to the next bf16 number.
  private static let statisticsRounding: Float = 5e-4

  @Test(arguments: HeadUnit.allCases)
  func headsThatSayNothingGoWithoutATrace(unit: HeadUnit) throws {
    TinyCheckpoint(queryHeadCount: 6, keyValueHeadCount: 3).write(to: folder)
    let silent: [Int] =
      switch unit {
      case .keyValueGroup: [2, 3]
      case .queryHead: [4]
      case .queryHeadPerGroup: [0, 3, 4]
      }
    for layer in 0..<2 { try silenceHeads(silent, layer: layer) }
    let reference = logits(try Model(checkpoint: Checkpoint(path: folder.path)))
    let report = try convert(recipe(.pruneHeads(.init(unit: unit, removal: .uniform(1)))))

    let shape = report.configuration.layers[0]
    #expect(shape.queryHeadCount == 6 - silent.count)
    #expect(shape.keyValueHeadCount == (unit == .keyValueGroup ? 2 : 3))
    for result in report.rows[1].pruning.values {
      #expect(result.removed.flatMap(\.queryHeads).sorted() == silent)
      #expect(result.relativeError == 0)
    }
    let model = try packed()
    #expect(model.configuration.layers == report.configuration.layers)
    #expect(largestDifference(logits(model), reference) < Self.statisticsRounding)
  }

  @Test func aKeyValueHeadWithoutQueryHeadsGoesToo() throws {
    TinyCheckpoint(queryHeadCount: 4, keyValueHeadCount: 2).write(to: folder)
    for layer in 0..<2 { try silenceHeads([0, 1], layer: layer) }
    let reference = logits(try Model(checkpoint: Checkpoint(path: folder.path)))
    let report = try convert(recipe(.pruneHeads(.init(unit: .queryHead, removal: .uniform(2)))))
    #expect(
      report.configuration.layers[1]
        == LayerShape(queryHeadCount: 2, keyValueHeadCount: 1, intermediateSize: 128))
    let model = try packed()
    #expect(largestDifference(logits(model), reference) < Self.statisticsRounding)
  }

  @Test func repairMakesUpForAHeadThatAnotherOneDoubles() throws {
    TinyCheckpoint(queryHeadCount: 4, keyValueHeadCount: 2).write(to: folder)
    // Query head 1 asks as head 0 does and attends through the same key/value head.
    for layer in 0..<2 {
      try patch(.layer(layer, .queryProjection)) { weights in
        for index in 0..<(32 * 64) { weights[32 * 64 + index] = weights[index] }
      }
    }
    let reference = logits(try Model(checkpoint: Checkpoint(path: folder.path)))
    func deviation(repairs: Bool) throws -> Float {
      let report = try convert(
        recipe(.pruneHeads(.init(unit: .queryHead, removal: .uniform(1), repairs: repairs))))
      #expect(
        report.rows[1].pruning.values.allSatisfy { [[0], [1]].contains($0.removed.map { $0.queryHeads[0] }) })
      let found = logits(try packed())
      return zip(found, reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let (repaired, plain) = (try deviation(repairs: true), try deviation(repairs: false))
    #expect(repaired < 0.1 * plain)
  }

  @Test func layersThatDifferSurviveThePack() throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 8, keyValueHeadCount: 4).write(to: folder)
    let report = try convert(
      recipe(
        .pruneHeads(.init(unit: .queryHead, removal: .perLayer([0, 3, 1]))),
        .pruneHeads(.init(unit: .keyValueGroup, removal: .perLayer([1, 0, 1]))),
        .quantize(.init(target: .int4(group: 32)))))
    #expect(report.rows.map(\.step) == ["checkpoint", "prune-heads", "prune-heads", "quantize"])
    #expect(report.rows[1].pruning.keys.sorted() == [1, 2])
    #expect(report.rows[2].pruning.keys.sorted() == [0, 2])
    #expect(zip(report.rows, report.rows.dropFirst()).allSatisfy { $0.byteCount > $1.byteCount })
    let model = try packed()
    #expect(model.configuration.layers == report.configuration.layers)
    #expect(model.configuration.layers[1].queryHeadCount == 5)
    let areFinite = logits(model).allSatisfy { $0.isFinite }
    #expect(areFinite)
  }

  @Test func equalInputsGiveEqualBytes() throws {
    TinyCheckpoint(queryHeadCount: 8, keyValueHeadCount: 4).write(to: folder)
    let steps = recipe(
      .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1))),
      .quantize(.init(target: .int4(group: 32))))
    let first = folder.path + "/first.quire"
    try convert(steps, threads: 1, to: first)
    try convert(steps, threads: 2)
    #expect(
      FileManager.default.contents(atPath: first) == FileManager.default.contents(atPath: output))
  }

  @Test func theManifestTellsWhereThePackComesFrom() throws {
    TinyCheckpoint(queryHeadCount: 8, keyValueHeadCount: 4).write(to: folder)
    try convert(
      recipe(
        .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1))),
        .quantize(.init(target: .int4(group: 32)))))
    let manifest = try PackReader(path: output).manifest
    #expect(manifest.recipe?.text == "the recipe's text")
    #expect(manifest.recipe?.stepCount == 2)
    #expect(manifest.configuration?["num_key_value_heads"]?.intValue == 3)
    #expect(manifest.tokenizer?["model"]?["type"]?.stringValue == "BPE")
    #expect(manifest.tokenizerConfiguration?["eos_token"]?.stringValue == "<|im_end|>")
    #expect(manifest.generationConfiguration?["do_sample"]?.boolValue == true)
    let provenance = manifest.provenance
    #expect(manifest.toolVersion == "test")
    #expect(provenance?["calibration"]?["source"]?.stringValue == "bundled")
    #expect(provenance?["calibration"]?["seed"]?.intValue == 3)
    let files = provenance?["sources"]?.arrayValue?.compactMap { $0["file"]?.stringValue }
    #expect(files?.contains("model.safetensors") == true && files?.contains("tokenizer.json") == true)
    let rows = manifest.rows
    #expect(manifest.stepNames == ["checkpoint", "prune-heads", "quantize"])
    #expect(rows[1]["layers"]?.arrayValue?.count == 2)
    #expect(rows[2]["bitsPerWeight"]?.doubleValue.map { $0 < 8 } == true)
  }

  @Test func progressRisesToOne() throws {
    TinyCheckpoint(layerCount: 3).write(to: folder)
    var seen: [ConversionProgress] = []
    try convert(recipe(.quantize(.init(target: .int8())))) { seen.append($0) }
    #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.fractionDone <= $1.fractionDone })
    #expect(seen.first?.fractionDone == 0 && seen.first?.secondsLeft == nil)
    #expect(abs((seen.last?.fractionDone ?? 0) - 1) < 1e-9)
    #expect(seen.filter { $0.phase == .layers }.map(\.layersDone) == [1, 2, 3])
    #expect(seen.allSatisfy { $0.layerCount == 3 })
  }

  @Test func brokenWeightsLeaveNothingBehind() throws {
    TinyCheckpoint().write(to: folder)
    try patch(.layer(1, .upProjection)) { weights in weights[5] = 0x7fc0 }
    let error = #expect(throws: ConversionError.self) {
      try convert(recipe(.quantize(.init(target: .int8()))))
    }
    #expect(
      error?.description
        == "expected finite numbers in tensor \"model.layers.1.mlp.up_proj.weight\" of "
        + "\(folder.path)/model.safetensors, found a NaN or an infinity; download the file again; "
        + "if the model is your own, its training has diverged")
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains { $0.contains("quire") })
  }

  @Test func brokenActivationsAreNamed() throws {
    TinyCheckpoint(queryHeadCount: 4, keyValueHeadCount: 2).write(to: folder)
    // Each is a number that is read, but squares of their products, about 1e24, overflow in a sum.
    try patch(.layer(0, .inputNorm)) { weights in weights[5] = 0x4980 }  // 2^20
    try patch(.layer(0, .valueProjection)) { weights in weights[5] = 0x5d7f }  // 1.1e18
    let error = #expect(throws: ConversionError.self) {
      try convert(recipe(.pruneHeads(.init(unit: .queryHead, removal: .uniform(1)))))
    }
    #expect(
      error?.description.hasPrefix("expected finite numbers in the attention output of layer 0") == true)
  }

  @Test func unreadableOutputsAndTokenizers() throws {
    TinyCheckpoint().write(to: folder)
    let nowhere = #expect(throws: ConversionError.self) {
      try convert(recipe(), to: folder.path + "/no/such/folder/model.quire")
    }
    #expect(nowhere?.description.hasPrefix("expected to write ") == true)
    folder.write("{".utf8, to: "tokenizer.json")
    let broken = #expect(throws: ConversionError.self) { try convert(recipe()) }
    #expect(broken?.description.contains("tokenizer.json") == true)
  }

  // MARK: - helpers

  /// Zeroes the columns of the output projection that read the given heads.
  private func silenceHeads(_ heads: [Int], layer: Int) throws {
    try patch(.layer(layer, .outputProjection)) { weights in
      let columns = weights.count / 64  // hidden size 64
      for row in 0..<64 {
        for head in heads {
          for column in (head * 32)..<((head + 1) * 32) { weights[row * columns + column] = 0 }
        }
      }
    }
  }

  /// Changes the bf16 patterns of a tensor in the checkpoint's file.
  private func patch(_ name: TensorName, _ change: (inout [UInt16]) -> Void) throws {
    let record = try #require(Checkpoint(path: folder.path).record(name.string))
    let file = folder.path + "/model.safetensors"
    var bytes = [UInt8](try #require(FileManager.default.contents(atPath: file)))
    var weights = stride(from: record.range.lowerBound, to: record.range.upperBound, by: 2).map {
      UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8
    }
    change(&weights)
    for (index, weight) in weights.enumerated() {
      bytes[record.range.lowerBound + 2 * index] = UInt8(truncatingIfNeeded: weight)
      bytes[record.range.lowerBound + 2 * index + 1] = UInt8(truncatingIfNeeded: weight >> 8)
    }
    folder.write(bytes, to: "model.safetensors")
  }
}
