import QuireCalibration
import QuireCheckpoints
import QuireConversion
import QuireModel
import QuireOptimization
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Conversions whose first step is `rotate`.
@Suite struct RotationConversionTests {
  private let bench = CalibratedConversion()

  private func reference() throws -> [Float] {
    try bench.logits(Model(checkpoint: Checkpoint(path: bench.folder.path)))
  }

  /// The largest difference of logits as a share of the largest logit.
  private func difference(_ found: [Float], _ expected: [Float]) -> Float {
    largestDifference(found, expected) / (expected.map(abs).max() ?? 1)
  }

  private func distance(_ steps: [RecipeStep], from reference: [Float]) throws -> Float {
    try bench.convert(steps)
    return zip(try bench.packedLogits(), reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  private static func nearest(_ target: WeightFormat) -> RecipeStep { .quantize(.init(target: target)) }

  private func embedding(_ model: Model) -> [Float] {
    let floats = model.matrix(.embedding).dequantized(kernels: bench.compute.kernels)
    return Array(floats.buffer)
  }

  struct Case: Sendable {
    var hiddenSize = 64
    var headSize = 32
    var isTied = false
    var settings = RotationSettings()
  }

  /// In float32, where no weight is rounded to a shorter type, the function stays the same: also with hidden states and
  /// heads whose sizes are no power of two.
  @Test(arguments: [
    Case(), Case(isTied: true), Case(hiddenSize: 96, headSize: 40), Case(hiddenSize: 56, headSize: 14),
    Case(settings: .init(rotatesValues: false)),
    Case(isTied: true, settings: .init(hiddenStates: .unchanged)),
    Case(isTied: true, settings: .init(hiddenStates: .rotatedIfUntied)),
    Case(isTied: false, settings: .init(hiddenStates: .rotatedIfUntied)),
  ])
  func theFunctionStays(_ example: Case) throws {
    TinyCheckpoint(
      hiddenSize: example.hiddenSize, layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3,
      headSize: example.headSize, tiesEmbeddings: example.isTied, element: "F32"
    ).write(to: bench.folder)
    try bench.convert([.rotate(example.settings)])
    let (source, rotated) = (
      try Model(checkpoint: Checkpoint(path: bench.folder.path)),
      try Model(pack: PackReader(path: bench.output), team: bench.compute.team)
    )
    #expect(difference(try bench.logits(rotated), try bench.logits(source)) < 1e-4)
    let isRotated = example.settings.rotatesHiddenStates(of: source.configuration)
    #expect((embedding(rotated) == embedding(source)) == !isRotated)
    // Folding the final norm makes lm_head a matrix of its own.
    #expect(rotated.configuration.tiesEmbeddings == (example.isTied && !isRotated))
  }

  /// Adapters are added to the weights before they are rotated.
  @Test func anAdapterIsRotatedWithItsWeights() throws {
    TinyCheckpoint(element: "F32").write(to: bench.folder)
    let merged = try Checkpoint(path: bench.folder.path, adapters: [TinyAdapter.write(to: bench.folder)])
    let converter = try Converter(
      merged, recipe: bench.recipe([.rotate(.init())]), compute: bench.compute, toolVersion: "test")
    _ = try converter.run(output: bench.output)
    let expected = try bench.logits(Model(checkpoint: merged))
    #expect(difference(try bench.packedLogits(), expected) < 1e-4)
    #expect(difference(expected, try reference()) > 1e-2)
  }

  /// Another seed gives other weights, and the same seed the same.
  @Test func theSeedDecides() throws {
    TinyCheckpoint().write(to: bench.folder)
    let found = try [UInt64(1), 1, 2].map { seed in
      try bench.convert([.rotate(.init(seed: seed))])
      return embedding(try Model(pack: PackReader(path: bench.output), team: bench.compute.team))
    }
    #expect(found[0] == found[1] && found[0] != found[2])
  }

  /// Matrices in which one input of 16 has large weights are rounded more exactly after a rotation.
  @Test func outliersAreSpread() throws {
    let checkpoint = TinyCheckpoint(layerCount: 2)
    checkpoint.write(to: bench.folder, extraTokens: []) { name, shape in
      let values = checkpoint.values(of: name, shape: shape)
      guard name.contains("mlp.") || name.contains("v_proj") else { return values }
      return values.enumerated().map { $0.offset % shape[1] % 16 == 3 ? 6 * $0.element : $0.element }
    }
    let reference = try reference()
    let plain = try distance([Self.nearest(.int4(group: 64))], from: reference)
    let rotated = try distance([.rotate(.init()), Self.nearest(.int4(group: 64))], from: reference)
    #expect(rotated < 0.7 * plain)
  }

  /// The float model's hidden states, which the target follows, are those of the rotated layers.
  @Test func asymmetricCalibrationFollowsTheRotatedModel() throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let reference = try reference()
    func steps(_ asymmetry: Double) -> [RecipeStep] {
      var settings = QuantizationSettings(
        target: .nl3(group: 32), method: .gptq, scaleSearch: .activations,
        overrides: [.init(pattern: "embed|lm_head", target: .bf16)])
      settings.asymmetry = asymmetry
      return [.rotate(.init()), .smooth(.init(method: .awq)), .quantize(settings)]
    }
    let plain = try distance(steps(0), from: reference)
    #expect(try distance(steps(0.5), from: reference) < plain)
  }

  /// Rotations mix only what a head or the hidden states consist of, so the same heads are removed, with the same repair.
  @Test(arguments: [true, false])
  func pruningFindsTheSame(repairs: Bool) throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3, element: "F32")
      .write(to: bench.folder)
    let steps: [RecipeStep] = [
      .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1), repairs: repairs)),
      .pruneNeurons(.init(group: 32, removal: .uniform(32), repairs: repairs)),
    ]
    let plain = try bench.convert(steps)
    let expected = try bench.packedLogits()
    let rotated = try bench.convert([.rotate(.init())] + steps)
    for layer in 0..<3 {
      #expect(
        plain.rows[1].pruning[layer]?.keptKeyValueHeads == rotated.rows[2].pruning[layer]?.keptKeyValueHeads)
    }
    #expect(difference(try bench.packedLogits(), expected) < 2e-3)
  }

  /// The plan counts the matrix that a tied lm_head becomes, and says so.
  @Test func thePlanCountsASeparateHead() throws {
    TinyCheckpoint(tiesEmbeddings: true).write(to: bench.folder)
    let steps: [RecipeStep] = [.rotate(.init()), Self.nearest(.int4(group: 32))]
    let converter = try bench.converter(bench.recipe(steps))
    let stages = converter.plan.stages
    #expect(stages[1].parameterCount == stages[0].parameterCount + 320 * 64)
    #expect(converter.plan.text.contains("two matrices with 20.48 K more parameters"))
    let report = try bench.convert(steps)
    #expect(report.rows.map(\.byteCount) == stages.map(\.byteCount))
    #expect(report.rows[2].rounding.map(\.tensor).contains(.head))
    let pack = try PackReader(path: bench.output)
    try pack.verify(team: bench.compute.team)
    let kept = try bench.converter(
      bench.recipe([.rotate(.init(hiddenStates: .unchanged)), Self.nearest(.int4(group: 32))]))
    #expect(kept.plan.result.parameterCount == stages[0].parameterCount)
  }

  /// A survey measures the rotated matrices, of a tied model too.
  @Test(arguments: [false, true])
  func aBudgetIsDecided(tied: Bool) throws {
    TinyCheckpoint(tiesEmbeddings: tied).write(to: bench.folder)
    let reference = try reference()
    let report = try bench.convert([
      .rotate(.init()), .smooth(.init(method: .awq)),
      .budget(
        .init(
          limit: .bitsPerWeight(7), choices: [.int4(group: 32), .int8()],
          quantization: .init(target: .int4(group: 32), method: .gptq))),
    ])
    #expect(report.rows[3].bitsPerWeight <= 7)
    #expect(report.rows[3].decision?.choices.map(\.tensor).contains(.head) == true)
    #expect(difference(try bench.packedLogits(), reference) < 0.2)
  }

  @Test func statisticsOfTheUnrotatedModelAreRefused() throws {
    TinyCheckpoint().write(to: bench.folder)
    let steps: [RecipeStep] = [.rotate(.init()), .quantize(.init(target: .int8(), method: .gptq))]
    var calibration = bench.recipe(steps).calibration
    calibration.statistics = "s.safetensors"
    let error = #expect(throws: ConversionError.self) {
      try bench.converter(bench.recipe(steps).replacingCalibration(calibration))
    }
    #expect(
      error?.description
        == "expected no statistics from a file in a recipe with the step \"rotate\", found s.safetensors, whose "
        + "magnitudes are those of the unrotated activations; let the recipe run its calibration text instead"
    )
  }
}
