import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuirePacks
import QuireTensors
import QuireText
import TestSupport
import Testing

/// Conversions whose `quantize` step looks at activations, end to end.
@Suite struct CalibratedConversionTests {
  private let bench = CalibratedConversion()
  private var folder: TemporaryFolder { bench.folder }
  private var compute: Compute { bench.compute }
  private var output: String { bench.output }

  @discardableResult
  private func convert(
    _ steps: [RecipeStep], upcoming: [RecipeStep] = [], threads: Int = 2, to path: String? = nil
  ) throws -> ConversionReport {
    try bench.convert(steps, upcoming: upcoming, threads: threads, to: path)
  }

  private func logits(_ model: Model) throws -> [Float] { try bench.logits(model) }
  private func packedLogits() throws -> [Float] { try bench.packedLogits() }

  private func squaredDistance(_ left: [Float], _ right: [Float]) -> Float {
    zip(left, right).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  private func quantize(_ method: QuantizationMethod) -> RecipeStep {
    .quantize(
      .init(target: .int4(group: 32), method: method, overrides: [.init(pattern: "1.mlp.up", target: .bf16)]))
  }

  /// Norms are bf16 after smoothing, scaled or not. Nothing is rounded at the first MLP's input, so AWQ leaves it as
  /// it is.
  @Test func planReportAndPackHaveTheSameSize() throws {
    TinyCheckpoint(layerCount: 2).write(to: folder)
    let settings = QuantizationSettings(
      target: .int4(group: 32),
      overrides: [QuantizationOverride(pattern: "0.mlp.(gate|up)_proj", target: .bf16)])
    let converter = try bench.converter(bench.recipe([.smooth(.init(method: .awq)), .quantize(settings)]))
    let report = try converter.run(output: output)
    let (row, stage) = (try #require(report.rows.last), converter.plan.result)
    let tensors = try PackReader(path: output).tensors
    #expect(row.byteCount == stage.byteCount && row.bitsPerWeight == stage.bitsPerWeight)
    #expect(tensors.reduce(0) { $0 + $1.rawBytes } == stage.byteCount)
    for planned in stage.tensors {
      let stored = try #require(tensors.first { $0.name == planned.name.string })
      #expect(stored.rawBytes == planned.byteCount, "\(stored.name)")
    }
    let loader = try LayerLoader(Checkpoint(path: folder.path))
    let model = try Model(pack: PackReader(path: output), team: bench.compute.team)
    let scaled = model.norm(.layer(0, .inputNorm))
    #expect(try !zip(scaled.buffer, loader.layer(0).inputNorm.buffer).allSatisfy(==))
  }

  @Test(arguments: [false, true])
  func gptqRunsThroughEveryMatrix(tied: Bool) throws {
    TinyCheckpoint(layerCount: 3, tiesEmbeddings: tied).write(to: folder)
    let report = try convert([quantize(.gptq)])
    let records = report.rows[1].rounding
    #expect(records.count == (tied ? 1 : 2) + 3 * 7 - 1)
    for record in records {
      if case .layer = record.tensor {
        #expect(record.method == .gptq && record.damping == DampedGram.standardShare)
        let error = try #require(record.outputError)
        #expect(error > 0.005 && error < record.relativeError)
      } else {
        #expect(record.method == .nearest && record.outputError == nil)
      }
      #expect(!record.isFallback)
    }
    #expect(report.rows[1].notes.isEmpty)
    #expect(report.rows[1].json["outputErrors"]?.objectValue?.keys.count == 20)
    let found = try packedLogits()
    let reference = try logits(Model(checkpoint: Checkpoint(path: folder.path)))
    try convert([quantize(.nearest)])
    let nearest = try packedLogits()
    #expect(squaredDistance(found, reference) < squaredDistance(nearest, reference))
  }

  /// lm_head is solved too where it has few bits and its inputs are known: not when it is the embedding, and not with
  /// statistics from a file.
  @Test func headsOfFewBitsAreSolved() throws {
    func convert(_ method: QuantizationMethod, tied: Bool) throws -> RoundingRecord? {
      TinyCheckpoint(layerCount: 2, tiesEmbeddings: tied).write(to: folder)
      let settings = QuantizationSettings(
        target: .int8(), method: method,
        overrides: [.init(pattern: "lm_head|embed", target: .nl3(group: 32))])
      return try bench.convert([.quantize(settings)]).rows[1].rounding.first { $0.tensor == .head }
    }
    let reference = try { () throws -> [Float] in
      TinyCheckpoint(layerCount: 2).write(to: folder)
      return try logits(Model(checkpoint: Checkpoint(path: folder.path)))
    }()
    let nearest = try #require(try convert(.nearest, tied: false))
    let distance = squaredDistance(try packedLogits(), reference)
    let solved = try #require(try convert(.gptq, tied: false))
    #expect(nearest.method == .nearest && nearest.outputError == nil)
    #expect(solved.method == .gptq)
    #expect(try #require(solved.outputError) < nearest.relativeError)
    #expect(squaredDistance(try packedLogits(), reference) < distance)
    #expect(try convert(.gptq, tied: true) == nil)
  }

  @Test(arguments: ScaleSearchMeasure.allCases)
  func searchedScalesReachEveryMatrix(measure: ScaleSearchMeasure) throws {
    TinyCheckpoint().write(to: folder)
    func errors(_ search: ScaleSearchMeasure?) throws -> [Double] {
      let step = RecipeStep.quantize(.init(target: .int4(group: 32), scaleSearch: search))
      return try convert([step]).rows[1].rounding.filter { $0.format.scheme == .int4 }.map(\.relativeError)
    }
    let (plain, searched) = (try errors(nil), try errors(measure))
    #expect(plain.count == 14)
    for (before, after) in zip(plain, searched) {
      #expect(measure == .weights ? after < before : after != before)
    }
  }

  /// In float32 nothing is lost by folding, so that the model must answer as before.
  @Test(arguments: [SmoothingMethod.awq, .smoothQuant(alpha: 0.5)])
  func smoothingChangesNothingButTheWeights(method: SmoothingMethod) throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 2, element: "F32").write(to: folder)
    let reference = try logits(Model(checkpoint: Checkpoint(path: folder.path)))
    let steps: [RecipeStep] = [.smooth(.init(method: method)), quantize(.nearest)]
    let report = try convert(Array(steps.prefix(1)), upcoming: Array(steps.suffix(1)))
    let found = try packedLogits()
    #expect(largestDifference(found, reference) < 2e-3)
    func query(_ model: Model) -> [Float] {
      let values = model.matrix(.layer(0, .queryProjection)).dequantized(kernels: compute.kernels)
      return (0..<values.count).map { values[$0] }
    }
    let before = query(try Model(checkpoint: Checkpoint(path: folder.path)))
    let after = query(try Model(pack: PackReader(path: output), team: compute.team))
    #expect(largestDifference(after, before) > 1e-3)
    let layers = try #require(report.rows[1].json["layers"]?.arrayValue)
    #expect(layers.count == 3 && layers.allSatisfy { $0["sites"]?.arrayValue?.count == 4 })
    #expect(report.rows[1].notes.isEmpty)
  }

