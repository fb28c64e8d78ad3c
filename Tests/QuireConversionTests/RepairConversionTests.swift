import QuireCalibration
import QuireCheckpoints
import QuireConversion
import QuireOptimization
import QuireModel
import QuirePacks
import QuireTensors
import Foundation
import TestSupport
import Testing

/// Conversions that prune with and without repair.
@Suite struct RepairConversionTests {
  private let bench = CalibratedConversion()

  private func distance(_ steps: [RecipeStep], from reference: [Float]) throws -> Float {
    try bench.convert(steps)
    return zip(try bench.packedLogits(), reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  private static func heads(_ repairs: Bool, share: Double? = 1) -> RecipeStep {
    .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1), repairs: repairs, repairShare: share))
  }
  private static func neurons(_ repairs: Bool) -> RecipeStep {
    .pruneNeurons(.init(group: 32, removal: .uniform(32), repairs: repairs, repairShare: 1))
  }

  @Test(arguments: ["heads", "neurons", "heads, neurons", "neurons, heads"])
  func repairBringsTheAnswersNearer(_ cuts: String) throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let reference = try bench.logits(Model(checkpoint: Checkpoint(path: bench.folder.path)))
    func steps(_ repairs: Bool) -> [RecipeStep] {
      cuts.split(separator: ", ").map { $0 == "heads" ? Self.heads(repairs) : Self.neurons(repairs) }
    }
    let (with, without) = (
      try distance(steps(true), from: reference), try distance(steps(false), from: reference)
    )
    #expect(with < 0.8 * without)
  }

  /// Layers that lose nothing stay as they are, and so does everything without repair.
  @Test func nothingElseIsTouched() throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let source = try Model(checkpoint: Checkpoint(path: bench.folder.path))
    func isSame(_ tensor: LayerTensor, layer: Int, repairs: Bool) throws -> Bool {
      try bench.convert([
        .pruneHeads(
          .init(unit: .keyValueGroup, removal: .perLayer([1, 0, 1]), repairs: repairs, repairShare: 1))
      ])
      let name = TensorName.layer(layer, tensor)
      return try floats(source, name) == floats(PackReader(path: bench.output), name)
    }
    #expect(try !isSame(.downProjection, layer: 0, repairs: true))
    #expect(try isSame(.downProjection, layer: 1, repairs: true))
    #expect(try isSame(.outputProjection, layer: 1, repairs: true))
    #expect(try isSame(.gateProjection, layer: 2, repairs: true))
    #expect(try isSame(.downProjection, layer: 0, repairs: false))
  }

  /// Every share is tried, and the one that leaves the answers nearest to the unpruned model's is applied, to the byte.
  @Test func theBestShareIsApplied() throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let tried = try bench.converter(bench.recipe([Self.heads(true, share: nil), Self.neurons(true)]))
    #expect(!tried.isSettled)
    let survey = try tried.surveyOfEverything()
    #expect(survey.repair.map(\.share) == [0, 0.2, 0.5, 1])
    let best = try #require(survey.repair.min { $0.divergence < $1.divergence })
    #expect(survey.repairShare == best.share)
    #expect(survey.text.contains("is used") == (best.share > 0))
    try bench.convert([Self.heads(true, share: nil), Self.neurons(true)])
    let chosen = try PackReader(path: bench.output)
    let given = best.share > 0 ? Self.heads(true, share: best.share) : Self.heads(false)
    try bench.convert([given, Self.neurons(true)], to: bench.folder.path + "/given.quire")
    let pack = try PackReader(path: bench.folder.path + "/given.quire")
    for tensor in [LayerTensor.outputProjection, .downProjection] {
      for layer in 0..<3 {
        #expect(try floats(chosen, .layer(layer, tensor)) == floats(pack, .layer(layer, tensor)))
      }
    }
  }

  private func floats(_ pack: PackReader, _ name: TensorName) throws -> [Float] {
    floats(try Model(pack: pack, team: bench.compute.team), name)
  }

  private func floats(_ model: Model, _ name: TensorName) -> [Float] {
    let values = model.matrix(name).dequantized(kernels: bench.compute.kernels)
    return withExtendedLifetime(values) { Array(values.buffer) }
  }

  /// A trial's result is what the definition says: the pruned model in each half of the windows, with the repair of the other
  /// half, against the unpruned one. Without repair both halves have the same model.
  @Test func aTrialWithoutRepairMeasuresThePrunedModel() throws {
    TinyCheckpoint(layerCount: 2, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let recipe = bench.recipe([
      .pruneHeads(.init(unit: .queryHead, removal: .uniform(1)))
    ])
    let survey = try bench.converter(recipe).surveyOfEverything()
    let outcome = try #require(survey.repair.first)
    #expect(outcome.share == 0)
    #expect(outcome.divergence > 0 && outcome.divergence < 10)
    // Nothing removed, nothing to repair: there is no trial.
    let idle = bench.recipe([.pruneHeads(.init(unit: .queryHead, removal: .uniform(0)))])
    #expect(try bench.converter(idle).isSettled)
    #expect(try bench.converter(idle).surveyOfEverything().repair.isEmpty)
  }

  /// Smoothing prepares for a later step that rounds and that the trials of repair do without.
  @Test func smoothingMayComeBeforePruning() throws {
    TinyCheckpoint(layerCount: 2, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let prune = RecipeStep.pruneNeurons(.init(group: 32, removal: .uniform(32)))
    let round = RecipeStep.quantize(.init(target: .int4(group: 32)))
    let survey = try bench.converter(bench.recipe([prune, round])).surveyOfEverything()
    let smoothed = bench.recipe([.smooth(.init(method: .awq)), prune, round])
    #expect(try bench.converter(smoothed).surveyOfEverything().repair == survey.repair)
    try bench.convert(smoothed.steps)
    try PackReader(path: bench.output).verify(team: bench.compute.team)
  }

  /// A rotated tied model has a head of its own, with the final norm in it.
  @Test(arguments: [true, false]) func trialsMeasureTheRotatedModel(isTied: Bool) throws {
    TinyCheckpoint(
      layerCount: 2, queryHeadCount: 6, keyValueHeadCount: 3, tiesEmbeddings: isTied, element: "F32"
    ).write(to: bench.folder)
    let prune = RecipeStep.pruneHeads(.init(unit: .keyValueGroup, removal: .perLayer([1, 1])))
    let plain = try bench.converter(bench.recipe([prune])).surveyOfEverything().repair
    let rotated = try bench.converter(bench.recipe([.rotate(.init()), prune])).surveyOfEverything().repair
    for (one, other) in zip(plain, rotated) {
      #expect(abs(one.divergence - other.divergence) < 0.1 * one.divergence, "\(one) \(other)")
    }
  }

  /// The beginning of a recipe, as the evaluation measures it, gets the share of the whole one.
  @Test func aBeginningHasTheShareOfTheWhole() throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let steps: [RecipeStep] = [
      Self.heads(true, share: nil), .pruneNeurons(.init(group: 32, removal: .uniform(32))),
      .quantize(.init(target: .int8())),
    ]
    let whole = try bench.converter(bench.recipe(steps)).surveyOfEverything()
    let beginning = try bench.converter(
      bench.recipe(Array(steps.prefix(1)), upcoming: Array(steps.dropFirst()))
    ).surveyOfEverything()
    #expect(!whole.repair.isEmpty && whole.repair == beginning.repair)
  }
}