  @Test func awqLowersTheErrorThatItLooksAt() throws {
    TinyCheckpoint(layerCount: 2).write(to: folder)
    let report = try convert([.smooth(.init(method: .awq)), quantize(.nearest)])
    for layer in try #require(report.rows[1].json["layers"]?.arrayValue) {
      for site in layer["sites"]?.arrayValue ?? [] {
        let (with, without) = (site["outputError"]?.doubleValue, site["outputErrorUnsmoothed"]?.doubleValue)
        #expect(try #require(with) <= #require(without))
      }
    }
  }

  /// Norms are bf16 after smoothing: plan, report and pack count them alike, and so does a limit.
  @Test(arguments: [false, true])
  func bitsCountTheNormsThatSmoothingScales(hasLimit: Bool) throws {
    TinyCheckpoint(layerCount: 2).write(to: folder)
    let smooth = RecipeStep.smooth(.init(method: .smoothQuant(alpha: 0.5)))
    let limit = 6.5
    let last =
      hasLimit
      ? RecipeStep.budget(.init(limit: .bitsPerWeight(limit), quantization: .init(target: .int4(group: 32))))
      : .quantize(.init(target: .int4(group: 32)))
    let report = try convert([smooth, last])
    let pack = try PackReader(path: output)
    let stored = pack.tensors.flatMap(\.streams).reduce(0) { $0 + $1.rawBytes }
    #expect(report.rows[2].byteCount == stored)
    #expect(report.rows[2].bitsPerWeight == 8 * Double(stored) / Double(report.rows[2].parameterCount))
    let norms = pack.tensors.filter { $0.name.contains("layernorm") }
    #expect(norms.count == 4 && norms.allSatisfy { $0.scheme == "bf16" })
    guard !hasLimit else { return #expect(report.rows[2].bitsPerWeight <= limit) }
    #expect(try bench.converter(bench.recipe([smooth, last])).plan.result.byteCount == stored)
  }

  /// The formats of a budget without fitting groups: a survey smooths with the smallest one that fits each matrix.
  @Test(arguments: [SmoothingMethod.awq, .smoothQuant(alpha: 0.5)])
  func aBudgetWhoseGroupsDoNotFitFollowsSmoothing(method: SmoothingMethod) throws {
    TinyCheckpoint(hiddenSize: 96, intermediateSize: 160, layerCount: 1).write(to: folder)
    let choices = BudgetSettings.standardChoices
    let report = try convert([
      .smooth(.init(method: method)),
      .budget(.init(limit: .bitsPerWeight(7), quantization: .init(target: choices[0]))),
    ])
    #expect(report.rows[2].bitsPerWeight <= 7)
    try PackReader(path: output).verify(team: bench.compute.team)
  }

  /// Matrices that nothing rounds stay float32 if the checkpoint has them so, and norms that bf16 does not hold, unless
  /// they are smoothed. Plan, report and pack count alike, and a limit holds.
  @Test(arguments: [false, true], [false, true])
  func float32IsCountedAsItIsStored(smooths: Bool, hasLimit: Bool) throws {
    TinyCheckpoint(layerCount: 2, element: "F32").write(to: folder)
    let rest = QuantizationOverride(pattern: "embed|o_proj", target: .bf16)
    let rounding = QuantizationSettings(target: .int4(group: 32), overrides: [rest])
    let limit = 16.0
    let steps: [RecipeStep] =
      (smooths ? [.smooth(.init(method: .awq))] : []) + [
        hasLimit
          ? .budget(
            .init(
              limit: .bitsPerWeight(limit), choices: [.int4(group: 32), .int8(), .bf16],
              quantization: rounding))
          : .quantize(rounding)
      ]
    let report = try convert(steps)
    let tensors = try PackReader(path: output).tensors
    let stored = tensors.reduce(0) { $0 + $1.rawBytes }
    let row = try #require(report.rows.last)
    #expect(row.byteCount == stored)
    #expect(report.rows[0].bitsPerWeight == 32)
    let norms = tensors.filter { $0.name.contains("layernorm") }
    #expect(norms.count == 4 && norms.allSatisfy { $0.scheme == (smooths ? "bf16" : "float32") })
    if hasLimit {
      #expect(row.bitsPerWeight <= limit)
    } else {
      let plan = try bench.converter(bench.recipe(steps)).plan
      #expect(plan.result.byteCount == stored && plan.source.bitsPerWeight == 32)
    }
  }

  /// A norm before matrices that overrides leave unrounded is not smoothed.
  @Test(arguments: [false, true])
  func aNormThatNothingSmoothsStaysFloat32(isBudget: Bool) throws {
    TinyCheckpoint(layerCount: 2, element: "F32").write(to: folder)
    let rounding = QuantizationSettings(
      target: .int4(group: 32),
      overrides: [
        .init(pattern: "layers.0.self_attn.[qkv]_proj", target: .bf16),
        .init(pattern: "layers.1.mlp.gate", target: .bf16),
      ])
    let last: RecipeStep =
      isBudget
      ? .budget(.init(limit: .bitsPerWeight(12), choices: [.int4(group: 32)], quantization: rounding))
      : .quantize(rounding)
    let steps: [RecipeStep] = [.smooth(.init(method: .awq)), last]
    let report = try convert(steps)
    let tensors = try PackReader(path: output).tensors
    let kept = tensors.filter { $0.name.contains("layernorm") && $0.scheme == "float32" }.map(\.name)
    #expect(kept == ["model.layers.0.input_layernorm.weight"])
    let stored = tensors.reduce(0) { $0 + $1.rawBytes }
    #expect(report.rows.last?.byteCount == stored)
    #expect(try bench.converter(bench.recipe(steps)).plan.result.byteCount == stored)
  }

  @Test func smoothingGoesBetweenPruningAndGPTQ() throws {
    TinyCheckpoint(layerCount: 2, queryHeadCount: 6, keyValueHeadCount: 3).write(to: folder)
    let steps: [RecipeStep] = [
      .pruneHeads(.init(unit: .queryHead, removal: .uniform(1))), .smooth(.init(method: .awq)),
      quantize(.gptq),
    ]
    let first = folder.path + "/first.quire"
    let report = try convert(steps, threads: 1, to: first)
    #expect(report.configuration.layers[0].queryHeadCount == 5)
    try convert(steps, threads: 2)
    #expect(FileManager.default.contents(atPath: first) == FileManager.default.contents(atPath: output))
    let areFinite = try packedLogits().allSatisfy { $0.isFinite }
    #expect(areFinite)
  }

  @Test func gptqFollowsPruning() throws {
    TinyCheckpoint(layerCount: 2, queryHeadCount: 6, keyValueHeadCount: 3).write(to: folder)
    let report = try convert([
      .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1))), quantize(.gptq),
    ])
    #expect(report.configuration.layers[1].queryHeadCount == 4)
    let areFinite = try packedLogits().allSatisfy { $0.isFinite }
    #expect(areFinite)
  }

  @Test func equalInputsGiveEqualBytes() throws {
    TinyCheckpoint(queryHeadCount: 8, keyValueHeadCount: 4).write(to: folder)
    let first = folder.path + "/first.quire"
    try convert([quantize(.gptq)], threads: 1, to: first)
    try convert([quantize(.gptq)], threads: 2)
    #expect(FileManager.default.contents(atPath: first) == FileManager.default.contents(atPath: output))
  }

  @Test func trouble() {
    let records = [
      RoundingRecord(
        tensor: .layer(0, .keyProjection), format: .int4(group: 32), method: .gptq, relativeError: 0.1,
        outputError: 0.05, damping: 0.1),
      RoundingRecord(
        tensor: .layer(1, .downProjection), format: .int4(group: 32), method: .nearest, isFallback: true,
        relativeError: 0.1),
    ]
    let row = ConversionReport.Row(
      step: "quantize", parameterCount: 1, byteCount: 1, bitsPerWeight: 4, pruning: [:], rounding: records)
    #expect(
      row.notes == [
        "the damping of model.layers.0.self_attn.k_proj.weight was raised to 10% of the mean diagonal, because its "
          + "inputs' statistics are not positive definite with less; more calibration text may help",
        "the inputs of model.layers.1.mlp.down_proj.weight have no usable statistics, even with their whole mean "
          + "square added to the diagonal, so it was rounded to nearest; give more or other calibration text",
      ])
    #expect(row.json["notes"]?.arrayValue?.count == 2)
    #expect(row.json["outputErrors"]?.objectValue?.keys.count == 1)
  }
}
